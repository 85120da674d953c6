"""What a cut changes: bounds hold for any design and input, enclosures along the trajectory, both shrink as said."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_theory import formulas
from rdmf_theory.chart import Parameters, PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.locality import (
    InputRange,
    decay_limit,
    enclose_window,
    field_bounds,
    halo_bound,
)
from rdmf_theory.layer.step import semi_implicit_step
from tests.strategies import designs, seeds

# rounding of two float64 solves of numbers up to about 10
FLOOR = 1e-12


def layer_inputs(design, share=0.9, fraction=0.9):
    """Parameters and the ranges that the fusion layer leaves to initial activator and gain."""
    parameters = design.parameters()
    low, high = formulas.gain_interval(design.u_star, design.z, design.d, xp=np)
    v_star = formulas.steady_v(design.u_star, design.z)
    gains = (parameters.s * low**fraction, parameters.s * high**fraction)
    return parameters, InputRange(design.u_star, (1 - share) * v_star, (1 + share) * v_star, *gains)


def draw_video(inputs, clips, generator, extreme):
    """Initial state and gain of one video; `extreme`: only the ends of the ranges."""
    share = generator.random((2, clips))
    if extreme:
        # runs of a few clips, so that patterns can grow
        share = np.repeat(generator.integers(0, 2, (2, clips)), 3, axis=1)[:, :clips].astype(float)
    v0 = inputs.v_lo + share[0] * (inputs.v_hi - inputs.v_lo)
    return np.full(clips, inputs.u_hi), v0, inputs.gain_lo + share[1] * (inputs.gain_hi - inputs.gain_lo)


def trajectory(u, v, gain, parameters, steps):
    states = [(u, v)]
    for _ in range(steps):
        states.append(semi_implicit_step(*states[-1], gain, parameters))
    return states


@settings(max_examples=60)
@given(designs(), seeds(), st.integers(1, 40), st.booleans(), st.floats(0, 1))
def test_no_field_leaves_its_bounds(design, seed, clips, extreme, share):
    parameters, inputs = layer_inputs(design, share)
    bounds = field_bounds(parameters, inputs, 12)
    video = draw_video(inputs, clips, np.random.default_rng(seed), extreme)
    for n, (u, v) in enumerate(trajectory(*video, parameters, 12)):
        assert u.max() <= bounds.u_hi[n, 0] * (1 + 1e-12)
        assert bounds.v_lo[n, 0] * (1 - 1e-12) <= v.min() <= v.max() <= bounds.v_hi[n, 0] * (1 + 1e-12)


@settings(max_examples=60)
@given(designs(), seeds(), st.integers(2, 60), st.integers(1, 60), st.booleans(), st.booleans())
def test_bounds_hold_at_every_clip_of_a_window(design, seed, window, beyond, extreme, both):
    parameters, inputs = layer_inputs(design)
    generator = np.random.default_rng(seed)
    before = int(generator.integers(1, 40)) if both else 0
    video = draw_video(inputs, before + window + beyond, generator, extreme)
    cut = slice(before, before + window)
    whole = trajectory(*video, parameters, 12)[-1]
    alone = trajectory(*(x[cut] for x in video), parameters, 12)[-1]
    error_u, error_v = (np.abs(x[cut] - y) for x, y in zip(whole, alone, strict=True))

    found = enclose_window(
        *(x[cut, None] for x in video),
        parameters,
        field_bounds(parameters, inputs, 12),
        cut_start=both,
        cut_end=True,
    )
    np.testing.assert_allclose(found.u[:, 0], alone[0], rtol=1e-9)
    np.testing.assert_allclose(found.v[:, 0], alone[1], rtol=1e-9)
    assert np.all(error_u <= found.error_u[:, 0] + FLOOR)
    assert np.all(error_v <= found.error_v[:, 0] + FLOOR)
    # one side each, too
    assert np.all(whole[1][cut] <= (found.v + found.v_above)[:, 0] + FLOOR)
    assert np.all(whole[0][cut] >= (found.u - found.u_below)[:, 0] - FLOOR)

    bound = halo_bound(parameters, inputs, 12)
    for clip in range(window):
        distance = window - 1 - clip
        halo = min(distance, clip) if both else distance
        limit_u, limit_v = bound.errors(halo)
        assert error_u[clip] <= limit_u[0] + FLOOR
        assert error_v[clip] <= limit_v[0] + FLOOR


def test_least_halo_is_the_least_and_grows_with_the_demand():
    parameters, inputs = layer_inputs(PatternDesign(0.4, 1.3, 2.0, 12.0, 0.4))
    bound = halo_bound(parameters, inputs, 12)

    def error(halo):
        return math.hypot(*(float(x[0]) for x in bound.errors(halo)))

    previous = -1
    for tolerance in (1e300, 1e9, 1.0, 1e-3, 1e-6, 1e-12):
        halo = bound.least_halo(tolerance)
        assert error(halo) <= tolerance
        assert halo == 0 or error(halo - 1) > tolerance
        assert halo >= previous
        previous = halo
    assert bound.least_halo(1e300) == 0
    # weights act as a smaller tolerance does
    assert bound.least_halo(1e-6, 1e3, 1e3) == bound.least_halo(1e-9)


def test_channels_are_bounded_one_by_one():
    several = PatternDesign(
        *np.array([[0.4, 1.3, 2.0, 12.0, 0.4], [0.3, 1.8, 4.0, 36.0, 1.0], [0.4, 1.1, 1.5, 6.0, 0.1]]).T
    )
    parameters, inputs = layer_inputs(several)
    together = halo_bound(parameters, inputs, 5)
    for index, channel in enumerate(
        np.array([several.u_star, several.z, several.excess, several.wavelength, several.rate]).T
    ):
        alone = halo_bound(*layer_inputs(PatternDesign(*channel)), 5)
        for x, y in zip(together.errors(40), alone.errors(40), strict=True):
            # kernels are evaluated on a line that is long enough for the channel with the longest
            assert x[index] == pytest.approx(y[0], rel=1e-2)


def test_errors_decay_at_the_rate_of_the_greens_function():
    """Far away, for one step, the bound is as steep as the solve itself: `ratio alpha beta` of proofs/Locality.v."""
    parameters, inputs = layer_inputs(PatternDesign(0.4, 1.3, 2.0, 12.0, 0.1))
    bound = halo_bound(parameters, inputs, 1)
    near, far = (np.log(bound.errors(halo)[0][0]) for halo in (200, 400))
    alpha, beta = 1 + parameters.F, parameters.D_u
    ratio = 1 + alpha / (2 * beta) - math.sqrt((1 + alpha / (2 * beta)) ** 2 - 1)
    assert -math.log(ratio) == pytest.approx(float(decay_limit(alpha, beta)), rel=1e-12)
    assert (near - far) / 200 == pytest.approx(-math.log(ratio), rel=2e-3)


def test_a_window_without_cuts_is_the_video():
    parameters, inputs = layer_inputs(PatternDesign(0.4, 1.3, 2.0, 12.0, 0.4))
    video = draw_video(inputs, 30, np.random.default_rng(0), False)
    bounds = field_bounds(parameters, inputs, 12)
    found = enclose_window(*(x[:, None] for x in video), parameters, bounds, cut_start=False, cut_end=False)
    assert not found.error_u.any()
    assert not found.error_v.any()


BAD = {
    "reversed": ({"v_lo": 0.6, "v_hi": 0.5}, "0 <= v_lo <= v_hi"),
    "substrate above 1": ({"u_hi": 1.5}, "u_hi <= 1"),
    "not finite": ({"gain_hi": math.inf}, "finite"),
    "NaN": ({"v_hi": math.nan}, "finite"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_ranges_that_are_none_are_refused(change, message):
    good = {"u_hi": 0.4, "v_lo": 0.1, "v_hi": 0.5, "gain_lo": 0.5, "gain_hi": 2.0}
    with pytest.raises(ParameterError, match=message):
        InputRange(**(good | change))


def test_other_bad_arguments():
    parameters, inputs = layer_inputs(PatternDesign(0.4, 1.3, 2.0, 12.0, 0.4))
    with pytest.raises(ParameterError, match="steps must be"):
        field_bounds(parameters, inputs, 0)
    with pytest.raises(ParameterError, match="tolerance must be"):
        halo_bound(parameters, inputs, 12).least_halo(0.0)
    with pytest.raises(ParameterError, match="shorten the wavelength"):
        field_bounds(Parameters(F=0.1, k=0.1, s=1.0, D_u=1e8, D_v=1e7), inputs, 2)
    with pytest.raises(ParameterError, match="at least D_v"):
        field_bounds(Parameters(F=0.1, k=0.1, s=1.0, D_u=1.0, D_v=2.0), inputs, 2)
