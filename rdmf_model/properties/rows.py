"""Is every step right in batches: rows with rates and lengths of their own, any number of clips, steps and channels?

In the type that answers and in float64, each within its own rounding. A run of n steps is checked by its last step:
from where n - 1 steps arrive, one step of the definition has to lead where n steps arrive, to the rounding of one
step. That holds for every n, so no error is allowed to grow, and whatever pattern grows excuses none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from rdmf_model.properties.base import Margins, Property, Scope
from rdmf_model.properties.inputs import seeds, sources
from rdmf_model.properties.model_under_test import Draw, ModelUnderTest, OwnLayer, Source
from rdmf_model.properties.truth import ROUNDINGS, Steps, run_steps, slope, step_error

UNIT = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}

GRADIENT_ERROR = {torch.float32: 1e-4, torch.float64: 1e-9}
"""Of the sum of what the entries contribute: some thousand roundings of float32, some million of float64."""

MOST_WORK = 6000
"""Clips times steps of one example, for the sake of time."""

NAMES = ("u0", "v0", "gain", "F", "k", "D_u", "D_v")


@dataclass(frozen=True)
class Rows:
    """Rows of one batch: the sources of their designs, the clips of the longest, steps, channels (0: the model's).

    `ragged`: the other rows are shorter.  `double`: in float64.  States are up to `largest_v`, gains up to 1.5 s.
    """

    sources: tuple[Source, ...]
    clips: int = 2
    steps: int = 1
    channels: int = 0
    ragged: bool = False
    double: bool = False
    largest_v: float = 1.0
    seed: int = 0

    def inputs(self, tested: ModelUnderTest) -> list[Tensor]:
        """u0, v0, gain (B, T, C), F, k, D_u, D_v (B, C), lengths (B,)."""
        dtype = torch.float64 if self.double else torch.float32
        with torch.no_grad():
            rows = [_designs(tested, source, self.channels) for source in self.sources]
        F, k, s, D_u, D_v = (torch.cat([row[j] for row in rows]).to(dtype) for j in range(5))
        generator = torch.Generator().manual_seed(self.seed)
        shape = (3, len(rows), self.clips, F.shape[1])
        u0, v0, gain = torch.rand(shape, generator=generator).to(dtype)
        lengths = torch.full((len(rows),), self.clips)
        if self.ragged:
            lengths = torch.randint(1, self.clips + 1, (len(rows),), generator=generator)
            lengths[self.seed % len(rows)] = self.clips
        return [u0, self.largest_v * v0, (0.5 + gain) * s[:, None], F, k, D_u, D_v, lengths]


def _designs(tested: ModelUnderTest, source: Source, channels: int) -> list[Tensor]:
    """F, k, s, D_u, D_v of `channels` channels, (1, channels): an operator of one's own is tried on any number."""
    blocks = [tested.design(source)]
    if isinstance(tested, OwnLayer) and isinstance(source, Draw):
        while sum(block.F.shape[1] for block in blocks) < channels:
            blocks.append(tested.design(replace(source, seed=source.seed + len(blocks))))
    names = ("F", "k", "s", "D_u", "D_v")
    found = [torch.cat([getattr(block, name) for block in blocks], dim=1) for name in names]
    return [x[:, :channels] if channels else x for x in found]


def as_steps(inputs: list[Tensor], steps: int) -> Steps:
    """The same inputs in float64."""
    *numbers, lengths = inputs
    return Steps(*(x.detach().double().numpy() for x in numbers), lengths=lengths.numpy(), steps=steps)


def last_step(before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor], inputs: list[Tensor]) -> Margins:
    """Margins of `after` against one step of the definition from `before`, by the rounding of their type."""
    given = as_steps([*before, *inputs[2:]], 1)
    truth = run_steps(given)
    margins = {}
    # what it is compared with is rounded, too: in float64 that is as much again
    unit = UNIT[after[0].dtype] + UNIT[torch.float64]
    for name, x, true, error in zip("uv", after, truth, step_error(given, *truth, unit), strict=True):
        worst = np.abs(x.detach().double().numpy() - true) / np.maximum(error, np.finfo(float).tiny)
        margins[name] = 1.0 - float(worst.max())
    padded = np.arange(before[0].shape[1]) >= given.lengths[:, None]
    silent = all(not x.detach().numpy()[padded].any() for x in after)
    return margins | {"padding_is_0": 0.0 if silent else -1.0}


