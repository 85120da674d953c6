"""Does every compiled entry compute what its definition says, here and now? Values and gradients, in both of its types.

`rdmf doctor` shows the rows. The definitions are the torch functions beside each kernel, in float64.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rdmf_model.ops import designs
from rdmf_model.ops.reaction_diffusion import available_backends, reaction_diffusion
from rdmf_model.ops.reaction_diffusion.driven import (
    Drive,
    Rates,
    Readout,
    driven_reaction_diffusion,
    driven_readout,
)
from rdmf_model.ops.scores.local_contrast import local_contrast
from rdmf_model.ops.scores.scaled_tanh import scaled_tanh
from rdmf_model.ops.scores.text_match import text_match

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
"""Of 1 plus the definition's largest number: some thousand roundings."""

Outputs = tuple[Tensor, ...]


class Entry(NamedTuple):
    """A compiled operator, its definition, and inputs that are differentiated, in order."""

    name: str
    compiled: Callable[..., Any]
    definition: Callable[..., Any]
    inputs: tuple[Tensor, ...]


def _box_definition(raw: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    share = torch.sigmoid(raw)
    offset = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0], dtype=raw.dtype)
    low, high = lower - offset, upper - offset
    geometric = torch.exp(torch.log(low) + share * (torch.log(high) - torch.log(low)))
    return offset + torch.where(torch.arange(5) < 2, low + share * (high - low), geometric)


def _emit_definition(coordinates: Tensor) -> Tensor:
    """DESIGN formulas of a v-rich state in the chart, written once more; see docs/mathematics.md."""
    u, z, excess, wavelength, w = coordinates.unbind(-1)
    root, wider = (1 - 2 * u).sqrt(), (2 - 2 * u).sqrt()
    threshold = z * (root + wider).square()
    d = excess * threshold
    growth = (d + z - 2 * (2 * d * z * (1 - u)).sqrt()) / (d - 1)
    fastest = ((d - z) - (d + 1) * growth) / (2 * d)
    D_v = w * fastest / (4 * torch.sin(torch.pi / wavelength).square())
    s = w / (z * u.square() * (1 - u))
    return torch.stack([w * z * u, w * (1 - z * u), s, d * D_v, D_v, z * u * (1 - u)])


