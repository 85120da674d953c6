"""Do numbers ever contradict the exact verdict? Bands, margins and fastest waves against mpmath at 50 digits.

Random linear systems of one to four species, with diffusions over nine decades and some species immobile: the growth
rate at random wavenumbers must be positive exactly in the listed bands, and never above the listed largest one.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from itertools import pairwise
from typing import Any

import flint
import mpmath
import numpy as np
import pytest

from rdmf_model.cli import main
from rdmf_theory.arithmetic.rational import nearest_float
from rdmf_theory.chart import PatternDesign
from rdmf_theory.commands.dispersion import runs
from rdmf_theory.layer.bandwidth import bandwidth
from rdmf_theory.schemes.frequency_response import power_and_sum
from rdmf_theory.sweeps import check_rows, grid_points
from rdmf_theory.systems.classification import DESCRIPTIONS, HEADLINES, StateClassification, classify_point
from rdmf_theory.systems.point import SystemPoint
from rdmf_theory.systems.text import parse_system
from rdmf_theory.turing import classify


def abscissa(J: list[list[Any]], rates: list[Any], mu: Any) -> Any:
    """Largest real part of the eigenvalues of J - mu D in 50 digits."""
    with mpmath.workdps(50):
        if len(J) == 1:
            return J[0][0] - mu * rates[0]
        matrix = mpmath.matrix(J) - mu * mpmath.diag(rates)
        return max(mpmath.re(value) for value in mpmath.eig(matrix, left=False, right=False))


def classified(equations: str, **values: object) -> StateClassification:
    (state,) = classify_point(SystemPoint.with_defaults(parse_system(equations), values)).states
    return state


def linear(seed: int) -> tuple[StateClassification, list[list[Any]], list[Any]]:
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 5))
    names = "uvwz"[:size]
    J = np.round(random.normal(0, 1, (size, size)), 2)
    # shifted so that most are stable at rest, some barely
    shift = np.round(np.linalg.eigvals(J).real.max() + random.choice([-0.2, 0.02, 0.3, 1.0]), 2)
    J = np.round(J - shift * np.eye(size), 2)
    rates = [f"{random.uniform(1, 9):.1f}e{random.integers(-9, 1)}" for _ in range(size)]
    if random.uniform() < 0.4:
        rates[int(random.integers(size))] = "0"
    equations = [
        f"{name}' = " + " + ".join(f"({x!r})*{other}" for x, other in zip(row.tolist(), names, strict=True))
        for name, row in zip(names, J, strict=True)
    ]
    values = {f"D_{name}": rate for name, rate in zip(names, rates, strict=True)}
    exact = [[mpmath.mpf(repr(x)) for x in row] for row in J.tolist()]
    return classified("; ".join(equations), **values), exact, [mpmath.mpf(rate) for rate in rates]


@pytest.mark.parametrize("seed", range(60))
def test_bands_margins_and_fastest_waves(seed: int) -> None:
    state, J, rates = linear(seed)
    modes = state.modes
    assert modes is not None
    random = np.random.default_rng(seed + 1000)
    places = [0.0, *10 ** random.uniform(-6, 12, 40)]
    for low, high in modes.bands:
        places += list(np.linspace(low, min(high, 10 * low + 10), 6)[1:-1])
    values = {mu: abscissa(J, rates, mpmath.mpf(float(mu))) for mu in places}
    for mu, value in values.items():
        if mu > 0 and abs(value) > 1e-12:
            inside = any(low < mu < high for low, high in modes.bands)
            assert inside == (value > 0), (mu, value, modes.bands)
    rest = values[0.0]
    if abs(rest) > 1e-12 and len(J) != 2:
        # of two species this is the margin of the trace
        assert modes.margins["damped"] is not None
        assert (modes.margins["damped"] > 0) == (rest < 0)
    assert (modes.margins["turing"] is not None and modes.margins["turing"] > 0) == (state.name == "turing")
    assert state.conditions["turing"].holds == (state.name == "turing")
    top = max(values.values())
    if modes.fastest is not None:
        at_peak = abscissa(J, rates, mpmath.mpf(modes.fastest.mu))
        assert float(at_peak) == pytest.approx(modes.fastest.growth_rate, rel=1e-9, abs=1e-12)
        assert modes.fastest.growth_rate >= float(top) - 1e-9
        assert bool(modes.bands) == (modes.fastest.growth_rate > 0)
    else:
        assert modes.limit is not None
        assert modes.limit >= float(top) - 1e-9
        far = abscissa(J, rates, mpmath.mpf(10) ** 30)
        assert float(far) == pytest.approx(modes.limit, rel=1e-6, abs=1e-9)


def test_a_slow_species_hides_no_wave() -> None:
    """Brusselator a = 2, b = 3, D = 1, 10, beside a species that follows X: its own eigenvalue is -1 - mu D_Z.

    Largest growth 0.232344 at mu = 0.672211, from the quadratic of the other two, whatever D_Z is.
    """
    for D_Z in ("0", "1e-9", "1"):
        state = classified("X' = a-(b+1)*X+X^2*Y; Y' = b*X-X^2*Y; Z' = X-Z", a=2, b=3, D_X=1, D_Y=10, D_Z=D_Z)
        assert state.modes is not None
        assert state.modes.fastest is not None
        assert math.sqrt(state.modes.fastest.mu) == pytest.approx(0.81988456, abs=5e-9)
        assert state.modes.fastest.growth_rate == pytest.approx(0.232344, abs=5e-7)


def test_a_determinant_that_falls_without_bound() -> None:
    """u is immobile and activates itself: det(mu D - J) tends to minus infinity, growth to 1.42 from below."""
    state = classified(
        "u' = 1.42*u-2.02*v-0.44*w; v' = 1.21*u-1.58*v+0.07*w; w' = -0.5*u+0.67*v-1.99*w",
        D_u=0, D_v="0.0016", D_w="0.0059",
    )  # fmt: skip
    assert state.name == "turing"
    assert (state.conditions["turing"].holds, state.conditions["turing"].margin) == (True, math.inf)
    assert state.modes is not None
    assert (state.modes.fastest, state.modes.limit) == (None, pytest.approx(1.42))


@pytest.mark.parametrize(("a", "sign"), [("1e-200", "-2.00000e-400"), ("1e-100", "-2e-200")])
def test_eigenvalues_have_the_sign_of_the_verdict(a: str, sign: str) -> None:
    """Brusselator b = 1/2: trace -1/2 - a^2, determinant a^2, so -2 a^2 and -1/2 up to a^4."""
    state = classified("X' = a - (b + 1)*X + X^2*Y; Y' = b*X - X^2*Y", a=a, b="1/2", D_X=1, D_Y=1)
    answer = state.to_dict(parse_system("X' = a*X; Y' = Y"))["eigenvalues"]
    assert answer[0].get("decimal", f"{answer[0]['real']:g}") == sign
    assert [value["real"] < 0 for value in answer] == [True, True]
    assert answer[1]["real"] == pytest.approx(-0.5)


def test_the_ends_of_the_floats_have_answers(capsys: pytest.CaptureFixture) -> None:
    """Numbers near 1e300 and 1e-300 end in an answer or in one line."""
    lines = (
        "check --F 1e300 --k 1 --s 1e300 --D-u 1e300 --D-v 1e-300",
        "check --F 1e-300 --k 1e-305 --s 1e300 --D-u 1e300 --D-v 1e-300",
        "check --F 1e-300 --k 1e-300 --s 1e300 --D-u 1e-300 --D-v 1e300",
        "check --system gray-scott --set F=1e-300 --set k=1e-160 --set s=1 --set D_u=1e300 --set D_v=1e-300",
        "region --d 2 --s 1e300",
    )
    for line in lines:
        assert main(line.split()) in (0, 1, 2)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        assert not re.search(r"\bnan\b", printed.out)
    assert [nearest_float(sign * Fraction(10) ** power) for sign in (1, -1) for power in (400, -400, 0)] == [
        math.inf, 5e-324, 1.0, -math.inf, -5e-324, -1.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "equation",
    ["(u^2-1)/(u-1) - v", "(u-1)*(u+1)/(u-1) - v", "(u^2-a)/(u-1) - v", "(u^3-u^2+u-a)/(u-1)/(u^2+1)*(u+1) - v"],
)
def test_removable_poles_are_filled(equation: str) -> None:
    """All are u + 1 - v at a = 1; with v' = v - 2u the state is (1, 2), J = [[1, -1], [-2, 1]]: 1 +- sqrt 2."""
    system = parse_system(f"u' = {equation}; v' = v - 2*u", ["a"])
    state = classify_point(SystemPoint(system, {"a": 1, "D_u": 1, "D_v": 1})).states[0]
    assert state.state.mid.tolist() == [1.0, 2.0]
    assert [float(x.real.mid()) for x in state.eigenvalues] == pytest.approx([1 + math.sqrt(2), 1 - math.sqrt(2)])


