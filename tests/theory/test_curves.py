"""Curves and points in two parameters, against closed forms."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from rdmf_theory.bifurcations.curves import BifurcationCurve, curves_in_window
from rdmf_theory.bifurcations.equations import CURVES, POINTS
from rdmf_theory.bifurcations.lines import bifurcations_along
from rdmf_theory.bifurcations.points import CriticalPoint, points_on
from rdmf_theory.bifurcations.turing_area import turing_area
from rdmf_theory.errors import ParameterError
from rdmf_theory.formulas import SOFT_ONSET_RATIO
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.regions.area import fixed_ratio_area
from rdmf_theory.systems.built_in import BUILT_IN
from rdmf_theory.systems.point import SystemPoint

Window = tuple[list[BifurcationCurve], list[CriticalPoint]]


def window(name: str, values: dict, x: tuple, y: tuple, **kwargs: int) -> Window:
    curves, analysis = curves_in_window(SystemPoint.with_defaults(BUILT_IN[name], values), x, y, **kwargs)
    return curves, points_on(curves, analysis)


@pytest.fixture(scope="module")
def gray_scott() -> Window:
    return window("gray-scott", {"D_u": 2, "D_v": 1}, ("F", 0, "0.1"), ("k", 0, "0.08"), grid=30)


@pytest.fixture(scope="module")
def clips() -> Window:
    return window(
        "gray-scott", {"D_u": 6, "D_v": "0.5"}, ("F", "0.001", "0.1"), ("k", "0.001", "0.08"), clips=20, grid=24
    )


def test_gray_scott_curves_are_the_closed_forms(gray_scott: Window) -> None:
    curves, _ = gray_scott
    assert [curve.kind for curve in curves] == ["saddle-node", "hopf", "turing"]
    for curve in curves:
        assert len(curve.points) > 50
        for point in curve.points:
            F, k, u = point.values["F"], point.values["k"], point.state["u"]
            w = F + k
            z = F / (w * u)
            assert point.radius is not None
            assert point.radius < 1e-12
            if curve.kind == "saddle-node":
                assert pytest.approx(4 * w * w, rel=1e-10) == F
                assert u == pytest.approx(0.5, abs=1e-12)
            elif curve.kind == "hopf":
                assert pytest.approx((u**3 * (1 - u), u**2 * (1 - u) ** 2), rel=1e-12, abs=1e-15) == (F, k)
                assert point.frequency == pytest.approx(w * np.sqrt(1 - 2 * u), rel=1e-9, abs=1e-7)
            else:
                assert u == pytest.approx(0.5 - (2 - z) ** 2 / (16 * z), rel=1e-7, abs=1e-9)
                assert point.wavenumber == pytest.approx(np.sqrt(w * (2 - z) / 4), rel=1e-9)
                # the state was stable iff z > 1
                assert point.primary == (z > 1)


def test_curves_are_traced_without_gaps(gray_scott: Window) -> None:
    for curve in gray_scott[0]:
        steps = np.abs(np.diff(curve.values, axis=0)) / [0.1, 0.08]
        assert steps.max() < 0.03
        # from the origin, where all three meet, to the window's edge or the Bogdanov-Takens point
        assert curve.values[0].max() < 1e-3
        end = [0.0625, 0.0625] if curve.kind == "hopf" else [0.1, curve.values[-1, 1]]
        assert curve.values[-1] == pytest.approx(end, abs=1e-15)


@pytest.mark.parametrize("F", ["0.013", "0.045", "0.071"])
def test_curves_pass_through_what_a_line_finds(gray_scott: Window, F: str) -> None:
    """The search along a line and the traced curves are different programs."""
    records = bifurcations_along(SystemPoint(GRAY_SCOTT, {"F": F, "k": 0, "s": 1, "D_u": 2, "D_v": 1}), "k", 0, "0.08")
    kinds = [record.kind for record in records]
    assert sorted(kinds) == sorted({"hopf", "saddle-node", "turing"} - ({"hopf"} if float(F) > 0.0625 else set()))
    for record in records:
        (curve,) = [item for item in gray_scott[0] if item.kind == record.kind]
        along, k = curve.values.T
        i = int(np.searchsorted(along, float(F)))
        share = (float(F) - along[i - 1]) / (along[i] - along[i - 1])
        assert (1 - share) * k[i - 1] + share * k[i] == pytest.approx(record.values["k"], abs=1e-5)


def test_points_of_gray_scott(gray_scott: Window) -> None:
    _, points = gray_scott
    exact = {p.record.kind: p.exact[2:] for p in points if p.exact is not None}
    assert exact == {
        "bautin": (Fraction(3, 256), Fraction(9, 256)),
        "bogdanov-takens": (Fraction(1, 16), Fraction(1, 16)),
        "turing-hopf": (Fraction(3087, 65536), Fraction(3969, 65536)),
    }
    (degenerate,) = [p.record for p in points if p.exact is None]
    assert degenerate.kind == "turing-degenerate"
    F, k, u = degenerate.values["F"], degenerate.values["k"], degenerate.state["u"]
    assert F / ((F + k) * u) / 2 == pytest.approx(SOFT_ONSET_RATIO, abs=1e-12)
    assert all(p.record.radius is not None and p.record.radius < 1e-12 for p in points)


def test_diffusions_as_axes() -> None:
    """Turing-Hopf of the Brusselator at a = 1.4; the Turing curve in (D_x, D_y) is a straight line."""
    curves, points = window("brusselator", {"a": "1.4", "D_y": 1}, ("D_x", "0.05", "1"), ("b", "1", "5"), grid=20)
    assert [curve.kind for curve in curves] == ["hopf", "turing"]
    (point,) = points
    assert point.record.kind == "turing-hopf"
    assert point.record.values["D_x"] == pytest.approx(0.26483157815, abs=5e-12)
    assert point.record.values["b"] == pytest.approx(2.96, abs=1e-14)
    assert point.record.wavenumber == pytest.approx(1.64938323, abs=5e-9)
    (line,), _ = window("brusselator", {"a": 2, "b": 3}, ("D_x", "0.1", "3"), ("D_y", "1", "30"), grid=12)
    ratio = line.values[:, 1] / line.values[:, 0]
    assert ratio == pytest.approx(np.full(len(ratio), 4 + 2 * np.sqrt(3)), rel=1e-12)


def test_cusp_of_fitzhugh_nagumo() -> None:
    """I - a/b and b - 1 unfold the pitchfork of u - u^3/3 - (u + a)/b + I: the cusp is at b = 1, I = a/b."""
    values = {"a": "1/4", "D_u": 1, "D_v": 10}
    curves, points = window("fitzhugh-nagumo", values, ("b", "0.6", "2"), ("I", "-1", "1"), grid=24)
    (cusp,) = [p for p in points if p.record.kind == "cusp"]
    assert cusp.exact is not None
    assert cusp.exact[2:] == (1, Fraction(1, 4))
    (fold,) = [curve for curve in curves if curve.kind == "saddle-node"]
    b, current = fold.values.T
    # at a fold u = +-sqrt(1 - 1/b)
    u = np.array([point.state["u"] for point in fold.points])
    assert u**2 == pytest.approx(1 - 1 / b, abs=1e-12)
    assert current == pytest.approx((u + 0.25) / b - u + u**3 / 3, abs=1e-12)
    # long waves: both conditions of the Turing curve vanish with the determinant
    for point in points:
        if point.record.kind == "long-wave":
            s, state = point.record.values["b"], point.record.state["u"]
            assert (1 - state**2) == pytest.approx(1 / s, abs=1e-12)
            assert 10 * (1 - state**2) == pytest.approx(2 * s, abs=1e-11)


def test_arcs_of_clip_modes(clips: Window) -> None:
    """On 20 clips the Turing curve is made of arcs, joined where two modes set in together."""
    curves, points = clips
    arcs = [curve for curve in curves if curve.kind == "turing-mode"]
    assert sorted({arc.mode for arc in arcs}) == [1, 2]
    (corner,) = [p for p in points if p.record.kind == "turing-turing"]
    assert (corner.record.mode, corner.other) == (1, 2)
    mu = 4 * np.sin(np.arange(20) * np.pi / 40) ** 2
    joined = [arc for arc in arcs if "turing-turing" in arc.ends]
    assert {arc.mode for arc in joined} == {1, 2}
    for arc in arcs:
        for point in arc.points:
            here = SystemPoint(GRAY_SCOTT, {**point.values, "s": 1, "D_u": 6, "D_v": "0.5"})
            J = here.jacobian(list(point.state.values()))
            dets = np.linalg.det(J - mu[1:, None, None] * np.diag([6, 0.5]))
            scale = np.abs(J).max() * 6 * mu[1:]
            assert abs(dets[arc.mode - 1] / scale[arc.mode - 1]) < 1e-12
            assert (dets / scale).min() > -1e-12


def test_a_closed_curve() -> None:
    """u' = (p^2 + q^2 - 1) u - v, v' = u has its Hopf bifurcation on the unit circle."""
    u, v, p, q, D_u, D_v = sp.symbols("u v p q D_u D_v", real=True)
    system = ReactionSystem("circle", (u, v), (p, q), ((p**2 + q**2 - 1) * u - v - u**3, u), (D_u, D_v), "")
    point = SystemPoint(system, {"p": 0, "q": 0, "D_u": 1, "D_v": 1})
    curves, analysis = curves_in_window(point, ("p", "-1.5", "1.5"), ("q", "-1.6", "1.4"), grid=15)
    (circle,) = [curve for curve in curves if curve.kind == "hopf"]
    assert circle.closed
    assert np.hypot(*circle.values.T) == pytest.approx(np.ones(len(circle.points)), abs=1e-13)
    angles = np.unwrap(np.arctan2(*circle.values.T))
    assert abs(angles[-1] - angles[0]) == pytest.approx(2 * math.pi, abs=1e-9)
    # u^3 damps: soft everywhere, g = 3/2 for u = 2 A cos
    assert {point.onset.cubic for point in circle.points if point.onset} == {1.5}
    assert points_on(curves, analysis) == []


def test_edges_of_the_domain_are_named() -> None:
    curves, _ = window("gray-scott", {"D_u": 6, "D_v": 1}, ("F", "0.15", "0.3"), ("k", 0, "0.06"), grid=16)
    assert {curve.kind: "k = 0" in curve.ends for curve in curves} == {"saddle-node": True, "turing": True}
    fold = next(curve for curve in curves if curve.kind == "saddle-node")
    assert fold.values[-fold.ends.index("k = 0")] == pytest.approx([0.25, 0], abs=1e-14)


def test_area_of_the_turing_region() -> None:
    point = SystemPoint(GRAY_SCOTT, {"F": 0, "k": 0, "s": 1, "D_u": 4, "D_v": 1})
    exact = fixed_ratio_area(4, F_max="0.2")
    paving = turing_area(point, ("F", "k"), np.array([0.0, 0.0]), np.array([0.2, 0.08]))
    assert paving is not None
    assert paving.volume[0] <= float(exact.upper)
    assert float(exact.lower) <= paving.volume[1]
    assert paving.gap < 0.05 * paving.volume[1]
    # Schnakenberg, Turing set of 16 points: inside or not is what the paving says
    wanted = {(0.2, 1.0), (0.2, 2.0), (0.0, 2.0)}
    schnakenberg = SystemPoint.with_defaults(BUILT_IN["schnakenberg"], {"D_u": 1, "D_v": 50})
    paving = turing_area(schnakenberg, ("a", "b"), np.array([-0.05, 0.5]), np.array([0.7, 3.1]))
    assert paving is not None
    grid = [(a, b) for a in (0.0, 0.2, 0.4, 0.6) for b in (1.0, 2.0, 3.0)]
    assert {p for p in grid if paving.inner.contains(np.array([p]))[0]} == wanted
    assert {p for p in grid if not paving.outer.contains(np.array([p]))[0]} == wanted | {(0.0, 1.0)}
    assert (
        turing_area(SystemPoint.with_defaults(BUILT_IN["fitzhugh-nagumo"]), ("b", "I"), np.zeros(2), np.ones(2)) is None
    )


def test_equal_axes_are_refused() -> None:
    with pytest.raises(ParameterError, match="must differ"):
        window("gray-scott", {}, ("F", 0, 1), ("f", 0, 1))


def test_every_kind_is_explained() -> None:
    from rdmf_theory.bifurcations.plots import LINES, MARKERS

    assert set(CURVES) == set(LINES)
    assert set(POINTS) == set(MARKERS)
