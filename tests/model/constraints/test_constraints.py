"""The constraint: whatever goes in, an admissible design comes out; a stored region that was changed is refused."""

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rdmf_model.constraints.base import COORDINATES, Design, stored_region
from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_theory import formulas
from rdmf_theory.certificates.certify import GAIN_ERROR, PARAMETER_ERROR, Verdict, certify_box
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.regions.admissible import DEFAULT_REGION
from rdmf_theory.turing import classify

EXTREMES = [math.inf, -math.inf, math.nan, 1e30, -1e30, 88.0, -88.0, 104.0, -104.0, 0.0, 1e-45, 17.0, -17.0]


class InTorch(DesignConstraint):
    """The definition, whether or not there are compiled kernels."""

    def transform(self, raw: torch.Tensor, backend: str | None = "adjoint") -> Design:
        return super().transform(raw, backend)


@pytest.fixture(scope="module", params=[DesignConstraint, InTorch], ids=["best", "in torch"])
def constraint(request: pytest.FixtureRequest) -> DesignConstraint:
    return request.param()


def assert_inside(constraint: DesignConstraint, design: Design) -> None:
    coordinates = design.coordinates()
    # compared with the region's own float64 bounds, not with the rounded buffers
    low, high = (torch.tensor(ends, dtype=torch.float64) for ends in (DEFAULT_REGION.lower, DEFAULT_REGION.upper))
    assert bool((coordinates.double() >= low).all())
    assert bool((coordinates.double() <= high).all())
    failed = {name: c for name, c in constraint.check(design).items() if not c.holds}
    assert not failed


def test_random_raws_are_inside(constraint: DesignConstraint) -> None:
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(100_000, 5, generator=generator) * torch.logspace(-2, 2, 5)
    assert_inside(constraint, constraint.transform(raw))


def test_extreme_raws_are_inside_with_finite_gradients(constraint: DesignConstraint) -> None:
    grid = torch.cartesian_prod(*[torch.tensor(EXTREMES[:7])] * 5).requires_grad_()
    design = constraint.transform(grid)
    assert_inside(constraint, design)
    sum(part.sum() for part in vars(design).values()).backward()
    assert grid.grad is not None
    assert bool(torch.isfinite(grid.grad).all())


variants = pytest.mark.parametrize("variant", [DesignConstraint, InTorch], ids=["best", "in torch"])


@variants
@given(raw=st.lists(st.floats(width=32) | st.sampled_from(EXTREMES), min_size=5, max_size=5))
def test_any_float32_is_inside(variant: type[DesignConstraint], raw: list[float]) -> None:
    constraint = variant()
    assert_inside(constraint, constraint.transform(torch.tensor(raw)))