def test_headline_of_bistable_systems() -> None:
    """A genetic switch and competing species: stable states make no headline of the unstable one between them."""
    switch = parse_system("X' = v/10 + v*X^3/(X^3+1) - X")
    result = classify_point(SystemPoint(switch, {"v": 2, "D_X": 1}))
    assert [state.name for state in result.states] == ["unstable", "stable", "unstable", "stable"]
    assert result.name == "stable"
    assert "2 of 4 states stable, bistable" in result.summary
    rivals = parse_system("u' = u*(1-u-2*v); v' = v*(1-v-2*u)")
    result = classify_point(SystemPoint(rivals, {"D_u": 1, "D_v": 1}))
    assert sorted(state.name for state in result.states) == ["saddle", "stable", "stable", "unstable"]
    assert result.name == "stable"
    assert set(HEADLINES) == set(DESCRIPTIONS)


def test_sweep_decides_boundaries_as_check_does() -> None:
    """Saddle-nodes s F = 4 (F+k)^2, Hopf points F = u^3 (1-u), k = u^2 (1-u)^2, and 1e-22 beside them."""
    rows = [
        {"F": "0.04", "k": "0.06"}, {"F": 0.04, "k": 0.06}, {"F": "0.0625", "k": "0.0625"},
        {"F": "0.0384", "k": "0.0576"}, {"F": "0.0384", "k": "0.0576", "D_u": "7"}, {"F": "0.0391", "k": "0.062"},
        {"F": "0.04", "k": "0.0600000000000000000001"}, {"F": "0.04", "k": "0.0599999999999999999999"},
    ]  # fmt: skip
    answers = [row["classification"] for row in check_rows(rows)]
    full = [{"s": "1", "D_u": "2", "D_v": "1"} | {name: str(x) for name, x in row.items()} for row in rows]
    assert answers == [classify(**row).name for row in full]
    assert answers == [*["saddle-node"] * 3, "hopf", "hopf", answers[5], "no-state", "unstable"]
    # a grid that meets the fold F = 4 w^2 at w = 1/10 and w = 1/8 among many points
    points = grid_points({"F": np.linspace(0.001, 0.1, 100).tolist(), "k": np.linspace(0.0005, 0.07, 140).tolist()})
    exact = [classify(str(p["F"]), str(p["k"]), "1", "2", "1").name for p in points[::7]]
    assert [row["classification"] for row in check_rows(points)][::7] == exact


