"""Subtly wrong operators, each with the property of `check_layer` that names it.

`python -m tests.properties.layer_faults` judges every fault by every property and prints the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from rdmf_model.ops.reaction_diffusion import reaction_diffusion
from rdmf_model.testing import OPERATOR_PROPERTIES, OwnLayer, run_property
from tests.properties.mutants import Scaled

Inputs = tuple[Tensor, ...]
Layer = Callable[..., tuple[Tensor, Tensor]]


def honest(*inputs: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    return reaction_diffusion(*inputs, steps=steps)  # type: ignore[misc]


def first(change: Callable[..., Inputs]) -> Layer:
    """The operator on changed inputs (u0, v0, gain, F, k, D_u, D_v, lengths)."""
    return lambda *inputs, steps: honest(*change(*inputs), steps=steps)


def then(change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Layer:
    """The operator with changed outputs."""
    return lambda *inputs, steps: change(*honest(*inputs, steps=steps))


def counted(change: Callable[[int], int]) -> Layer:
    """The operator with another number of steps."""
    return lambda *inputs, steps: honest(*inputs, steps=change(steps))


def stepwise(change: Callable[[Tensor], Tensor]) -> Layer:
    """The operator one step at a time, its state changed after each."""

    def layer(u: Tensor, v: Tensor, *rest: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        for _ in range(steps):
            u, v = (change(x) for x in honest(u, v, *rest, steps=1))
        return u, v

    return layer


def in_float32(x: Tensor, factor: float) -> Tensor:
    return factor * x if x.dtype == torch.float32 else x


def rows_from(x: Tensor, row: int, factor: float) -> Tensor:
    """Rows `row` and after times a factor."""
    return torch.cat([x[:row], factor * x[row:]])


def shared(x: Tensor) -> Tensor:
    """The first row's numbers for all rows."""
    return x[:1].expand_as(x)


def scaled(index: int, factor: float) -> Layer:
    """The gradient of one input times a factor."""
    return first(lambda *x: tuple(Scaled.apply(y, factor) if j == index else y for j, y in enumerate(x)))


def at(index: int, change: Callable[[Tensor], Tensor]) -> Layer:
    """One input changed, by its place."""
    return first(lambda *x: tuple(change(y) if j == index else y for j, y in enumerate(x)))


def beyond_channel(x: Tensor, channel: int, factor: float) -> Tensor:
    return torch.cat([x[..., :channel], factor * x[..., channel:]], dim=-1)


U0, V0, GAIN, F, K, D_U, D_V, LENGTHS = range(8)
STEP, SLOPE = "each_step", "gradient_values"

