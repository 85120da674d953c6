"""Does the search along a line miss anything? Random systems against dense sweeps of numpy's roots and eigenvalues.

The oracle knows nothing of conditions: it counts, at many parameter values, the states that are stable at rest and at
every wavenumber of a dense grid. Where that picture changes, a bifurcation must be listed; where one is listed as a
change of stability, the picture must change.
"""

from __future__ import annotations

import numpy as np
import pytest

from rdmf_theory.bifurcations.lines import bifurcations_along, search_line
from rdmf_theory.bifurcations.record import Bifurcation
from rdmf_theory.systems.built_in import BUILT_IN
from rdmf_theory.systems.point import SystemPoint
from rdmf_theory.systems.text import parse_system

MU = np.concatenate([[0.0], np.geomspace(1e-4, 1e3, 700)])


def point_of(equations: str, **values: object) -> SystemPoint:
    return SystemPoint.with_defaults(parse_system(equations), values)


class Cubic:
    """`u' = f(u) - v`, `v' = e (c u - v)` with f a cubic whose one coefficient is x: states are roots of f(u) - c u."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.free = int(random.integers(3))
        self.trivial = bool(random.integers(2))
        a = np.round(random.uniform(-2, 2, 3), 2)
        if self.trivial:
            # u = 0 is a state at every x: transcritical points and pitchforks
            a[0] = 0.0
            self.free = 1
        self.a, self.c, self.e = a, round(random.uniform(0.2, 3), 2), round(random.uniform(0.1, 3), 2)
        self.rates = np.round([random.uniform(0.01, 1), random.uniform(0.1, 20)], 2)

    def point(self) -> SystemPoint:
        terms = [f"({'x' if i == self.free else repr(float(x))})*u^{i}" for i, x in enumerate(self.a)]
        equations = f"u' = {' + '.join(terms)} - u^3 - v; v' = {self.e}*({self.c}*u - v)".replace("*u^0", "")
        return point_of(equations, x="-4", D_u=str(self.rates[0]), D_v=str(self.rates[1]))

    def picture(self, x: float) -> tuple[int, ...]:
        """How many states; how many stable at rest, and at every wavenumber; how many of these are u = 0."""
        a = self.a.copy()
        a[self.free] = x
        roots = np.roots([-1.0, a[2], a[1] - self.c, a[0]])
        states = roots[np.abs(roots.imag) < 1e-9].real
        slopes = a[1] + 2 * a[2] * states - 3 * states**2
        J = np.zeros((len(states), 1, 2, 2))
        J[:, 0] = np.array([[[s, -1.0], [self.e * self.c, -self.e]] for s in slopes])
        growth = np.linalg.eigvals(J - MU[None, :, None, None] * np.diag(self.rates)).real.max(axis=-1)
        rest, everywhere = growth[:, 0] < 0, growth.max(axis=1) < 0
        trivial = np.abs(states) < 1e-9
        # two states that cross exchange their stability: the totals stay
        return len(states), *(int(item.sum()) for item in (rest, everywhere, rest & trivial, everywhere & trivial))


@pytest.mark.parametrize("seed", range(16))
def test_no_change_of_the_picture_is_missing(seed: int) -> None:
    system = Cubic(seed)
    search = search_line(system.point(), "x", "-4", "4")
    assert search.complete == ("saddle-node", "hopf", "turing")
    assert search.notes == ()
    found = np.array([record.values["x"] for record in search.records])
    x = np.linspace(-4, 4, 500) + 1e-4
    pictures = [system.picture(value) for value in x]
    for left, right, before, after in zip(x, x[1:], pictures, pictures[1:], strict=False):
        if before != after:
            # the grid of wavenumbers sees a Turing point a little late
            assert np.any((found > left - 0.02) & (found < right + 0.02)), (left, right, before, after, found)
    for record in search.records:
        value, gap = record.values["x"], 3e-3
        alone = np.sum(np.abs(found - value) < 2 * gap) == 1
        if record.primary and alone and abs(value) < 3.99:
            assert system.picture(value - gap) != system.picture(value + gap), record


def _by_kind(records: list[Bifurcation], kind: str, name: str) -> list[float]:
    return sorted(record.values[name] for record in records if record.kind == kind)


def test_epidemic_threshold() -> None:
    """(b/d, 0) and ((g+d)/k, b/(g+d) - d/k) meet at b = d (g+d)/k = 0.03; both eigenvalues -d and 0 there."""
    point = point_of("S' = b - k*S*I - d*S; I' = k*S*I - (g+d)*I", b=0, k=2, d="0.1", g="0.5", D_S=1, D_I=1)
    (record,) = bifurcations_along(point, "b", "0.01", "0.1")
    assert (record.kind, record.shape, record.primary) == ("branch-point", "transcritical", True)
    assert record.values["b"] == pytest.approx(0.03, rel=1e-15)
    assert record.state == pytest.approx({"S": 0.3, "I": 0.0}, abs=1e-15)
    assert record.radius is not None


def test_predator_invades_and_oscillates() -> None:
    """Invasion at c K/(1+K) = m, K = m/(c-m) = 3/7; Hopf at the hump of the prey's nullcline, K = 1 + 2 m/(c-m)."""
    point = point_of("u' = u*(1-u/K) - u*v/(1+u); v' = v*(c*u/(1+u) - m)", K=1, c=2, m="0.6", D_u=1, D_v=1)
    crossing, hopf = bifurcations_along(point, "K", "0.1", "6")
    assert (crossing.kind, crossing.shape, crossing.primary) == ("branch-point", "transcritical", True)
    assert crossing.values["K"] == pytest.approx(3 / 7, rel=1e-14)
    assert (hopf.kind, hopf.primary) == ("hopf", True)
    assert hopf.values["K"] == pytest.approx(13 / 7, rel=1e-14)


