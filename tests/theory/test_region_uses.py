"""What a region is asked for: robustness, distance to the boundary, uniform samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from rdmf_theory import formulas
from rdmf_theory.certificates.certify import certify_box
from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.admissible import COORDINATES, DEFAULT_REGION
from rdmf_theory.regions.area import fixed_ratio_area, turing_hopf
from rdmf_theory.regions.conditions import Conjunction, NamedCondition, gray_scott_region
from rdmf_theory.regions.design_conditions import design_region
from rdmf_theory.regions.distance import distance_to_boundary
from rdmf_theory.regions.pave import pave
from rdmf_theory.regions.robust import failing_condition, judge_box, largest_scaling
from rdmf_theory.regions.sampling import sample_region
from rdmf_theory.turing import classify, classify_array
from rdmf_theory.verdict import Verdict

PLANE = gray_scott_region()
POINT = (0.055, 0.062)
BOX = ((0.0, 0.0), (0.1, 0.08))
DISC = Conjunction(("x", "y"), (NamedCondition("disc", lambda x, y: 1 - x**2 - y**2),))


def test_robust_boxes_are_certified() -> None:
    answer = judge_box(PLANE, (0.0549, 0.06198), (0.0551, 0.06202))
    assert (answer.verdict, answer.witness) == (Verdict.CERTIFIED, None)
    rng = np.random.default_rng(0)
    F, k = rng.uniform(0.0549, 0.0551, 2000), rng.uniform(0.06198, 0.06202, 2000)
    assert np.all(classify_array(F, k, 1.0, 2.0, 1.0).name == "turing")


def test_robust_in_five_parameters() -> None:
    region = gray_scott_region(free=("F", "k", "s", "D_u", "D_v"))
    centre = np.array([0.035, 0.05, 1.0, 8.0, 1.0])
    assert judge_box(region, centre * 0.999, centre * 1.001).verdict is Verdict.CERTIFIED
    refuted = judge_box(region, centre * 0.9, centre * 1.1)
    assert refuted.verdict is Verdict.REFUTED
    assert classify(*(Fraction(x) for x in refuted.witness)).name != "turing"
    assert failing_condition(region, refuted.witness) == refuted.condition


def test_a_hole_away_from_the_corners_is_found() -> None:
    """Corners and middle are fine, the failure is elsewhere."""
    hole = Conjunction(
        ("x", "y"), (NamedCondition("hole", lambda x, y: (x - Fraction(3, 10)) ** 2 + y**2 - Fraction(1, 10**4)),)
    )
    answer = judge_box(hole, (-1, -1), (1, 1))
    assert answer.verdict is Verdict.REFUTED
    assert (answer.witness[0] - 0.3) ** 2 + answer.witness[1] ** 2 < 1.01e-4


def test_a_box_that_touches_the_boundary_is_undecided() -> None:
    touching = Conjunction(("x", "y"), (NamedCondition("line", lambda x, y: x**2 + 3 * x * y + 3 * y**2),))
    answer = judge_box(touching, (-1, -1), (1, 1 / 3), max_boxes=3000)
    # the only failing point is the origin, which no box isolates
    assert answer.verdict is Verdict.UNDECIDED
    assert "split" in answer.to_dict()["explanation"]


def test_the_boundary_itself_fails() -> None:
    corner = tuple(float(x) for x in turing_hopf(2))
    assert judge_box(PLANE, corner, corner).verdict is not Verdict.CERTIFIED
    assert failing_condition(PLANE, corner) == "damped"


def test_largest_scaling_of_a_disc() -> None:
    scaling = largest_scaling(DISC, (0.0, 0.0), (0.3, 0.4), accuracy=1e-4)
    # the corner (0.3, 0.4) t meets the circle at t = 2
    assert scaling.certified <= 2 <= scaling.refuted
    assert scaling.refuted - scaling.certified <= 2.1e-4
    assert np.hypot(*scaling.witness) >= 1
    assert largest_scaling(DISC, (2.0, 0.0), (1, 1)).certified == 0.0


def test_largest_scaling_in_one_parameter() -> None:
    """F alone varies: the end is on the Turing or the Hopf curve."""
    scaling = largest_scaling(PLANE, POINT, (0.001, 0.0), accuracy=1e-6)
    inside = classify_array(np.array([-1, 1]) * scaling.certified * 1e-3 + POINT[0], POINT[1], 1.0, 2.0, 1.0)
    assert set(inside.name) == {"turing"}
    outside = classify_array(np.array([-1, 1]) * scaling.refuted * 1e-3 + POINT[0], POINT[1], 1.0, 2.0, 1.0)
    assert set(outside.name) != {"turing"}


def test_robust_designs_agree_with_the_certificate() -> None:
    """The paving's answer in the design coordinates, beside the independent proof that also rounds."""
    region = dataclasses.replace(DEFAULT_REGION, modulation=(0.98, 1.02))
    lower, upper = (0.4, 1.2, 1.5, 8.0, 0.1), (0.41, 1.22, 1.6, 10.0, 0.2)
    assert judge_box(design_region(region), lower, upper).verdict is Verdict.CERTIFIED
    assert certify_box(lower, upper, region).verdict is Verdict.CERTIFIED
    wider = (0.4, 1.2, 1.0001, 8.0, 0.1), upper
    assert judge_box(design_region(region), *wider).verdict is Verdict.REFUTED
    assert certify_box(*wider, region).verdict is Verdict.REFUTED