@torch.no_grad()
def check_each_step(tested: ModelUnderTest, batch: Rows) -> Margins:
    """Margins of the last of a batch's steps."""
    inputs = batch.inputs(tested)
    before = (inputs[0], inputs[1])
    if batch.steps > 1:
        before = tested.operate(*inputs, steps=batch.steps - 1)
    return last_step(before, tested.operate(*inputs, steps=batch.steps), inputs)


def check_gradient_values(tested: ModelUnderTest, batch: Rows) -> Margins:
    """Margins of the gradients of all seven inputs, each along a random direction, against complex steps."""
    inputs = batch.inputs(tested)
    dtype, generator = inputs[0].dtype, torch.Generator().manual_seed(batch.seed)
    leaves = [x.clone().requires_grad_() for x in inputs[:-1]]
    with torch.enable_grad():
        u, v = tested.differentiable(*leaves, inputs[-1], steps=batch.steps)
        weights = torch.randn(2, *u.shape, generator=generator).to(dtype)
        loss = (weights[0] * u + weights[1] * v).sum()
        found = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
    given = as_steps(inputs, batch.steps)
    margins = {}
    for name, gradient, leaf in zip(NAMES, found, leaves, strict=True):
        direction = torch.randn(leaf.shape, generator=generator).double()
        # derivatives in padding are 0, and so must the gradients be
        along = {name: direction.numpy()}
        true = slope(given, weights[0].double().numpy(), weights[1].double().numpy(), along)
        terms = gradient.double() * direction
        allowed = GRADIENT_ERROR[dtype] * (float(terms.abs().sum()) + abs(true)) + 1e-30
        margins[name] = 1.0 - abs(float(terms.sum()) - true) / allowed
    return margins


def _batches(
    tested: ModelUnderTest, clips: st.SearchStrategy[int], steps: st.SearchStrategy[int]
) -> st.SearchStrategy[Rows]:
    channels = st.sampled_from((0, 1, 3, 9, 17, 33)) if tested.own_layer else st.just(0)

    def bounded(batch: Rows) -> Rows:
        return replace(batch, steps=max(1, min(batch.steps, MOST_WORK // batch.clips)))

    rows = st.lists(sources(tested), min_size=1, max_size=8).map(tuple)
    sizes = st.sampled_from((1.0, 0.3, 3.0))
    built = st.builds(Rows, rows, clips, steps, channels, st.booleans(), st.booleans(), sizes, seeds())
    return built.map(bounded)


def batches_of_steps(tested: ModelUnderTest) -> st.SearchStrategy[Rows]:
    """One to eight rows; clips to the end of the region's range; up to three times the layer's steps, and one."""
    end = tested.clips[1]
    lengths = sorted({*range(1, 10), 16, 17, 33, 64, 75, 100, 129, 150, 200, 257, 512, 1000, end})
    usual = tested.steps
    counts = (1, 2, usual, usual + 1, 2 * usual + 1, 3 * usual)
    return _batches(tested, st.sampled_from([x for x in lengths if x <= end]), st.sampled_from(counts))


def small_batches(tested: ModelUnderTest) -> st.SearchStrategy[Rows]:
    """Up to eight rows of up to 24 clips, a few steps."""
    return _batches(tested, st.integers(1, 24), st.sampled_from((1, 2, 3, tested.steps)))


ROW_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="each_step",
        statement="In any batch, each row by its own rates and length, every step of a run is a step of the equations, "
        "to the rounding of the type that answers.",
        latex=r"x_n = \Phi(x_{n-1}) \pm \epsilon(1 + \sqrt{D})\max x_n, \quad 1 \le n \le 3N",
        theorem="Step.step_exists, Step.step_unique; the bound is derived in rdmf_model/properties/truth.py",
        strategy=batches_of_steps,
        check=check_each_step,
        tolerance=f"{ROUNDINGS} roundings of its type, and of float64, a row, felt over 1 + sqrt(D) clips",
        scope=Scope.OPERATOR,
    ),
    Property(
        name="gradient_values",
        statement="Gradients of all seven inputs of the operator have the values of the definition's derivatives.",
        latex=r"\langle \nabla_x \ell, d\rangle = \mathrm{Im}\,\ell(x + i h d)/h,"
        r" \quad x \in \{u_0, v_0, s_t, F, k, D_u, D_v\}",
        theorem="by construction: complex steps through the definition, exact to rounding",
        strategy=small_batches,
        check=check_gradient_values,
        tolerance=f"{GRADIENT_ERROR[torch.float64]:g} in float64, {GRADIENT_ERROR[torch.float32]:g} in float32, of the "
        "sum of all entries' contributions: roundings of N steps",
        scope=Scope.OPERATOR,
        effort=2,
    ),
)