def test_chemostat_washes_out() -> None:
    """Wash-out at D = m s0/(a + s0): there the states (s0, 0) and (a D/(m - D), ...) cross."""
    point = point_of("s' = D*(s0-s) - m*s*x/(a+s); x' = m*s*x/(a+s) - D*x", D="0.5", s0=2, m=1, a="0.5", D_s=1, D_x=1)
    (record,) = bifurcations_along(point, "D", "0.1", "0.95")
    assert (record.shape, record.primary) == ("transcritical", True)
    assert record.values["D"] == pytest.approx(0.8, rel=1e-14)


@pytest.mark.parametrize(
    ("equation", "shape", "primary"),
    [
        ("r*u - u^3", "pitchfork", True),
        ("r*u + u^3", "pitchfork", True),
        ("r*u - u^2", "transcritical", True),
        ("r - u^2", "fold", True),
        ("r - u^3", "inflection", False),
        ("r^2 + u^2", "isolated", True),
        ("(u - r)*(u^2 - r^2)", "degenerate", True),
    ],
)
def test_shapes_of_singular_states(equation: str, shape: str, primary: bool) -> None:
    """Normal forms at r = 0, u = 0, beside a species that decays."""
    point = point_of(f"u' = {equation}; v' = u - v", r=-1, D_u=1, D_v=1)
    records = [r for r in bifurcations_along(point, "r", "-1", "1") if abs(r.values["r"]) < 1e-12]
    assert [(record.shape, record.primary) for record in records] == [(shape, primary)]


@pytest.mark.parametrize("ends", [("0", "1"), ("0", "0.08"), ("0.0615", "0.0623"), ("0.01", "37")])
def test_a_wide_range_hides_nothing(ends: tuple[str, str]) -> None:
    """Gray-Scott at F = 0.055, d = 2: Turing, Hopf and saddle-node point of one fold, within 1/1500 of each other."""
    values = {"F": "0.055", "k": ends[0], "s": 1, "D_u": 2, "D_v": 1}
    records = bifurcations_along(SystemPoint(BUILT_IN["gray-scott"], values), "k", *ends)
    # k = sqrt(F)/2 - F at the saddle-node; the others by bisection in the chart
    expected = [0.0616021759327, 0.06204764004936, np.sqrt(0.055) / 2 - 0.055]
    assert [record.kind for record in records] == ["turing", "hopf", "saddle-node"]
    assert [record.values["k"] for record in records] == pytest.approx(expected, abs=5e-14)
    assert [record.primary for record in records] == [True, False, False]


def test_samples_alone_say_what_they_may_miss() -> None:
    point = SystemPoint.with_defaults(BUILT_IN["gray-scott"], {"F": "0.055", "s": 1, "D_u": 2, "D_v": 1})
    search = search_line(point, "k", 0, 1, seconds=0)
    assert search.complete == ()
    (note,) = search.notes
    assert "saddle-node, hopf, turing: by sign changes between" in note
    # samples are refined towards the fold, so that it hides nothing here
    assert [record.kind for record in search.records] == ["turing", "hopf", "saddle-node"]
    on_clips = search_line(point, "k", 0, "0.08", clips=40)
    assert on_clips.complete == ("saddle-node", "hopf")
    assert on_clips.notes[0].startswith("turing-mode:")