def test_modes_that_are_no_interval() -> None:
    assert runs([0, 1, 3, 4]) == "0, 1, 3, 4"
    assert runs([2, 3, 4, 7, 9, 10, 11]) == "2 to 4, 7, 9 to 11"
    assert runs([]) == ""


def test_responses_after_a_million_steps() -> None:
    """G^N and its sum where entries overflow: signs and sizes of mpmath's, infinite where no float is."""
    G = np.array([[1.02, -0.01], [0.02, 0.99]])
    with mpmath.workdps(60):
        exact = mpmath.matrix(G.tolist())
        for steps in (1, 2, 7, 12_345, 1_000_000):
            power = exact**steps
            total = (mpmath.eye(2) - exact) ** -1 * (mpmath.eye(2) - power)
            for found, true in zip(power_and_sum(G, steps), (power, total), strict=True):
                assert not np.isnan(found).any()
                for i in range(2):
                    for j in range(2):
                        number = true[i, j]
                        value = float(number if abs(number) < 1e300 else mpmath.sign(number) * mpmath.inf)
                        assert found[i, j] == pytest.approx(value, rel=1e-8 * max(1, steps / 100))
    design = PatternDesign(u_star=0.4, z=1.2, excess=1.5, wavelength=16.0, rate=0.2)
    widths = [bandwidth(design, steps).fractional for steps in (12, 10_000, 10**6)]
    assert widths[0] > widths[1] > widths[2] > 0
    assert np.isfinite(widths).all()


@pytest.mark.parametrize("seed", range(20))
def test_real_eigenvalues_have_no_imaginary_part(seed: int) -> None:
    """Linear systems of three and four species: as many real eigenvalues as numpy finds, pairs in one order."""
    rng = np.random.default_rng(seed)
    size = 3 + seed % 2
    matrix = rng.integers(-9, 10, (size, size))
    names = "xyzw"[:size]
    rows = (" + ".join(f"({int(a)})*{name}" for a, name in zip(row, names, strict=True)) for row in matrix)
    equations = "; ".join(f"{name}' = {row}" for name, row in zip(names, rows, strict=True))
    expected = np.linalg.eigvals(matrix.astype(float))
    gaps = np.abs(expected[:, None] - expected[None, :])[~np.eye(size, dtype=bool)]
    if gaps.min() < 1e-6 or abs(np.linalg.det(matrix)) < 0.5:
        pytest.skip("eigenvalues too near each other for numpy, or no isolated state")
    state = classified(equations, **{f"D_{name}": 1 for name in names})
    found = [complex(x) for x in state.eigenvalues]
    assert sum(x.imag == 0 for x in found) == sum(abs(x.imag) < 1e-9 for x in expected)
    assert np.abs(np.array(found)[:, None] - expected).min(axis=0).max() < 1e-9
    assert all(a.imag < 0 for a, b in pairwise(found) if abs(a - b.conjugate()) < 1e-12 and a.imag)


def test_a_double_eigenvalue_is_not_called_real() -> None:
    """`[[0, 1, 0], [0, 0, 1], ...]` with (l + 1)^3: one defective cluster, enclosed as it is."""
    state = classified("x' = y; y' = z; z' = -x - 3*y - 3*z", D_x=1, D_y=1, D_z=1)
    assert all(value.overlaps(flint.acb(-1)) for value in state.eigenvalues)