# name, layer, property that has to name it
FAULTS: list[tuple[str, Layer, str]] = [
    ("float32: feed rate off by 1e-4", at(F, lambda x: in_float32(x, 1.0001)), STEP),
    ("float32: kill rate off by 1e-3", at(K, lambda x: in_float32(x, 1.001)), STEP),
    ("float32: u diffuses 1 % more", at(D_U, lambda x: in_float32(x, 1.01)), STEP),
    ("float32: gain off by 1e-3", at(GAIN, lambda x: in_float32(x, 1.001)), STEP),
    ("float32: rates in bfloat16", at(F, lambda x: x.bfloat16().to(x.dtype) if x.dtype == torch.float32 else x), STEP),
    ("state kept in half precision", stepwise(lambda x: x.half().to(x.dtype)), STEP),
    ("state kept in bfloat16", stepwise(lambda x: x.bfloat16().to(x.dtype)), STEP),
    ("state rounded to 1e-4", stepwise(lambda x: (1e4 * x).round() / 1e4), STEP),
    ("noise of 1e-4 in u", then(lambda u, v: (u * (1 - 1e-4 * torch.rand_like(u)), v)), STEP),
    ("noise of 1e-4 in v", then(lambda u, v: (u, v * (1 - 1e-4 * torch.rand_like(v)))), STEP),
    ("float64 computed in float32", lambda *x, steps: tuple(
        y.to(x[0].dtype) for y in honest(*(z.float() if z.is_floating_point() else z for z in x), steps=steps)), STEP),
    ("rows share the first row's feed rate", at(F, shared), STEP),
    ("rows share the first row's kill rate", at(K, shared), STEP),
    ("rows share the first row's D_u", at(D_U, shared), STEP),
    ("rows share the first row's D_v", at(D_V, shared), STEP),
    ("rows share the first row's length", at(LENGTHS, shared), STEP),
    ("rows share the first row's gain", at(GAIN, shared), STEP),
    ("second row starts from the first row's u", at(U0, shared), STEP),
    ("rows beyond the fourth react 1 % more", at(GAIN, lambda x: rows_from(x, 4, 1.01)), STEP),
    ("rows beyond the seventh diffuse 1 % more", at(D_V, lambda x: rows_from(x, 7, 1.01)), STEP),
    ("channels beyond 8 diffuse 1 % more", at(D_V, lambda x: beyond_channel(x, 8, 1.01)), STEP),
    ("channels beyond 16 are fed 1 % more", at(F, lambda x: beyond_channel(x, 16, 1.01)), STEP),
    ("channels beyond 32 react 1 % more", at(GAIN, lambda x: beyond_channel(x, 32, 1.01)), STEP),
    ("the last channel is the first", then(lambda u, v: (u, torch.cat([v[..., :-1], v[..., :1]], -1))), STEP),
    ("one step too many", counted(lambda n: n + 1), STEP),
    ("steps beyond 12 ignored", counted(lambda n: min(n, 12)), STEP),
    ("steps beyond 24 ignored", counted(lambda n: min(n, 24)), STEP),
    ("odd numbers of steps lose one", counted(lambda n: n - n % 2), STEP),
    ("at most one step", counted(lambda n: min(n, 1)), STEP),
    ("clips beyond 128 diffuse nowhere",
     lambda *x, steps: honest(*x, steps=steps) if x[0].shape[1] <= 128 else
     tuple(torch.cat([y[:, :128], z[:, 128:]], 1) for y, z in zip(honest(*x, steps=steps), x[:2], strict=True)), STEP),
    ("clips beyond 512 are lost",
     then(lambda u, v: (u, torch.cat([v[:, :512], 0 * v[:, 512:]], 1))), STEP),
    ("short videos diffuse 1 % more",
     first(lambda u, v, g, f, k, a, b, n: (u, v, g, f, k, a, (1.01 if u.shape[1] < 8 else 1.0) * b, n)), STEP),
    ("videos of one clip decay",
     then(lambda u, v: (u, 0.999 * v if v.shape[1] == 1 else v)), STEP),
    ("padding holds the last clip",
     lambda *x, steps: tuple(torch.where(y == 0, 1e-30, y) for y in honest(*x, steps=steps)), STEP),
    ("slope of u0 halved", scaled(U0, 0.5), SLOPE),
    ("slope of v0 off by 1 %", scaled(V0, 1.01), SLOPE),
    ("slope of the gain doubled", scaled(GAIN, 2.0), SLOPE),
    ("slope of F lost", scaled(F, 0.0), SLOPE),
    ("sign of the slope of k", scaled(K, -1.0), SLOPE),
    ("slope of D_u off by 1 %", scaled(D_U, 1.01), SLOPE),
    ("slope of D_v lost", scaled(D_V, 0.0), SLOPE),
    ("slope through u alone", then(lambda u, v: (u, v.detach())), SLOPE),
    ("slopes of float32 off by 1e-3",
     first(lambda *x: (Scaled.apply(x[0], 1.001 if x[0].dtype == torch.float32 else 1.0), *x[1:])), SLOPE),
]  # fmt: skip


def own_layer(layer: Layer) -> OwnLayer:
    return OwnLayer(layer, steps=12, channels=8)


def main() -> None:
    torch.set_num_threads(1)
    survived = 0
    for name, layer, _ in [("(none: the operator itself)", honest, ""), *FAULTS]:
        started = time.perf_counter()
        found = [prop for prop in OPERATOR_PROPERTIES if not run_property(prop, own_layer(layer), 50).holds]
        survived += not found
        caught = ", ".join(prop.name for prop in found) or "SURVIVES"
        print(f"{name:45s} {caught}  {time.perf_counter() - started:.0f} s", flush=True)
    print(f"{len(FAULTS) + 1 - survived} of {len(FAULTS)} faults are caught")


if __name__ == "__main__":
    main()