def test_design_conditions_have_the_signs_of_the_regions() -> None:
    region = dataclasses.replace(DEFAULT_REGION, modulation=(0.98, 1.02), soft_onset=True, gain=(1.2, 3.0))
    rng = np.random.default_rng(1)
    # wider than the box on every side, so that every condition fails somewhere
    x = rng.uniform((0.2, 0.9, 0.9, 5.0, 0.02), (0.4999, 2.2, 4.0, 40.0, 1.5), (20_000, 5))
    with np.errstate(all="ignore"):
        ours = design_region(region).margins(*x.T)
        theirs = region.conditions(PatternDesign(*x.T))
    # where a pattern exists at all
    sane = (x[:, 2] > 1) & (x[:, 1] > 1) & (x[:, 0] * x[:, 1] < 1)
    for name, condition in theirs.items():
        if name == "mode_on_axis":
            continue
        parts = [ours[part] > 0 for part in (name, f"{name}_low", f"{name}_high") if part in ours]
        # at 1e-12 from a bound rounding may decide
        clear = sane & ~(np.abs(condition.margin) < 1e-9)
        np.testing.assert_array_equal(np.logical_and.reduce(parts)[clear], condition.holds[clear], err_msg=name)
        if name in ("wavelength", "gain", "modulation", "soft_onset"):
            assert 0 < condition.holds[clear].mean() < 1


def test_paving_of_the_design_box() -> None:
    """All five design coordinates, in a box that five conditions cut; random points against `AdmissibleRegion`."""
    region = dataclasses.replace(DEFAULT_REGION, gain=(1.2, 2.0))
    conjunction = design_region(region)
    lower, upper = (0.37, 0.95, 0.95, 5.0, 0.1), (0.4, 1.15, 1.7, 40.0, 0.2)
    paving = pave(conjunction.conditions, lower, upper, gap=0.1 * np.prod(np.subtract(upper, lower)), max_boxes=60_000)
    assert paving.complete
    points = np.random.default_rng(2).uniform(lower, upper, (400, 5))
    inner, outer = paving.inner.contains(points), paving.outer.contains(points)
    with np.errstate(all="ignore"):
        conditions = region.conditions(PatternDesign(*points.T))
    holds = np.logical_and.reduce([c.holds for name, c in conditions.items() if name != "mode_on_axis"])
    assert np.all(holds[inner])
    assert not np.any(holds[outer])
    assert inner.sum() > 10
    assert outer.sum() > 10


def test_modulated_gain_interval_as_a_region() -> None:
    """The largest scaling of s around 1 at fixed F, k, d ends on the closed form of `gain_interval`."""
    design = PatternDesign(0.42, 1.3, 1.6, 12.0, 0.2)
    p = design.parameters()
    low, high = formulas.gain_interval(0.42, 1.3, design.d)
    region = gray_scott_region({"k": p.k, "d": p.d}, free=("F", "s"))
    inside = judge_box(region, (p.F, p.s * low * (1 + 1e-7)), (p.F, p.s * high * (1 - 1e-7)))
    assert inside.verdict is Verdict.CERTIFIED
    for m in (low * (1 - 1e-7), high * (1 + 1e-7)):
        assert judge_box(region, (p.F, p.s * m), (p.F, p.s * m)).verdict is Verdict.REFUTED