@variants
@given(
    shares=st.lists(st.floats(0.0, 1.0), min_size=10, max_size=10),
    raw=st.lists(st.sampled_from(EXTREMES), min_size=5, max_size=5),
)
def test_a_narrower_box_is_kept_too(variant: type[DesignConstraint], shares: list[float], raw: list[float]) -> None:
    ends = []
    for a, b, low, high in zip(shares[:5], shares[5:], DEFAULT_REGION.lower, DEFAULT_REGION.upper, strict=True):
        ends.append((low + min(a, b) * (high - low) * 0.9, low + (0.1 + 0.9 * max(a, b)) * (high - low)))
    lower, upper = (tuple(end[i] for end in ends) for i in (0, 1))
    coordinates = variant(lower=lower, upper=upper).transform(torch.tensor(raw)).coordinates().double()
    assert bool((coordinates >= torch.tensor(lower, dtype=torch.float64)).all())
    assert bool((coordinates <= torch.tensor(upper, dtype=torch.float64)).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_trip(constraint: DesignConstraint, dtype: torch.dtype) -> None:
    raw = torch.randn(1000, 5, generator=torch.Generator().manual_seed(1), dtype=dtype)
    again = constraint.inverse_transform(constraint.transform(raw).coordinates())
    torch.testing.assert_close(again, raw, rtol=0, atol=2e-5 if dtype == torch.float32 else 1e-9)


def test_inverse_of_the_bounds_is_finite(constraint: DesignConstraint) -> None:
    bounds = torch.stack([constraint.lower, constraint.upper])
    raw = constraint.inverse_transform(bounds)
    assert bool(torch.isfinite(raw).all())
    torch.testing.assert_close(constraint.transform(raw).coordinates(), bounds, rtol=1e-5, atol=0)


def test_zero_is_the_middle_of_the_box(constraint: DesignConstraint) -> None:
    middle = constraint.transform(torch.zeros(5))
    low, high = constraint.lower, constraint.upper
    torch.testing.assert_close(middle.u_star, (low[0] + high[0]) / 2)
    torch.testing.assert_close(middle.excess, 1 + torch.sqrt((low[2] - 1) * (high[2] - 1)))
    torch.testing.assert_close(middle.wavelength, torch.sqrt(low[3] * high[3]))


def test_half_precision_and_a_model_cast_keep_the_bounds() -> None:
    constraint = DesignConstraint().to(torch.bfloat16)
    assert constraint.lower.dtype == torch.float32
    assert_inside(constraint, constraint.transform(torch.tensor([[math.inf] * 5, [-9.0] * 5], dtype=torch.bfloat16)))


def test_rounding_of_parameters_is_within_the_certified_error(constraint: DesignConstraint) -> None:
    design = constraint.transform(torch.randn(300, 5, generator=torch.Generator().manual_seed(2)) * 5)
    worst = 0.0
    with mpmath.workdps(40):
        for row, *emitted in zip(
            design.coordinates().double().tolist(),
            *(getattr(design, name).double().tolist() for name in ("F", "k", "s", "D_u", "D_v")),
            strict=True,
        ):
            exact = formulas.parameters_from_design(*map(mpmath.mpf, row), xp=mpmath)
            worst = max(worst, *(abs(float(a / b - 1)) for a, b in zip(emitted, exact, strict=True)))
    assert 2.0**-26 < worst <= 0.51 * float(PARAMETER_ERROR)


def test_rounding_of_the_gain_is_within_the_certified_error(constraint: DesignConstraint) -> None:
    design = constraint.transform(torch.randn(2000, 5, generator=torch.Generator().manual_seed(3)) * 5)
    u, z, excess = (getattr(design, name).double() for name in ("u_star", "z", "excess"))
    lo, hi = formulas.gain_interval(u, z, excess * formulas.turing_threshold(u, z, xp=torch), xp=torch)
    fraction = float(constraint.modulation_fraction)
    error = 0.0
    for score, bound in ((math.inf, hi**fraction), (-math.inf, lo**fraction)):
        emitted = design.s * constraint.modulate(design, torch.full((2000,), score))
        ratio = emitted.double() / (design.s.double() * bound) - 1
        error = max(error, float(ratio.abs().max()))
    assert 0 < error <= 0.2 * float(GAIN_ERROR)


def test_emitted_numbers_are_turing_exactly_at_every_gain(constraint: DesignConstraint) -> None:
    """The float32 numbers themselves, as rationals: base state and the two ends of the gain interval."""
    corners = torch.cartesian_prod(*[torch.tensor([-math.inf, math.inf])] * 5)
    raw = torch.cat([corners, torch.randn(40, 5, generator=torch.Generator().manual_seed(6)) * 4])
    design = constraint.transform(raw)
    scores = torch.tensor([-math.inf, 0.0, math.inf]).reshape(3, 1)
    gains = design.s * constraint.modulate(design, scores)
    points = zip(*(part.tolist() for part in (design.F, design.k, design.D_u, design.D_v)), strict=True)
    for row, (F, k, D_u, D_v) in enumerate(points):
        for gain in gains[:, row].tolist():
            assert classify(F, k, gain, D_u, D_v).name == "turing"


def test_modulation_is_one_at_zero_increasing_and_inside(constraint: DesignConstraint) -> None:
    design = constraint.transform(torch.randn(4, 1, 8, 5, generator=torch.Generator().manual_seed(4)))
    scores = (torch.arange(-200, 201) / 10).reshape(1, 401, 1)
    gain = constraint.modulate(design, scores)
    assert gain.shape == (4, 401, 8)
    assert bool((gain[:, 200] == 1).all())
    assert bool((gain.diff(dim=1) >= 0).all())
    assert bool((gain > design.gain_lo).all())
    assert bool((gain < design.gain_hi).all())
    extreme = constraint.modulate(design, torch.tensor([math.inf, -math.inf, math.nan]).reshape(1, 3, 1))
    assert bool((extreme[:, 2] == 1).all())
    assert bool(((extreme > design.gain_lo) & (extreme < design.gain_hi)).all())


def test_the_box_of_the_buffers_is_certified(constraint: DesignConstraint) -> None:
    certificate = certify_box(
        constraint.lower.tolist(),
        constraint.upper.tolist(),
        constraint.region,
        modulation_fraction=float(constraint.modulation_fraction),
    )
    assert certificate.verdict is Verdict.CERTIFIED, certificate.detail
    certificate.verify()


def test_modulation_has_finite_gradients(constraint: DesignConstraint) -> None:
    raw = torch.randn(6, 5, generator=torch.Generator().manual_seed(5)).requires_grad_()
    score = torch.tensor([0.0, 1e30, -1e30, math.inf, math.nan, 0.3]).requires_grad_()
    constraint.modulate(constraint.transform(raw), score).sum().backward()
    assert raw.grad is not None
    assert score.grad is not None
    assert bool(torch.isfinite(raw.grad).all())
    assert bool(torch.isfinite(score.grad).all())
    assert score.grad[0] > 0
    assert score.grad[5] > 0


def test_check_names_what_fails(constraint: DesignConstraint) -> None:
    good = constraint.transform(torch.zeros(3, 5))
    assert all(condition.holds for condition in constraint.check(good).values())
    coordinates = good.coordinates()
    coordinates[1, 2] = 0.9
    checked = constraint.check(coordinates)
    assert not checked["turing"].holds
    assert checked["turing"].margin == pytest.approx(-0.1, abs=1e-6)
    assert not checked["box"].holds
    assert checked["v_rich"].holds
    tampered = replace(good, D_u=good.D_u * 0.2)
    assert not constraint.check(tampered)["turing"].holds
    coordinates[1, 2] = math.nan
    assert not any(condition.holds for condition in constraint.check(coordinates).values())


def test_state_dict_carries_the_region(constraint: DesignConstraint) -> None:
    state = constraint.state_dict()
    assert stored_region(state["region_json"]) == DEFAULT_REGION
    DesignConstraint().load_state_dict(state)
    narrow = DesignConstraint(lower=(0.35, 1.1, 1.2, 8.0, 0.1), upper=(0.4, 1.2, 2.0, 12.0, 0.2))
    other = DesignConstraint()
    other.load_state_dict(narrow.state_dict())
    assert torch.equal(other.upper, narrow.upper)


def edited(name: str, index: int | None, value: float) -> dict[str, torch.Tensor]:
    state = {key: tensor.clone() for key, tensor in DesignConstraint().state_dict().items()}
    if index is None:
        state[name].fill_(value)
    else:
        state[name][index] = value
    return state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        pytest.param(edited("upper", 0, 0.51), r"u_star must satisfy .* inside the region", id="too wide"),
        pytest.param(edited("lower", 2, math.nan), r"excess must satisfy .*nan", id="NaN bound"),
        pytest.param(edited("lower", 3, 40.0), "wavelength must satisfy lower <= upper", id="reversed bound"),
        pytest.param(edited("upper", 4, math.inf), "rate must satisfy", id="infinite bound"),
        pytest.param(edited("modulation_fraction", None, 1.5), r"must be in \(0, 0.999\]", id="fraction too large"),
        pytest.param(edited("modulation_fraction", None, math.nan), r"must be in \(0, 0.999\]", id="NaN fraction"),
        pytest.param(edited("region_json", 5, 65), "differs from the region", id="tampered region"),
        pytest.param(
            DesignConstraint(replace(DEFAULT_REGION, steps=13)).state_dict(), "differs from", id="other region"
        ),
    ],
)
def test_a_tampered_checkpoint_is_refused(state: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(DataError, match=message):
        torch.nn.Sequential(DesignConstraint()).load_state_dict({f"0.{key}": value for key, value in state.items()})


def test_garbage_is_no_region() -> None:
    with pytest.raises(DataError, match="holds no admissible region"):
        stored_region(torch.tensor([1, 2, 255], dtype=torch.uint8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"lower": (0.1, 1.1, 1.2, 8.0, 0.1)}, "u_star .* inside the region", id="box too wide"),
        pytest.param({"upper": (0.4, 1.2, math.nan, 12.0, 0.2)}, "excess .* Got .*nan", id="NaN"),
        pytest.param({"upper": (0.4, 1.2)}, "5 entries", id="too few"),
        pytest.param({"modulation_fraction": 1.0}, r"fraction must be in \(0, 0.999\]. Got 1.0", id="fraction"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        DesignConstraint(**arguments)


def test_raw_needs_five_entries(constraint: DesignConstraint) -> None:
    with pytest.raises(ParameterError, match=r"shape \(\.\.\., 5\).*Got \(3, 4\)"):
        constraint.transform(torch.zeros(3, 4))
    assert len(COORDINATES) == 5
    assert np.isfinite(constraint.lower.numpy()).all()