def _entries() -> list[Entry]:
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int, low: float = 0.1, high: float = 0.5) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    batch, clips, channels, heads, scores, steps = 3, 9, 20, 4, 6, 5
    lengths, mask = torch.tensor([9, 5, 1]), torch.arange(9) < torch.tensor([[9], [5], [1]])
    video, tilt = (2 * uniform(batch, clips, channels, low=-1.0, high=1.0) for _ in range(2))
    fields = [uniform(batch, clips, channels, high=1.0) for _ in range(3)]
    rates = [
        uniform(batch, channels, low=low, high=high) for low, high in ((0.02, 0.06),) * 2 + ((2.0, 9.0), (0.2, 1.0))
    ]
    ranges = ((0.3, 0.49), (0.2, 0.6), (0.5, 2.0), (-1.0, -0.1), (0.1, 1.0), (0.0, 0.9))
    drive = [uniform(batch, channels, low=low, high=high) for low, high in ranges]
    weights = [uniform(channels, low=-1.0, high=1.0) for _ in range(3)]
    lower, upper = (
        torch.tensor(x, dtype=torch.float64) for x in ((0.3, 1.1, 1.2, 6.0, 0.1), (0.45, 1.7, 3.0, 30.0, 0.9))
    )
    raw = uniform(7, 5, low=-2.0, high=2.0)

    def operator(backend: str | None) -> Callable[..., Any]:
        return lambda *x: reaction_diffusion(*x, lengths, steps=steps, backend=backend)  # type: ignore[misc]

    def driven(backend: str | None) -> Callable[..., Any]:
        return lambda tilt, *rows: driven_reaction_diffusion(
            tilt, Drive(*rows[:6]), Rates(*rows[6:]), lengths, steps=steps, backend=backend
        )

    def readout(backend: str | None) -> Callable[..., Any]:
        def call(tilt: Tensor, video: Tensor, *rows: Tensor) -> Outputs:
            parts = Drive(*rows[:6]), Rates(*rows[6:10]), Readout(*rows[10:])
            return driven_readout(tilt, *parts, video, lengths, steps=steps, backend=backend)

        return call

    def match(backend: str | None) -> Callable[..., Any]:
        return lambda *x: text_match(*x, backend=backend)

    def contrast(backend: str | None) -> Callable[..., Any]:
        return lambda x, offset: local_contrast(x, mask, 2, offset=offset, backend=backend)

    matched = (video, uniform(batch, channels, low=-1.0), uniform(heads), uniform(scores, channels, low=-1.0))
    return [
        Entry("reaction_diffusion", operator("cpu"), operator("reference"), (*fields, *rates)),
        Entry("driven_reaction_diffusion", driven("cpu"), driven("reference"), (tilt, *drive, *rates)),
        Entry("driven_readout", readout("cpu"), readout("reference"), (tilt, video, *drive, *rates, *weights)),
        Entry("text_match", match("cpu"), match("reference"), matched),
        Entry("local_contrast", contrast("cpu"), contrast("reference"), (video, weights[0])),
        Entry(
            "scaled_tanh", lambda x, y: scaled_tanh(x, y, "cpu"), lambda x, y: torch.tanh(x * y), (video, weights[0])
        ),
        Entry(
            "box_coordinates",
            lambda x: designs.box_coordinates(x, lower.to(x.dtype), upper.to(x.dtype), 88.0),
            lambda x: _box_definition(x, lower, upper),
            (raw,),
        ),
        Entry(
            "emit_designs",
            lambda x: designs.emit(x)[:6],
            _emit_definition,
            (_box_definition(raw, lower, upper),),
        ),
    ]


def _differentiated(run: Callable[..., Any], inputs: tuple[Tensor, ...], dtype: torch.dtype) -> Outputs:
    leaves = [x.to(dtype).requires_grad_() for x in inputs]
    with torch.enable_grad():
        found = run(*leaves)
        outputs = found if isinstance(found, tuple) else (found,)
        generator = torch.Generator().manual_seed(1)
        total = sum(
            (torch.randn(x.shape, generator=generator, dtype=torch.float64).to(dtype) * x).sum() for x in outputs
        )
        bars = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)  # type: ignore[arg-type]
    return tuple(x.detach() for x in (*outputs, *bars))


def check_kernels() -> list[dict[str, Any]]:
    """A row per compiled entry and type: name, dtype, works, error (relative, of gradients too), milliseconds, reason.

    Empty where there are no compiled kernels.
    """
    if "cpu" not in available_backends("cpu"):
        return []
    rows: list[dict[str, Any]] = []
    for entry in _entries():
        truth = _differentiated(entry.definition, entry.inputs, torch.float64)
        for dtype, tolerance in TOLERANCE.items():
            row: dict[str, Any] = {"name": entry.name, "dtype": str(dtype).removeprefix("torch."), "error": None}
            started = time.perf_counter()
            try:
                found = _differentiated(entry.compiled, entry.inputs, dtype)
                pairs = list(zip(found, truth, strict=True))
                parts = [float((x.double() - y).abs().max() / (1 + y.abs().max())) for x, y in pairs]
                # NaN is the largest
                row["error"] = max(parts, key=lambda part: (part != part, part))
                row["works"] = bool(row["error"] <= tolerance)
                row["reason"] = None if row["works"] else f"differs from its definition by {row['error']:.1e}"
            except Exception as failure:  # a broken kernel may raise anything; the doctor reports it
                row |= {"works": False, "reason": f"fails ({type(failure).__name__}: {failure})"}
            rows.append(row | {"milliseconds": 1e3 * (time.perf_counter() - started)})
    return rows


__all__ = ["check_kernels"]