@pytest.mark.parametrize("x", [(0.0, 0.0), (0.5, 0.2), (-0.3, 0.9), (1.2, 0.5), (1.0, 1.0)], ids=str)
def test_distance_to_a_circle(x: tuple[float, float]) -> None:
    # from the centre the whole circle is nearest, and all of it must be bounded
    accuracy = 1e-3 if x == (0.0, 0.0) else 1e-5
    distance = distance_to_boundary(DISC, x, (-2, -2), (2, 2), scales=(1, 1), accuracy=accuracy)
    exact = abs(1 - np.hypot(*x))
    assert distance.inside == (np.hypot(*x) < 1)
    assert distance.lower <= exact <= distance.upper
    assert distance.upper - distance.lower <= 2 * accuracy * exact
    assert (np.hypot(*distance.nearest) >= 1) == distance.inside


def test_distance_in_the_plane_of_rates() -> None:
    distance = distance_to_boundary(PLANE, POINT, *BOX, scales=(1, 1))
    assert 0.99 * distance.upper < distance.lower <= distance.upper < 1e-3
    assert classify(*distance.nearest, 1, 2, 1).name != "turing"
    angle = np.linspace(0, 2 * np.pi, 2000)
    for radius, whole in ((distance.lower * 0.9999, True), (distance.upper * 1.0001, False)):
        circle = classify_array(POINT[0] + radius * np.cos(angle), POINT[1] + radius * np.sin(angle), 1.0, 2.0, 1.0)
        assert np.all(circle.name == "turing") == whole


def test_distance_where_there_is_no_other_side() -> None:
    distance = distance_to_boundary(DISC, (0, 0), (-0.5, -0.5), (0.5, 0.5))
    assert (distance.upper, distance.nearest, distance.inside) == (np.inf, None, True)
    assert distance.to_dict()["nearest"] is None


def test_samples_are_uniform() -> None:
    """Against the exact area left of a cut in F, cell by cell: chi-square over slices of equal exact area."""
    cuts = np.array(["0.06", "0.08", "0.1"])
    cumulative = np.array([fixed_ratio_area(2, 1, cut).mid for cut in cuts])
    points = sample_region(PLANE, 20_000, *BOX, seed=7)
    assert np.all(classify_array(*points.T, 1.0, 2.0, 1.0).name == "turing")
    expected = 20_000 * np.diff(cumulative, prepend=0.0) / cumulative[-1]
    counted = np.histogram(points[:, 0], [0.0, *cuts.astype(float)])[0]
    # 99.9 % quantile of chi-square with 2 degrees of freedom
    assert np.sum((counted - expected) ** 2 / expected) < 13.8


def test_samples_of_a_disc_are_uniform_in_angle_and_radius() -> None:
    points = sample_region(DISC, 20_000, (-1, -1), (1, 1), seed=1)
    for uniform in (np.sum(points**2, axis=1), np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) + 0.5):
        counted = np.histogram(uniform, np.linspace(0, 1, 11))[0]
        assert np.sum((counted - 2000) ** 2 / 2000) < 27.9


def test_samples_repeat_with_their_seed() -> None:
    paving = pave(DISC.conditions, (-1, -1), (1, 1), gap=0.01)
    first, again, other = (sample_region(DISC, 50, (-1, -1), (1, 1), seed=s, paving=paving) for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert sample_region(DISC, 0, (-1, -1), (1, 1)).shape == (0, 2)


BAD: dict[str, tuple[Callable, str]] = {
    "radii": (lambda: largest_scaling(DISC, (0, 0), (0, 0)), "radii must be"),
    "negative radius": (lambda: largest_scaling(DISC, (0, 0), (-1, 1)), "radii must be"),
    "point outside": (lambda: distance_to_boundary(DISC, (3, 0), (-1, -1), (1, 1)), "point must lie in"),
    "scales": (lambda: distance_to_boundary(DISC, (0, 0), (-1, -1), (1, 1), scales=(0, 1)), "scales must be positive"),
    "count": (lambda: sample_region(DISC, -1, (-1, -1), (1, 1)), "count must be"),
    "no region": (lambda: sample_region(DISC, 5, (2, 2), (3, 3)), "must have points"),
    "reversed": (lambda: judge_box(DISC, (1, 1), (0, 0)), "must not exceed"),
}


@pytest.mark.parametrize(("action", "message"), BAD.values(), ids=BAD)
def test_bad_arguments_are_named(action: Callable, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        action()


def test_coordinates_are_the_designs() -> None:
    assert design_region(DEFAULT_REGION).coordinates == COORDINATES
