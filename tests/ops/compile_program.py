"""Run by test_triton in its own process: compile both kernels for a GPU to machine code, without having one.

Prints one line per compiled kernel: name, instruction set, shape, bytes of machine code.
"""

import sys
from typing import Any

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from rdmf_model.ops.reaction_diffusion.gpu_kernel import backward_kernel, forward_kernel

RATES = {"F", "k", "D_u", "D_v", "F_bar", "k_bar", "D_u_bar", "D_v_bar", "scratch"}
COUNTS = {"tiles", "windows", "halo", "stride", "clips", "channels"}


def compile_kernel(kernel: Any, block_t: int, block_c: int, field: str, one: set[str], capability: int) -> bytes:
    """Machine code for fields of Triton type `field`; arguments in `one` are specialised to 1, as the launcher does."""
    accumulator = "fp64" if field == "fp64" else "fp32"
    constants: dict[str, Any] = {
        "STEPS": 3,
        "STEP_SIZE": 1.0,
        "LIMIT": 1e15,
        "RAGGED": "lengths" not in one,
        "BLOCK_T": block_t,
        "BLOCK_C": block_c,
        "ACC": tl.float64 if field == "fp64" else tl.float32,
    }
    if kernel is backward_kernel:
        constants["SEGMENT"] = 2
    constants |= {name: 1 for name in one if name in kernel.arg_names and name != "lengths"}
    if "lengths" in one:
        constants["lengths"] = None

    def kind(name: str) -> str:
        if name in constants:
            return "constexpr"
        if name in COUNTS or name.endswith(("_batch", "_clip", "_channel")):
            return "i32"
        return "*i64" if name == "lengths" else f"*{accumulator if name in RATES else field}"

    source = ASTSource(kernel, {name: kind(name) for name in kernel.arg_names}, constants)
    options = {"num_warps": max(1, block_t * block_c // 256), "num_stages": 1}
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options).asm["cubin"]


STRIDES = {"u0_channel", "v0_channel", "gain_channel"}
CASES = [
    (16, 4, "bf16", STRIDES | {"windows"}, 90),
    (16, 1, "fp32", STRIDES | COUNTS - {"halo"} | {"lengths"}, 80),
]
for block_t, block_c, field, one, capability in CASES:
    for kernel in (forward_kernel, backward_kernel):
        code = compile_kernel(kernel, block_t, block_c, field, one, capability)
        if not code:
            sys.exit(f"{kernel.__name__} has no machine code")
        print(kernel.__name__, f"sm_{capability}", f"{block_t}x{block_c}", field, len(code))
