"""Box certificates: what they prove, that they are never wrong, and the lemmas they rest on."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_theory import formulas
from rdmf_theory.certificates.certificate import Certificate
from rdmf_theory.certificates.certify import certify_box, enclose
from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.layer.step import pattern_gain
from rdmf_theory.regions.admissible import DEFAULT_REGION, AdmissibleRegion
from rdmf_theory.verdict import Verdict
from tests.strategies import designs
from tests.theory.certificates import SMALL


def grid_design(region: AdmissibleRegion, count: int = 4000, seed: int = 0) -> PatternDesign:
    """Random designs of a region's box, half of them on its faces."""
    share = np.random.default_rng(seed).random((count, 5))
    share[::2] = np.round(share[::2])
    low, high = np.array(region.lower), np.array(region.upper)
    return PatternDesign(*np.clip(low + share * (high - low), low, high).T)


def test_the_default_region_is_certified() -> None:
    certificate = certify_box(DEFAULT_REGION.lower, DEFAULT_REGION.upper, DEFAULT_REGION)
    assert certificate.verdict is Verdict.CERTIFIED
    assert certificate.content["conditions"] == list(DEFAULT_REGION.conditions(grid_design(DEFAULT_REGION)))
    assert "mode_on_axis" in certificate.verify()


def test_conditions_with_modulation_and_soft_onset_are_certified() -> None:
    region = replace(SMALL, lower=(0.3, *SMALL.lower[1:]), upper=(0.31, *SMALL.upper[1:]), soft_onset=True)
    certificate = certify_box(region.lower, region.upper, region)
    assert certificate.verdict is Verdict.CERTIFIED, certificate.detail
    assert set(certificate.content["conditions"]) == set(region.conditions(grid_design(region)))
    certificate.verify()


@pytest.mark.parametrize(
    ("region", "condition"),
    [
        pytest.param(replace(SMALL, gain=(1.28, 1.5)), "gain", id="gain too large"),
        pytest.param(replace(SMALL, gain=(1.4, 1.62)), "gain", id="gain too small"),
        pytest.param(replace(SMALL, clips=(2, 300)), "mode_on_axis", id="too few clips"),
        pytest.param(replace(SMALL, modulation=(0.97, 1.2)), "modulation", id="modulation too wide"),
        pytest.param(replace(SMALL, soft_onset=True), "soft_onset", id="hard onset"),
        pytest.param(replace(SMALL, lower=(0.36, 0.99, 1.5, 8.0, 0.2)), "damped", id="undamped corner"),
        pytest.param(replace(SMALL, lower=(0.36, 1.2, 1.0, 8.0, 0.2)), "turing", id="onset in the box"),
        pytest.param(replace(SMALL, upper=(0.5, 1.4, 1.75, 16.0, 0.25)), "v_rich", id="saddle-node in the box"),
        pytest.param(replace(SMALL, upper=(0.4, 2.6, 1.75, 16.0, 0.25)), "fed", id="negative kill rate"),
    ],
)
def test_false_claims_are_refuted_with_a_rational_witness(region: AdmissibleRegion, condition: str) -> None:
    certificate = certify_box(region.lower, region.upper, region)
    assert certificate.verdict is Verdict.REFUTED
    assert certificate.condition == condition
    assert certificate.witness is not None
    design = [Fraction(text) for text in certificate.witness["design"]]
    for low, x, high in zip(region.lower, design, region.upper, strict=True):
        assert Fraction(low) <= x <= Fraction(high)
    found = region.conditions(PatternDesign(*map(float, design)))[condition]
    assert not found.holds


def test_a_box_outside_its_region_is_refuted() -> None:
    certificate = certify_box((0.3, *SMALL.lower[1:]), SMALL.upper, SMALL)
    assert (certificate.verdict, certificate.condition) == (Verdict.REFUTED, "box")


def test_a_hard_claim_is_undecided_with_a_remedy_and_cannot_be_saved(tmp_path) -> None:
    certificate = certify_box(DEFAULT_REGION.lower, DEFAULT_REGION.upper, DEFAULT_REGION, leaves=10)
    assert certificate.verdict is Verdict.UNDECIDED
    assert "leaves" in certificate.detail
    assert "split the box" in certificate.to_dict()["explanation"]
    with pytest.raises(ParameterError, match=r"needs verdict CERTIFIED\. Got UNDECIDED"):
        certificate.save(tmp_path / "x.json")


def test_no_room_for_rounding_is_undecided() -> None:
    region = AdmissibleRegion((0.49, 1.2, 1.02, 8.0, 0.2), (0.495, 1.4, 1.75, 16.0, 0.25), (400, 500), 12, (1.0, 9.0))
    certificate = certify_box(region.lower, region.upper, region)
    assert (certificate.verdict, certificate.condition) == (Verdict.UNDECIDED, "turing")
    assert "raise excess, lower u_star" in certificate.detail
    # the condition itself holds: only the rounding is not covered
    assert region.conditions(grid_design(region))["turing"].holds.all()


@settings(max_examples=30)
@given(
    st.lists(st.floats(0.05, 1.0), min_size=5, max_size=5),
    st.tuples(st.floats(1.0, 1.4), st.floats(1.4, 4.0)),
    st.integers(2, 40),
)
def test_certified_boxes_hold_at_every_sampled_design(shares: list[float], gain: tuple, least: int) -> None:
    upper = [low + share * (high - low) for low, high, share in zip(SMALL.lower, SMALL.upper, shares, strict=True)]
    region = replace(SMALL, upper=tuple(upper), gain=gain, clips=(least, 300), modulation=None)
    certificate = certify_box(region.lower, region.upper, region)
    holds = region.contains(grid_design(region, 200))
    if certificate.verdict is Verdict.CERTIFIED:
        assert holds.all()
        certificate.verify()
    if certificate.verdict is Verdict.REFUTED:
        assert certificate.witness is not None


