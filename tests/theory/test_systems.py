"""Built-in systems against the literature: Turing sets, thresholds, boundaries; classification of any system."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.built_in import BUILT_IN, load_system
from rdmf_theory.systems.classification import classify_point
from rdmf_theory.systems.point import SystemPoint
from rdmf_theory.systems.text import parse_system
from rdmf_theory.systems.thresholds import Threshold, thresholds
from rdmf_theory.turing import classify


def point(name: str, **values: object) -> SystemPoint:
    return SystemPoint.with_defaults(load_system(name), values)


def threshold(name: str, symbol: str, kind: str, **values: object) -> Threshold:
    """The only threshold of a kind."""
    system = load_system(name)
    (found,) = [item for item in thresholds(system, {**system.defaults, **values}, symbol) if item.kind == kind]
    return found


@pytest.mark.parametrize("name", BUILT_IN)
def test_defaults_are_turing_unstable(name: str) -> None:
    assert classify_point(point(name)).name == "turing"


def test_schnakenberg_turing_set() -> None:
    """The known set at D_u = 1, D_v = 50; (0, 1) lies exactly on the Hopf line, (0, 0) has no isolated state."""
    names = {}
    for a in ("0", "0.2", "0.4", "0.6"):
        for b in ("0", "1", "2", "3"):
            if (a, b) == ("0", "0"):
                with pytest.raises(ParameterError, match="continuum of steady states"):
                    classify_point(point("schnakenberg", a=a, b=b))
                continue
            names[a, b] = classify_point(point("schnakenberg", a=a, b=b, D_u=1, D_v=50)).name
    assert {key for key, name in names.items() if name == "turing"} == {("0.2", "1"), ("0", "2"), ("0.2", "2")}
    assert names["0", "1"] == "hopf"
    assert all(name in ("stable", "turing") for key, name in names.items() if key != ("0", "1"))


def test_schnakenberg_lambda_form() -> None:
    """pde2path's lambda form, D_v = 60: lambda_c = sqrt 120 - sqrt 60 = 3.2084844577, k_c = 0.6435942529."""
    found = threshold("schnakenberg", "b", "turing", a=0, D_u=1, D_v=60)
    assert float(found.value) == pytest.approx(math.sqrt(120) - math.sqrt(60), rel=1e-15)
    assert float(found.value) == pytest.approx(3.2084844577, abs=5e-11)
    assert found.modes.critical_mu is not None
    assert math.sqrt(found.modes.critical_mu) == pytest.approx(0.6435942529, abs=5e-11)
    # exact: lambda^4 - 360 lambda^2 + 3600 = 0
    assert found.value**4 - 360 * found.value**2 + 3600 == 0


def test_brusselator_thresholds() -> None:
    """a = 2, b = 3: D_c = 7.4641016 = 4 + 2 sqrt 3; b_T = (1 + a sqrt(D_x/D_y))^2, k_c^2 = a/sqrt(D_x D_y)."""
    found = threshold("brusselator", "D_y", "turing", a=2, b=3, D_x=1)
    assert float(found.value) == pytest.approx(7.4641016, abs=5e-8)
    assert (found.value - 4) ** 2 == 12
    for a, D_x, D_y in ((Fraction(3), Fraction(1, 2), Fraction(7)), (Fraction(3, 2), Fraction(2), Fraction(9))):
        onset = threshold("brusselator", "b", "turing", a=a, D_x=D_x, D_y=D_y)
        assert float(onset.value) == pytest.approx((1 + float(a) * math.sqrt(D_x / D_y)) ** 2, rel=1e-14)
        assert onset.modes.critical_mu == pytest.approx(float(a) / math.sqrt(D_x * D_y), rel=1e-14)


def test_brusselator_turing_hopf_point() -> None:
    """a = 1.4, b = 1 + a^2 = 2.96: D_x = 0.26483157815 at D_y = 1, recognised as both boundaries at once."""
    found = threshold("brusselator", "D_x", "turing", a="1.4", b="2.96", D_y=1)
    assert found.name == "turing-hopf"
    assert float(found.value) == pytest.approx(0.26483157815, abs=5e-12)
    assert found.modes.critical_mu is not None
    assert math.sqrt(found.modes.critical_mu) == pytest.approx(1.64938323, abs=5e-9)


def test_check_reports_the_threshold() -> None:
    (state,) = classify_point(point("brusselator", a=2, b=3, D_x=1, D_y=10)).states
    answer = state.to_dict(load_system("brusselator"))
    assert answer["threshold"]["activator"] == "X"
    assert answer["threshold"]["ratio"] == "D_y/D_x"
    assert answer["threshold"]["critical"] == pytest.approx(4 + 2 * math.sqrt(3), rel=1e-15)


