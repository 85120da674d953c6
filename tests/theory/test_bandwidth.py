"""The half-power band: closed form against the definition, and as a condition of a region."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sympy as sp

from rdmf_theory import formulas
from rdmf_theory.certificates.certify import certify_box
from rdmf_theory.chart import PatternDesign
from rdmf_theory.derive import a, b, d, eta, m, u_star, z
from rdmf_theory.errors import ParameterError
from rdmf_theory.layer.bandwidth import bandwidth, half_power_quadratic, rotation_quadratic
from rdmf_theory.layer.step import multiplier, pattern_gain
from rdmf_theory.regions.admissible import COORDINATES, DEFAULT_REGION, AdmissibleRegion
from rdmf_theory.schemes import derive_step
from rdmf_theory.verdict import Verdict
from tests.checks import check_region
from tests.strategies import random_designs

DESIGN = PatternDesign(0.4, 1.3, 1.5, 12.0, 0.2)


def one(designs: PatternDesign, i: int) -> PatternDesign:
    return PatternDesign(*(float(getattr(designs, name)[i]) for name in COORDINATES))


def test_quadratics_are_those_of_the_step() -> None:
    g = sp.Symbol("g", positive=True)
    L, B = (matrix.subs({a: eta * d * m, b: eta * m}) for matrix in map(sp.Matrix, derive_step.amplification()))
    for expected, got in (
        ((g * L - B).det(), half_power_quadratic(u_star, z, d, eta, g)),
        (L.det() - B.det() / g**2, rotation_quadratic(z, d, eta, g)),
    ):
        assert sp.expand(expected - sum(c * m ** (2 - i) for i, c in enumerate(got))) == 0
    # the other sign never matters: det(g L + B) has positive coefficients only
    other = sp.expand((g * L + B).det().subs(u_star, 1 / (2 * (1 + sp.Symbol("p", positive=True)))))
    assert all(c > 0 for c in sp.Poly(sp.numer(sp.together(other)), *sorted(other.free_symbols, key=str)).coeffs())


@pytest.mark.parametrize("steps", [1, 4, 12, 32])
def test_band_is_the_largest_interval_above_half_power(steps: int) -> None:
    designs = random_designs(steps, 150)
    band, level = bandwidth(designs, steps), pattern_gain(designs, steps) / np.sqrt(2)
    assert np.all(band.shortest >= 2)
    assert np.all((band.shortest < designs.wavelength) | (designs.wavelength < 2.06))
    assert np.all(band.longest > designs.wavelength)
    assert np.isinf(band.longest).any()
    assert np.isfinite(band.longest).any()
    for i in range(150):
        parameters = one(designs, i).parameters()

        def gain(wavelength: object, parameters=parameters) -> np.ndarray:
            return multiplier(parameters, formulas.mode_eigenvalue(np.asarray(wavelength), xp=np)) ** steps

        inside = np.geomspace(band.shortest[i], min(band.longest[i], 1e6), 100)[1:-1]
        assert np.all(gain(inside) >= level[i] * (1 - 1e-7))
        if band.shortest[i] > 2:
            assert gain(max(2.0, band.shortest[i] * (1 - 1e-4))) < level[i]
        if np.isfinite(band.longest[i]):
            assert gain(band.longest[i] * (1 + 1e-4)) < level[i]


def test_more_steps_select_more_sharply() -> None:
    widths = [bandwidth(DESIGN, steps).fractional for steps in (4, 12, 32, 100)]
    assert widths == sorted(widths, reverse=True)
    band = bandwidth(DESIGN, 12)
    assert band.octaves == pytest.approx(np.log2(band.longest / band.shortest))
    assert band.fractional == pytest.approx(12 * (1 / band.shortest - 1 / band.longest))
    assert isinstance(band.fractional, float)
    # only h w matters
    slow = PatternDesign(0.4, 1.3, 1.5, 12.0, 0.1)
    assert bandwidth(slow, 12, 2.0).fractional == pytest.approx(band.fractional, rel=1e-12)


def test_without_a_real_multiplier_the_band_is_undefined() -> None:
    below = PatternDesign(np.array([0.4, 0.4]), 1.3, np.array([0.3, 1.5]), 12.0, 0.2)
    width = bandwidth(below, 12).fractional
    assert np.isnan(width[0])
    assert width[1] == pytest.approx(bandwidth(DESIGN, 12).fractional, rel=1e-14)


def region(low: float, high: float, **changes: object) -> AdmissibleRegion:
    return AdmissibleRegion.from_dict({**DEFAULT_REGION.to_dict(), "bandwidth": [low, high], **changes})


def test_condition_of_a_region() -> None:
    width = bandwidth(DESIGN, DEFAULT_REGION.steps).fractional
    for low, high, holds in ((1.0, 1.2, True), (width, width, True), (1.2, 2.0, False), (0.1, 1.0, False)):
        condition = region(low, high).conditions(DESIGN)["bandwidth"]
        assert condition.holds is holds
        assert condition.margin == pytest.approx(min(np.log(width / low), np.log(high / width)), abs=1e-14)
        assert region(low, high).contains(DESIGN) is holds
    vector = region(1.0, 1.2).conditions(PatternDesign(0.4, 1.3, 1.5, 12.0, np.array([0.2, 0.5])))["bandwidth"]
    assert vector.holds.tolist() == [True, False]
    check_region(region(0.05, 6.0), points=4)


def test_json_is_unchanged_where_bandwidth_is_not_asked_for() -> None:
    assert "bandwidth" not in DEFAULT_REGION.to_dict()
    assert "bandwidth" not in DEFAULT_REGION.conditions(DESIGN)
    asked = region(0.5, 2.0)
    assert asked.bandwidth == (0.5, 2.0)
    assert AdmissibleRegion.from_dict(json.loads(json.dumps(asked.to_dict()))) == asked
    assert AdmissibleRegion.from_dict({**DEFAULT_REGION.to_dict(), "bandwidth": None}) == DEFAULT_REGION
    with pytest.raises(ParameterError, match="unknown keys"):
        AdmissibleRegion.from_dict({**DEFAULT_REGION.to_dict(), "band": None})
    missing = DEFAULT_REGION.to_dict()
    del missing["gain"]
    with pytest.raises(ParameterError, match="unknown keys"):
        AdmissibleRegion.from_dict(missing)


@pytest.mark.parametrize("value", [[0.0, 1.0], [2.0, 1.0], [1.0], [1.0, float("inf")], "wide"])
def test_bad_bandwidths(value: object) -> None:
    with pytest.raises(ParameterError, match=r"AdmissibleRegion\.bandwidth"):
        AdmissibleRegion.from_dict({**DEFAULT_REGION.to_dict(), "bandwidth": value})


def test_a_certificate_never_passes_over_it() -> None:
    lower, upper = DEFAULT_REGION.lower, DEFAULT_REGION.upper
    # the same box is certified without the condition: what is undecided is the bandwidth
    certificate = certify_box(lower, upper, region(0.05, 6.0))
    assert certificate.verdict is Verdict.UNDECIDED
    assert certificate.condition == "bandwidth"
    assert "bandwidth=None" in certificate.detail
    impossible = certify_box(lower, upper, region(5.9, 6.0))
    assert impossible.verdict is not Verdict.CERTIFIED


@pytest.mark.parametrize("steps", [0, -1, 1.5])
def test_bad_steps(steps: float) -> None:
    with pytest.raises(ParameterError, match="steps must be an integer"):
        bandwidth(DESIGN, steps)  # type: ignore[arg-type]
