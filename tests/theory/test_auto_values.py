"""Bifurcations that the continuation program AUTO located, found by our code within AUTO's own tolerance.

AUTO follows a branch and locates points by a secant iteration in floats. Here the equations of a state and det J = 0
(AUTO's LP) or tr J = 0 (its HB) are solved together in a box, complete and proved; or, for rational reactions, exactly.

Sources: AUTO-07p 0.9 (Doedel et al.), demos `ab` and `pp2`, equations from `demos/ab/ab.f90` and `demos/pp2/pp2.f90`,
printed output from `test/hyper.all` of its repository. Bazykin's system (Kuznetsov, Elements of Applied Bifurcation
Theory, example 8.3, with delta = 0, epsilon = 0.01, gamma = 1): output of AUTO in the course notes of J. Sieber,
Imperial College, 2004 (bazykin.zip, readme.txt).
"""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from rdmf_theory.bifurcations.lines import bifurcations_along
from rdmf_theory.kinetics import ReactionSystem
from rdmf_theory.systems.homogeneous_states import steady_states_in_box
from rdmf_theory.systems.point import SystemPoint
from rdmf_theory.systems.text import parse_system
from rdmf_theory.systems.thresholds import thresholds

u1, u2, p1 = sp.symbols("u1 u2 p1", real=True)


def ab(p2: int) -> tuple[Any, Any]:
    """The reaction A -> B in a stirred tank; p3 = 3."""
    burnt = p1 * (1 - u1) * sp.exp(u2)
    return burnt - u1, p2 * burnt - 4 * u2


def pp2() -> tuple[Any, Any]:
    """Predator and harvested prey; p2 = 3, p3 = 5, p4 = 3."""
    return 3 * u1 * (1 - u1) - u1 * u2 - p1 * (1 - sp.exp(-5 * u1)), 3 * u1 * u2 - u2


def located(reactions: tuple[Any, Any], kind: str, box: dict[str, tuple[Any, Any]]) -> list[tuple[float, ...]]:
    """(p1, u1, u2) of all points of one kind in a box, by p1; each is proved, and none is undecided."""
    jacobian = sp.Matrix(reactions).jacobian([u1, u2])
    condition = jacobian.det() if kind == "LP" else jacobian.trace()
    diffusions = tuple(sp.symbols("D_u1 D_u2 D_p1", positive=True))
    system = ReactionSystem("located", (u1, u2, p1), (), (*reactions, condition), diffusions, "AUTO-07p")
    states = steady_states_in_box(SystemPoint(system, {str(d): 1 for d in diffusions}), box)
    assert all(state.certified for state in states)
    found = [(p, *u) for *u, p in (state.mid.tolist() for state in states)]
    if kind == "HB":
        at = [dict(zip((p1, u1, u2), point, strict=True)) for point in found]
        found = [point for point, values in zip(found, at, strict=True) if jacobian.det().subs(values) > 0]
    return sorted(found)


def compare(found: list[tuple[float, ...]], printed: list[str], tolerance: float = 1e-5) -> None:
    """As many points, parameter and state equal within AUTO's own tolerance, EPSS = 1e-5 in `demos/ab/c.ab`."""
    assert len(found) == len(printed)
    for (value, *state), line in zip(found, printed, strict=True):
        theirs, *their_state = map(float, line.split())
        assert value == pytest.approx(theirs, rel=tolerance)
        assert state == pytest.approx(their_state, rel=0, abs=tolerance * max(their_state))


# AUTO's run ends at p1 = 0.25
BURNING = {"u1": (0.25, 0.95), "u2": (1.2, 4), "p1": (0.08, 0.25)}


@pytest.mark.parametrize(
    ("p2", "kind", "printed"),
    [
        (14, "HB", ["1.65042E-01 4.05955E-01 1.42084E+00"]),
        (17, "HB", ["1.20866E-01 3.22062E-01 1.36877E+00", "2.17079E-01 9.13231E-01 3.88123E+00"]),
        (18, "LP", ["9.95741E-02 6.66667E-01 3.00000E+00", "1.11565E-01 3.33333E-01 1.50000E+00"]),
    ],
)
def test_demo_ab(p2: int, kind: str, printed: list[str]) -> None:
    compare(located(ab(p2), kind, BURNING), printed)


@pytest.mark.parametrize(
    ("kind", "box", "printed"),
    [
        ("HB", {"u1": (0.2, 0.6), "u2": (0.1, 1), "p1": (0.1, 2)}, ["6.71594E-01 3.33333E-01 3.65762E-01"]),
        # the branch point at u1 = 1/3, where both branches meet, is left out
        ("LP", {"u1": (0.36, 0.9), "u2": (-0.1, 0.1), "p1": (0.1, 2)}, ["8.32929E-01 4.11162E-01 0.00000E+00"]),
    ],
)
def test_demo_pp2(kind: str, box: dict[str, tuple[Any, Any]], printed: list[str]) -> None:
    compare(located(pp2(), kind, box), printed)


BAZYKIN = parse_system("x' = x - x*y/(1 + alpha*x) - x^2/100; y' = x*y/(1 + alpha*x) - y")
# AUTO's labels 2, 3 and 4: alpha, x, y
BAZYKIN_PRINTED = {
    "hopf": ["1.020625E-02 1.010312E+00 1.000105E+00", "9.797938E-01 4.948969E+01 2.499740E+01"],
    "saddle-node": ["9.900000E-01 9.999999E+01 7.536678E-06"],
}


@pytest.mark.parametrize("kind", BAZYKIN_PRINTED)
def test_bazykin_exactly(kind: str) -> None:
    found = [
        (float(item.value), *map(float, item.state))
        for item in thresholds(BAZYKIN, {"D_x": 1, "D_y": 1}, "alpha", kinds=(kind,))
        if item.value > 0 and item.state[0] > 0
    ]
    compare(found, BAZYKIN_PRINTED[kind])


def test_bazykin_along_a_line() -> None:
    records = bifurcations_along(SystemPoint(BAZYKIN, {"alpha": "1/2", "D_x": 1, "D_y": 1}), "alpha", "0.005", "1.1")
    hopf = [(record.values["alpha"], *record.state.values()) for record in records if record.kind == "hopf"]
    compare(hopf, BAZYKIN_PRINTED["hopf"])