BOUNDARIES = {
    "turing-boundary": ("brusselator", {"a": 2, "b": 4, "D_x": 1, "D_y": 4}),
    "hopf": ("brusselator", {"a": 1, "b": 2, "D_x": 1, "D_y": 1}),
    "saddle-node": ("gray-scott", {"F": "0.04", "k": "0.06"}),
    "bogdanov-takens": ("gray-scott", {"F": "1/16", "k": "1/16"}),
    "unstable": ("brusselator", {"a": 1, "b": 3}),
    "stable": ("lengyel-epstein", {"a": 5}),
}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_boundaries_are_recognised_exactly(name: str) -> None:
    system, values = BOUNDARIES[name]
    assert classify_point(point(system, **values)).name == name
    if name in ("turing-boundary", "hopf"):
        # a nudge below the last double of a margin leaves the boundary
        symbol = "b"
        for sign, expected in ((1, {"turing", "unstable"}), (-1, {"stable"})):
            nudged = values | {symbol: Fraction(str(values[symbol])) + Fraction(sign, 10**40)}
            assert classify_point(point(system, **nudged)).name in expected


def test_gray_scott_agrees_with_the_chart() -> None:
    """The general route and the layer's own classification decide the same on a grid that crosses every boundary."""
    seen = set()
    for F in ("0.03", "0.042", "0.05", "0.055", "0.0625", "0.07", "0.09"):
        for k in ("0.05", "0.059", "0.06", "0.062", "0.0625", "0.063"):
            chart = classify(F, k, "1", "2", "1")
            general = classify_point(point("gray-scott", F=F, k=k, s=1, D_u=2, D_v=1))
            names = {state.name for state in general.states}
            seen.add(chart.name)
            if chart.name == "no-state":
                assert len(general.states) == 1
                continue
            (v_rich,) = [
                state
                for state in general.states
                if chart.u_star is not None and abs(state.state.mid[0] - chart.u_star) < 1e-9
            ]
            # at the Bogdanov-Takens point the chart sees the saddle-node
            expected = {"saddle-node", "bogdanov-takens"} if chart.name == "saddle-node" else {chart.name}
            assert v_rich.name in expected, (F, k, names)
            assert v_rich.conditions["turing"].holds == chart.conditions["turing"].holds or chart.name == "saddle-node"
    assert seen >= {"turing", "stable", "unstable", "no-state"}


def test_wave_instability_of_three_species() -> None:
    """Only w is mobile, and it damps the oscillator u, v: short waves lose that damping by a complex pair."""
    system = parse_system(
        "u' = c*u - v - w; v' = u - v/2; w' = u - w", ["c"], defaults={"c": "3/5", "D_u": 0, "D_v": 0, "D_w": 1}
    )
    result = classify_point(SystemPoint.with_defaults(system))
    assert result.name == "wave"
    jacobian, diffusion = np.array([[0.6, -1, -1], [1, -0.5, 0], [1, 0, -1]]), np.diag([0.0, 0, 1])
    assert max(np.linalg.eigvals(jacobian).real) < 0
    assert max(np.linalg.eigvals(jacobian - 50 * diffusion).real) > 0
    assert all(np.linalg.det(mu * diffusion - jacobian) > 0 for mu in np.linspace(0, 100, 400))
    assert result.states[0].modes is not None


def test_an_immobile_activator_has_an_unbounded_band() -> None:
    result = classify_point(point("schnakenberg", a="0.2", b=1, D_u=0))
    (state,) = result.states
    assert result.name == "turing"
    assert state.modes is not None
    assert state.modes.fastest is None
    ((low, high),) = state.modes.bands
    assert high == math.inf
    # det(mu D - J) = det J - D_v f_u mu vanishes at the band's end
    assert low == pytest.approx(1.44 / (50 * 2 / 3), rel=1e-12)


def test_thresholds_divide_the_classifications() -> None:
    """Between two critical values of b every point has one name, and it changes across each."""
    system = load_system("schnakenberg")
    values = [float(item.value) for item in thresholds(system, system.defaults, "b")]
    assert len(values) == 2
    names = [classify_point(point("schnakenberg", b=Fraction(b))).name for b in (0.25, 0.27, 1.0, 2.3, 2.35)]
    assert names == ["stable", "turing", "turing", "turing", "stable"]


def test_states_of_bad_points_are_errors() -> None:
    with pytest.raises(ParameterError, match="no homogeneous steady state"):
        classify_point(SystemPoint(parse_system("u' = u^2 + 1"), {"D_u": 1}))
    with pytest.raises(ParameterError, match="divides by zero at these values"):
        classify_point(SystemPoint(parse_system("u' = a/(b - 2) - u"), {"a": 1, "b": 2, "D_u": 1}))
    with pytest.raises(ParameterError, match="the Jacobian is singular there"):
        classify_point(SystemPoint(parse_system("u' = u - v; v' = v - u"), {"D_u": 1, "D_v": 1}))
    with pytest.raises(ParameterError, match=r"wants a value for D_u; add --set D_u=NUMBER"):
        SystemPoint(parse_system("u' = 1 - u"), {})
    with pytest.raises(ParameterError, match="did you mean 'D_v'"):
        point("schnakenberg", D_w=1)
    with pytest.raises(ParameterError, match="is given twice"):
        SystemPoint(load_system("brusselator"), {"a": 1, "A": 2, "b": 1, "D_x": 1, "D_y": 1})
    with pytest.raises(ParameterError, match="must be finite and not negative"):
        point("schnakenberg", D_u=-1)
    with pytest.raises(ParameterError, match="must be a finite number"):
        point("schnakenberg", a=math.nan)
