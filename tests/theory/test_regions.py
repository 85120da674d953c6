"""`AdmissibleRegion`: the default box, every condition on its own, modes on the axis, the gain interval."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings

from rdmf_theory import formulas
from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.formulas import SOFT_ONSET_RATIO
from rdmf_theory.layer.step import growing_modes
from rdmf_theory.regions.admissible import (
    COORDINATES,
    DEFAULT_REGION,
    AdmissibleRegion,
    axis_band,
    least_clips,
    mode_margin,
)
from rdmf_theory.turing import classify, classify_array
from tests.checks import box_designs, check_region
from tests.strategies import designs, random_designs, seeds

INSIDE = PatternDesign(0.4, 1.2, 1.5, 12.0, 0.2)


def change(design: PatternDesign = INSIDE, **values: float) -> PatternDesign:
    return dataclasses.replace(design, **values)


def test_whole_default_box_is_admissible() -> None:
    check_region(DEFAULT_REGION, points=9)


def test_random_points_of_the_default_box_are_admissible() -> None:
    low, high = np.array(DEFAULT_REGION.lower), np.array(DEFAULT_REGION.upper)
    points = low + (high - low) * np.random.default_rng(0).random((100_000, 5))
    assert np.all(DEFAULT_REGION.contains(PatternDesign(*points.T)))


def test_check_region_can_fail() -> None:
    wrong = dataclasses.replace(DEFAULT_REGION, clips=(16, 2048))
    with pytest.raises(AssertionError, match="mode_on_axis"):
        check_region(wrong)


def test_default_bounds_are_close_to_what_the_box_spans() -> None:
    margins = {n: c.margin for n, c in DEFAULT_REGION.conditions(box_designs(DEFAULT_REGION, 9)).items()}
    assert margins["gain"].min() < 0.01
    assert least_clips(DEFAULT_REGION.lower, DEFAULT_REGION.upper) == 30 <= DEFAULT_REGION.clips[0]


VIOLATIONS = {
    "v_rich": change(u_star=0.5),
    "damped": change(z=0.999),
    "fed": change(u_star=0.45, z=2.3),
    "turing": change(excess=0.99),
    "mode_on_axis": change(excess=1.05, wavelength=60.0),
    "wavelength": change(wavelength=5.9),
    "gain": change(rate=0.001),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_each_condition_is_violated_by_name(name: str) -> None:
    assert DEFAULT_REGION.contains(INSIDE) is True
    conditions = DEFAULT_REGION.conditions(VIOLATIONS[name])
    assert not conditions[name].holds
    assert conditions[name].margin is None or conditions[name].margin <= 0
    assert DEFAULT_REGION.contains(VIOLATIONS[name]) is False
    assert isinstance(conditions[name].holds, bool)
    json.dumps({key: condition.to_dict() for key, condition in conditions.items()}, allow_nan=False)


def test_boundaries_of_open_conditions_do_not_hold() -> None:
    for name, design in {"v_rich": change(u_star=0.5), "damped": change(z=1.0), "turing": change(excess=1.0)}.items():
        condition = DEFAULT_REGION.conditions(design)[name]
        assert (condition.holds, condition.margin) == (False, 0.0)
    # lengths are a closed interval
    assert DEFAULT_REGION.conditions(change(wavelength=36.0))["wavelength"].holds


@given(designs())
@settings(max_examples=50)
def test_conditions_agree_with_the_classification_of_the_parameters(design: PatternDesign) -> None:
    p = design.parameters()
    exact = classify(p.F, p.k, p.s, p.D_u, p.D_v).conditions
    ours = DEFAULT_REGION.conditions(design)
    for name in ("v_rich", "damped", "fed", "turing"):
        assert ours[name].holds == exact[name].holds
        assert ours[name].margin == pytest.approx(exact[name].margin, rel=1e-6, abs=1e-10)


@given(seeds())
@settings(max_examples=10)
def test_mode_margin_against_the_modes_themselves(seed: int) -> None:
    """The margin is positive iff at every T the layer amplifies at least one mode."""
    rng = np.random.default_rng(seed)
    low, high = sorted(rng.integers(2, 40, 2))
    design = random_designs(seed, 20)
    margin = mode_margin(design, (int(low), int(high)))
    for index in range(20):
        one = PatternDesign(*(float(getattr(design, name)[index]) for name in COORDINATES))
        grows = all(growing_modes(one.parameters(), T).any() for T in range(low, high + 1))
        assert grows == (margin[index] > 0) or abs(margin[index]) < 1e-9


def test_mode_margin_stops_early_without_missing_a_clip_count() -> None:
    design = random_designs(8, 300)
    low, high = axis_band(design)
    brute = np.full(300, np.inf)
    for T in range(5, 120):
        j = np.arange(1, T)[:, None]
        brute = np.minimum(brute, np.minimum(j - T * low, T * high - j).max(axis=0))
    assert np.allclose(mode_margin(design, (5, 119)), brute, atol=1e-10)


def test_least_clips_is_least() -> None:
    lower, upper = (0.3, 1.05, 1.5, 6.0, 0.05), (0.49, 1.8, 4.0, 18.0, 1.0)
    T = least_clips(lower, upper)
    region = dataclasses.replace(DEFAULT_REGION, lower=lower, upper=upper, clips=(T, 512))
    assert np.all(region.conditions(box_designs(region, 9))["mode_on_axis"].holds)
    below = dataclasses.replace(region, clips=(T - 1, 512))
    assert not np.all(below.conditions(box_designs(region, 9))["mode_on_axis"].holds)
    with pytest.raises(ParameterError, match="least_clips"):
        least_clips((0.4, 1.2, 1.0001, 30.0, 0.1), (0.4, 1.2, 1.0001, 30.0, 0.1), limit=64)


@given(seeds())
@settings(max_examples=10)
def test_gain_interval_is_where_the_frozen_state_is_turing(seed: int) -> None:
    """Brute force: multiply s by m, classify. The interval is open, contains 1 and nothing else is admissible."""
    rng = np.random.default_rng(seed)
    design = random_designs(seed)
    low, high = formulas.gain_interval(design.u_star, design.z, design.d, xp=np)
    assert np.all(low < 1)
    assert np.all(high > 1)
    p = design.parameters()
    for _ in range(20):
        m = low * (high / low) ** rng.uniform(-0.5, 1.5, low.shape)
        frozen = classify_array(p.F, p.k, p.s * m, p.D_u, p.D_v).name == "turing"
        clear = (np.abs(m / low - 1) > 1e-9) & (np.abs(m / high - 1) > 1e-9)
        assert np.array_equal(frozen[clear], ((low < m) & (m < high))[clear])


@pytest.mark.parametrize(("u_star", "z"), [(0.45, 1.5), (0.25, 2.0), (0.3, 1.1)], ids=["c > 1/2", "c = 1/2", "c < 1/2"])
def test_gain_interval_ends_on_the_boundaries(u_star: float, z: float) -> None:
    design = PatternDesign(u_star, z, 1.7, 12.0, 0.2)
    p = design.parameters()
    low, high = formulas.gain_interval(u_star, z, design.d)
    at_low = classify_array(p.F, p.k, p.s * low * (1 + 1e-12), p.D_u, p.D_v)
    at_high = classify_array(p.F, p.k, p.s * high, p.D_u, p.D_v)
    # below: the saddle-node for c >= 1/2, the Hopf curve for c <= 1/2
    if z * u_star >= 0.5:
        assert at_low.u_star == pytest.approx(0.5, abs=1e-5)
        assert low == pytest.approx(4 * u_star * (1 - u_star))
    else:
        assert at_low.z == pytest.approx(1, abs=1e-10)
    assert at_high.d == pytest.approx(at_high.d_T, rel=1e-10)


def test_modulation_and_soft_onset_are_optional() -> None:
    assert not {"modulation", "soft_onset"} & set(DEFAULT_REGION.conditions(INSIDE))
    region = dataclasses.replace(DEFAULT_REGION, modulation=(0.98, 1.02), soft_onset=True)
    conditions = region.conditions(INSIDE)
    assert conditions["modulation"].holds
    assert not conditions["soft_onset"].holds
    assert region.conditions(change(u_star=0.31))["soft_onset"].holds
    assert not dataclasses.replace(region, modulation=(0.5, 2.0)).conditions(INSIDE)["modulation"].holds
    u = 0.31
    z_over_d = 1 / formulas.turing_threshold(u, 1.0)
    assert region.conditions(change(u_star=u))["soft_onset"].margin == pytest.approx(SOFT_ONSET_RATIO - z_over_d)
    assert (formulas.cubic_coefficient(1.2, 1.2 / z_over_d, 1.0) > 0) == (z_over_d < SOFT_ONSET_RATIO)


def test_arrays_and_scalars_agree() -> None:
    many = DEFAULT_REGION.conditions(PatternDesign(np.array([0.4, 0.45]), 1.2, 1.5, 12.0, 0.2))
    for name, condition in DEFAULT_REGION.conditions(INSIDE).items():
        assert many[name].margin.shape == (2,)
        assert many[name].margin[0] == pytest.approx(condition.margin, rel=1e-12)
    assert DEFAULT_REGION.in_box(INSIDE) is True
    assert DEFAULT_REGION.in_box(change(u_star=np.array([0.1, 0.4]))).tolist() == [False, True]


def test_dictionary_round_trip() -> None:
    region = dataclasses.replace(DEFAULT_REGION, modulation=(0.98, 1.02), soft_onset=True)
    for each in (region, DEFAULT_REGION):
        assert AdmissibleRegion.from_dict(json.loads(json.dumps(each.to_dict()))) == each


BAD = {
    "reversed": ({"lower": (0.5, 1.05, 1.1, 6.0, 0.05)}, "u_star"),
    "not finite": ({"upper": (0.49, 1.8, 4.0, float("nan"), 1.0)}, "finite numbers"),
    "too short": ({"lower": (0.3,)}, "must hold 5 numbers"),
    "no numbers": ({"gain": "ab"}, "sequence of numbers"),
    "outside the chart": ({"upper": (0.6, 1.8, 4.0, 36.0, 1.0)}, "PatternDesign.u_star"),
    "clips": ({"clips": (1, 5)}, "AdmissibleRegion.clips"),
    "fractional clips": ({"clips": (2.5, 5)}, "AdmissibleRegion.clips"),
    "steps": ({"steps": 0}, "AdmissibleRegion.steps"),
    "gain": ({"gain": (2.0, 1.0)}, "AdmissibleRegion.gain"),
    "modulation": ({"modulation": (1.1, 1.2)}, "AdmissibleRegion.modulation"),
}


@pytest.mark.parametrize(("values", "message"), BAD.values(), ids=BAD)
def test_bad_regions_are_named(values: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        dataclasses.replace(DEFAULT_REGION, **values)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("version", 2, "version that wrote it"),
        ("format", "x", "version that wrote it"),
        ("stepz", 3, "stepz"),
        ("steps", "many", "AdmissibleRegion"),
        ("clips", 7, "AdmissibleRegion"),
        ("soft_onset", "yes", "AdmissibleRegion.soft_onset"),
    ],
)
def test_bad_dictionaries_are_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        AdmissibleRegion.from_dict(DEFAULT_REGION.to_dict() | {key: value})
