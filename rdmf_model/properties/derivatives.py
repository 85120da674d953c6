"""How does the operator answer to changes? Gradients have a bound, and more gain at a clip favours that clip.

Both follow from one fact (docs/verification.md): A = diag(r) - D Lap has a non-negative inverse and A 1 = r, so
max_t (A^-1 x)_t <= max_t x_t / r_t.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

from rdmf_model.properties.base import Margins, Property, Scope
from rdmf_model.properties.fields import State, states
from rdmf_model.properties.model_under_test import ModelUnderTest
from rdmf_model.properties.symmetry import ordinary

GRADIENT_ERROR = 1e-9
"""Of the bound: float64 rounding of the bound and of the gradient."""

MONOTONE_ERROR = 1e-11
"""Of the largest change: float64 rounding of differences of fields."""


def step_norms(u_next: Tensor, v: Tensor, gain: Tensor, F: Tensor, k: Tensor) -> Tensor:
    """Bounds of the four blocks of one step's Jacobian in the maximum norm, per channel: (2, 2, C).

    With r = 1 + F + s v^2: d u'/d u <= max 1/r, d u'/d v <= max 2 s v u'/r; and, as B 1 = 1 + w,
    d v' <= max(1 + 2 s u' v)/(1 + w) d v + max(s v^2)/(1 + w) d u'.
    """
    r, w = 1 + F + gain * v**2, F + k
    uu, uv = (1 / r).amax(0), (2 * gain * v * u_next / r).amax(0)
    own, through = (1 + 2 * gain * u_next * v).amax(0) / (1 + w), (gain * v**2).amax(0) / (1 + w)
    return torch.stack([torch.stack([uu, uv]), torch.stack([through * uu, own + through * uv])])


def check_gradient_bound(tested: ModelUnderTest, state: State) -> Margins:
    """Margins of the gradients of a loss of slope at most 1, in the 1-norm, below the product of the steps' norms."""
    u0, v0, gain, F, k, D_u, D_v, lengths = ordinary(tested, state)
    with torch.no_grad():
        u, v = u0, v0
        norms = torch.eye(2, dtype=torch.float64)[..., None].expand(2, 2, F.shape[1])
        for _ in range(tested.steps):
            u_next, v_next = tested.operate(u, v, gain, F, k, D_u, D_v, lengths, steps=1)
            step = step_norms(u_next[0], v[0], gain[0], F[0], k[0])
            norms, u, v = torch.einsum("ijc,jkc->ikc", step, norms), u_next, v_next
    generator = torch.Generator().manual_seed(state.seed)
    slope = torch.randn(2, state.clips, F.shape[1], generator=generator, dtype=torch.float64)
    # the loss's slopes along u_N and v_N add up to 1 each, in every channel
    slope = slope / slope.abs().sum(1, keepdim=True)
    with torch.enable_grad():
        start = [u0.clone().requires_grad_(), v0.clone().requires_grad_()]
        u, v = tested.differentiable(*start, gain, F, k, D_u, D_v, lengths)
        gradients = torch.autograd.grad((slope[0] * u[0] + slope[1] * v[0]).sum(), start)
    margins = {}
    for index, name in enumerate(("u0", "v0")):
        size = gradients[index][0].abs().sum(0)
        allowed = norms[:, index].sum(0) * (1 + GRADIENT_ERROR) + GRADIENT_ERROR
        margins[name] = float((1 - size / allowed).amin())
    return margins


@dataclass(frozen=True)
class Raise:
    """A state in which one clip's gain is raised by a factor 1 + `share`."""

    state: State
    clip: int
    share: float


def raises(tested: ModelUnderTest) -> st.SearchStrategy[Raise]:
    """Small and large raises at any clip of any state."""
    return st.builds(Raise, states(tested), st.integers(0, 95), st.sampled_from((0.1, 1.0, 1e-3)))


@torch.no_grad()
def check_monotone(tested: ModelUnderTest, raised: Raise) -> Margins:
    """Margins of v's change at the raised clip: at least 0, and at least that of every other clip."""
    u0, v0, gain, *rates = ordinary(tested, raised.state)
    clip = raised.clip % gain.shape[1]
    more = gain.clone()
    more[:, clip] *= 1 + raised.share
    _, before = tested.operate(u0, v0, gain, *rates, steps=1)
    _, after = tested.operate(u0, v0, more, *rates, steps=1)
    change = (after - before)[0]
    allowed = MONOTONE_ERROR * (1 + after[0].abs().amax(0))
    others = change[clip] - change.amax(0)
    return {"rises": float((change[clip] + allowed).amin()), "most": float((others + allowed).amin())}


DERIVATIVE_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="gradient_bound",
        statement="Gradients through all steps stay below the product of the steps' own bounds, and those are finite.",
        latex=r"\|\nabla_{(u_0, v_0)}\ell\|_1 \le \prod_n \|M_n\|\; \|\nabla_{(u_N, v_N)}\ell\|_1",
        theorem="ClipLaplacian.nonnegative_solution, ClipLaplacian.solution_below; derived in docs/verification.md",
        strategy=states,
        check=check_gradient_bound,
        tolerance=f"{GRADIENT_ERROR:g} of the bound: float64 rounding",
        scope=Scope.OPERATOR,
        effort=4,
    ),
    Property(
        name="monotone_step",
        statement="In one step, from any state, a higher gain at one clip never lowers the activator there, "
        "and raises it at no other clip more.",
        latex=r"\partial v_{n+1,t} / \partial s_t \ge \max(0, \partial v_{n+1,i} / \partial s_t)",
        theorem="ClipLaplacian.nonnegative_solution; docs/verification.md derives it and shows that N steps differ",
        strategy=raises,
        check=check_monotone,
        tolerance=f"{MONOTONE_ERROR:g} of 1 + max v: float64 rounding of a difference",
        scope=Scope.OPERATOR,
    ),
)
