"""Compiles the optional CPU kernels into this folder.

Runs on installation (hatch_build.py loads this file by its path, so it uses the standard library only) and by hand:
`python -m rdmf_model.ops.native.build`. The compiler is $CXX, else $CC, else c++; without one that works the package
runs on its torch backends.

`python -m rdmf_model.ops.native.build --sanitize FILE` compiles the same sources with AddressSanitizer and
UndefinedBehaviorSanitizer into FILE: `RDMF_LIBRARY=FILE LD_PRELOAD=$(c++ -print-file-name=libasan.so) python ...` ends
at the first byte that a kernel reads or writes where it must not (`tests/ops/test_sanitizers.py`).
"""

import argparse
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
LIBRARY = FOLDER / "librdmf.so"
# Each compiled once per instruction set, and once for what chooses among them.
PER_VARIANT = ("steps_kernels.cpp", "scores_kernels.cpp")
CHOOSING = ("steps.cpp", "scores.cpp")
HEADERS = (
    "steps.hpp",
    "exponential.hpp",
    "lanes.hpp",
    "block.hpp",
    "adjoint.hpp",
    "driver.hpp",
    "scores.hpp",
    "vectors.hpp",
    "share.hpp",
    "pages.hpp",
    "match.hpp",
    "contrast.hpp",
    "squash.hpp",
    "formulas.hpp",
    "design.hpp",
)
SOURCES = (*HEADERS, *PER_VARIANT, *CHOOSING, "build.py")
# Contraction gives fused multiply-adds on any compiler. No reassociation is allowed: NaN and the bounds are kept.
FLAGS = (
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
)
SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
BASELINE = ("-DRDMF_VARIANT=baseline", "-DRDMF_VECTOR_BYTES=16")
X86_VARIANTS = (
    ("-DRDMF_VARIANT=avx2", "-DRDMF_VECTOR_BYTES=32", "-mavx2", "-mfma"),
    ("-DRDMF_VARIANT=avx512", "-DRDMF_VECTOR_BYTES=64", "-mavx512f", "-mavx512vl", "-mavx512dq", "-mavx512bw", "-mfma"),
)


class BuildError(RuntimeError):
    """The kernel could not be compiled; the message says why."""


def source_hash() -> str:
    """What the library must have been built from, as an identifier."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((FOLDER / name).read_bytes())
    return "h" + digest.hexdigest()[:16]


def build(target: Path = LIBRARY, *, sanitize: bool = False) -> Path:
    """Compiles every variant, links them into `target` and returns its path. Raises BuildError.

    sanitize: with checks of memory and arithmetic, the baseline variant only, since all come from the same source.
    """
    checks = SANITIZE if sanitize else ()
    compiler = _compiler()
    variants: list[tuple[str, ...]] = [BASELINE]
    defines = [f"-DRDMF_SOURCE={source_hash()}"]
    if platform.machine().lower() in ("x86_64", "amd64") and not sanitize:
        variants += X86_VARIANTS
    else:
        defines.append("-DRDMF_BASELINE_ONLY")
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        # Of an inline function that several objects hold the linker keeps the first: the least instruction set comes
        # first, so that no processor meets an instruction that it does not have.
        parts = [(source, tuple(defines)) for source in CHOOSING]
        parts += [(source, flags) for flags in variants for source in PER_VARIANT]
        for number, (source, flags) in enumerate(parts):
            objects.append(str(Path(folder, f"{number}.o")))
            _run([*compiler, *FLAGS, *checks, *flags, "-c", str(FOLDER / source), "-o", objects[-1]])
        linked = Path(folder, target.name)
        runtime = "-lc++" if sys.platform == "darwin" else "-lstdc++"
        _run([*compiler, *checks, "-shared", "-pthread", *objects, runtime, "-o", str(linked)])
        # Into place in one step: a process that has the old library open keeps it.
        staged = target.with_suffix(f".{os.getpid()}.tmp")
        try:
            shutil.copy2(linked, staged)
            staged.replace(target)
        except OSError as error:
            staged.unlink(missing_ok=True)
            raise BuildError(f"{target} cannot be written: {error}") from error
    return target


def _compiler() -> list[str]:
    named = os.environ.get("CXX") or os.environ.get("CC")
    command = shlex.split(named) if named else ["c++"]
    if shutil.which(command[0]) is None:
        raise BuildError(f"no C++ compiler: {command[0]!r} is not on the path (set CXX)")
    return command


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise BuildError(f"{command[0]} failed with status {done.returncode}: {lines[0]}")


def main() -> None:
    """The program: build the library, or with `--sanitize` another one that checks itself."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name if __spec__ else 'build'}")
    parser.add_argument("--sanitize", type=Path, metavar="FILE", help="with AddressSanitizer and UBSan, into FILE")
    chosen = parser.parse_args().sanitize
    print(build(chosen, sanitize=True) if chosen else build())


if __name__ == "__main__":
    main()
