"""Contract checks that many tests share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from rdmf_theory.chart import PatternDesign
from rdmf_theory.regions.admissible import COORDINATES, AdmissibleRegion

if TYPE_CHECKING:
    from torch import Tensor


def box_designs(region: AdmissibleRegion, points: int = 7) -> PatternDesign:
    """A grid of designs over the region's box, corners included; excess - 1, wavelength and rate are geometric."""
    axes = []
    for name, low, high in zip(COORDINATES, region.lower, region.upper, strict=True):
        if name == "excess":
            axes.append(1 + np.geomspace(low - 1, high - 1, points))
        else:
            axes.append((np.linspace if name in ("u_star", "z") else np.geomspace)(low, high, points))
        # geomspace may miss its own end by a rounding error
        axes[-1][[0, -1]] = low, high
    return PatternDesign(*(axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")))


def check_region(region: AdmissibleRegion, points: int = 7) -> None:
    """Every design of the region's box satisfies every named condition, and the region survives JSON."""
    for name, condition in region.conditions(box_designs(region, points)).items():
        assert np.all(condition.holds), f"{name} fails in the box, worst margin {np.min(condition.margin)}"
    assert AdmissibleRegion.from_dict(region.to_dict()) == region


def check_operator(
    reference: Callable[..., tuple[Tensor, ...]],
    fast: Callable[..., tuple[Tensor, ...]],
    inputs: Mapping[str, Tensor],
    padding: Mapping[str, Tensor],
    *,
    tolerance: float,
    output_padding: Tensor | None = None,
) -> None:
    """Compares a fast operator with the float64 reference: every output entry by entry, and every gradient.

    Arguments:
        reference, fast: called with `inputs` by keyword; return the same number of tensors.
        inputs: floating-point tensors, all of them differentiated.
        padding: name of an input -> boolean mask of the entries that must not matter. They are NaN for `fast` and 0 for
            `reference`; their gradient must be exactly 0.
        tolerance: for outputs relative to each entry, for gradients relative to the tensor's largest entry.
        output_padding: mask of output entries that must be exactly 0.
    """
    import torch  # here, for the tests of the theory do without

    truth_inputs = {name: x.detach().double() for name, x in inputs.items()}
    poisoned = {name: x.detach().clone() for name, x in inputs.items()}
    for name, mask in padding.items():
        truth_inputs[name] = truth_inputs[name].masked_fill(mask, 0.0)
        poisoned[name].masked_fill_(mask, float("nan"))
    truth_outputs, truth_gradients = _differentiated(reference, truth_inputs)
    outputs, gradients = _differentiated(fast, poisoned)
    assert len(outputs) == len(truth_outputs), "the operators return a different number of tensors"
    for number, (got, expected) in enumerate(zip(outputs, truth_outputs, strict=True)):
        error = (got.double() - expected).abs()
        assert torch.all(error <= tolerance * expected.abs()), f"output {number}: off by {float(error.max()):.3g}"
        if output_padding is not None:
            assert torch.all(got[output_padding] == 0), f"output {number}: padding is not 0"
    for name, expected in truth_gradients.items():
        got = gradients[name]
        assert got.dtype == inputs[name].dtype, f"gradient of {name} has dtype {got.dtype}"
        assert torch.all(torch.isfinite(got)), f"gradient of {name} is not finite"
        if name in padding:
            assert torch.all(got[padding[name]] == 0), f"gradient of {name}: padding leaks"
        scale = float(expected.abs().max()) if expected.numel() else 0.0
        error = float((got.double() - expected).abs().max()) if expected.numel() else 0.0
        assert error <= tolerance * scale, f"gradient of {name}: off by {error:.3g} at scale {scale:.3g}"


def _differentiated(
    operator: Callable[..., tuple[Tensor, ...]], inputs: Mapping[str, Tensor]
) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    import torch

    leaves = {name: x.detach().clone().requires_grad_() for name, x in inputs.items()}
    outputs = operator(**leaves)
    generator = torch.Generator().manual_seed(7)
    # The same cotangents for every precision; they are multiplied in, so that they reach the padding too.
    total = sum((torch.randn(y.shape, generator=generator).to(y) * y).sum() for y in outputs)
    gradients = torch.autograd.grad(total, list(leaves.values()), materialize_grads=True)  # type: ignore[arg-type]
    return tuple(y.detach() for y in outputs), dict(zip(leaves, gradients, strict=True))