@given(designs())
def test_lemma_5_band_and_growth_in_terms_of_excess(design: PatternDesign) -> None:
    u, z, r, d = design.u_star, design.z, design.excess, design.d
    m, growth = formulas.fastest_mode(u, z, d), formulas.largest_growth(u, z, d)
    A, root = formulas.turing_threshold(u, 1.0), math.sqrt(r)
    assert pytest.approx(6 - 8 * u, rel=1e-12) == A + 1 / A
    E, S = (root - 1) * (root * A - 1), math.sqrt((r - 1) * (r * A * A - 1))
    assert growth == pytest.approx(z * E / (z * r * A - 1), rel=1e-9)
    M, gE = root * (A + 1) - 2 - 2 * growth / z, E + 2 * growth / z
    assert m == pytest.approx(M / (2 * r * A), rel=1e-8)
    low, high = formulas.band(u, z, d)
    assert low / m == pytest.approx(1 - (S - gE) / M, rel=1e-6, abs=1e-9)
    assert high / m == pytest.approx(1 + (S + gE) / M, rel=1e-6)


@given(designs(), st.floats(1.0, 5.0))
def test_lemma_7_is_the_characteristic_polynomial(design: PatternDesign, g: float) -> None:
    u, z, d, w = design.u_star, design.z, design.d, design.rate
    m, growth = formulas.fastest_mode(u, z, d), formulas.largest_growth(u, z, d)
    trace = formulas.amplification_trace(u, z, w, w * d * m, w * m)
    determinant = formulas.amplification_determinant(u, z, w, w * d * m, w * m)
    x, a = (g - 1) / w, z + d * m
    h = a * (growth - x - (g - 1) * (1 + m)) - (1 - m) * (growth - x) + growth**2 - x * x / g - 2 * x * (g - 1) / g
    # h = -det(g L - B)/(g w^2)
    polynomial = (g * g - trace * g + determinant) * (1 + w * z + w * d * m) * (1 + w + w * m)
    scale = (g * g + abs(trace) * g + determinant) * (1 + w * z + w * d * m) * (1 + w + w * m)
    assert -h * g * w * w == pytest.approx(polynomial, abs=1e-12 * scale)
    gain = pattern_gain(design, 1)
    assert (h > 0) == (g < gain) or abs(g - gain) < 1e-9 * gain


@given(designs(), st.floats(0.0, 1.0))
def test_lemma_3_bounds_the_gain_interval(design: PatternDesign, share: float) -> None:
    u, z, r, d = design.u_star, design.z, design.excess, design.d
    m_lo, m_hi = formulas.gain_interval(u, z, d)
    m = math.exp(0.9 * (share * math.log(m_hi) + (1 - share) * math.log(m_lo)))
    y = (1 - math.sqrt(1 - 4 * u * (1 - u) / m)) / 2
    assert y < 0.5
    assert z * u / y > 1
    assert d > formulas.turing_threshold(y, z * u / y)
    assert m_hi <= r


def test_enclose_holds_every_value_and_narrows_with_pieces() -> None:
    ranges = ((0.3, 0.4), (1.1, 1.3))
    wide, narrow = (enclose(formulas.turing_threshold, *ranges, pieces=n) for n in (1, 16))
    rng = np.random.default_rng(0)
    values = formulas.turing_threshold(rng.uniform(*ranges[0], 500), rng.uniform(*ranges[1], 500), xp=np)
    for ball in (wide, narrow):
        assert float(ball.lower()) <= values.min()
        assert values.max() <= float(ball.upper())
    assert float(narrow.rad()) < float(wide.rad())
    low, high = enclose(formulas.band, (0.4, 0.4), (1.2, 1.2), (6.0, 6.0))
    assert float(low.mid()) == pytest.approx(formulas.band(0.4, 1.2, 6.0)[0])
    assert float(high.mid()) == pytest.approx(formulas.band(0.4, 1.2, 6.0)[1])


def test_save_and_load(tmp_path) -> None:
    certificate = certify_box(SMALL.lower, SMALL.upper, SMALL, subject="0123abc")
    certificate.save(tmp_path / "box.json")
    assert [path.name for path in tmp_path.iterdir()] == ["box.json"]
    again = Certificate.load(tmp_path / "box.json")
    assert again == replace(certificate, detail="")
    assert again.subject == "0123abc"
    with pytest.raises(DataError, match="cannot be written"):
        certificate.save(tmp_path / "absent" / "box.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "cannot be read", id="no JSON"),
        pytest.param("[1]", "is no certificate", id="a list"),
        pytest.param('{"format": "rdmf-certificate", "sha256": "0"}', "was changed", id="wrong digest"),
    ],
)
def test_load_refuses(tmp_path, text: str, message: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=message):
        Certificate.load(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"lower": SMALL.lower[:4]}, "5 entries", id="too few"),
        pytest.param({"lower": (math.nan, *SMALL.lower[1:])}, "u_star must be finite", id="NaN"),
        pytest.param({"lower": SMALL.upper, "upper": SMALL.lower}, "lower <= upper", id="reversed"),
        pytest.param({"modulation_fraction": 1}, r"must be in \(0, 0.999\]", id="fraction"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        certify_box(**({"lower": SMALL.lower, "upper": SMALL.upper, "region": SMALL} | arguments))
