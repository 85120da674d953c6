"""Bifurcations along a parameter: known numbers, closed forms, dense Jacobians, the layer."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_theory.bifurcations.equations import DefiningSystem
from rdmf_theory.bifurcations.lines import bifurcations_along
from rdmf_theory.bifurcations.record import Bifurcation
from rdmf_theory.bifurcations.roots import find_root
from rdmf_theory.chart import Parameters
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.layer.step import clip_laplacian, growing_modes
from rdmf_theory.systems.built_in import BUILT_IN
from rdmf_theory.systems.homogeneous_states import steady_states_in_box
from rdmf_theory.systems.point import SystemPoint
from rdmf_theory.systems.state_samples import sample_states


def along(name: str, values: dict, axis: str, low: object, high: object, **kwargs: int) -> list[Bifurcation]:
    return bifurcations_along(SystemPoint.with_defaults(BUILT_IN[name], values), axis, low, high, **kwargs)


def proved(record: Bifurcation) -> bool:
    return record.radius is not None and record.radius < 1e-12


def test_brusselator() -> None:
    (record,) = along("brusselator", {"a": 2, "b": 3, "D_x": 1}, "D_y", "1", "12")
    assert record.kind == "turing"
    assert record.primary
    assert proved(record)
    assert record.values["D_y"] == pytest.approx(4 + 2 * np.sqrt(3), abs=1e-12)


@settings(max_examples=25)
@given(st.floats(0.5, 3), st.floats(0.05, 0.9), st.floats(0.5, 20))
def test_brusselator_closed_forms(a: float, ratio: float, D_y: float) -> None:
    """Hopf at 1 + a^2; Turing at (1 + a sqrt(D_x/D_y))^2, q_c^2 = a/sqrt(D_x D_y)."""
    D_x = ratio * D_y
    records = along("brusselator", {"a": a, "D_x": D_x, "D_y": D_y}, "b", "0.5", "30")
    found = {record.kind: record for record in records}
    assert len(records) == 2
    assert all(map(proved, records))
    expected = (1 + a * np.sqrt(D_x / D_y)) ** 2
    assert found["hopf"].values["b"] == pytest.approx(1 + a**2, rel=1e-14)
    assert found["hopf"].frequency == pytest.approx(a, rel=1e-13)
    assert found["turing"].values["b"] == pytest.approx(expected, rel=1e-13)
    assert found["turing"].wavenumber == pytest.approx((a**2 / (D_x * D_y)) ** 0.25, rel=1e-13)
    # the smaller one takes the stability
    assert found["turing"].primary == (expected < 1 + a**2)
    assert found["hopf"].primary == (expected > 1 + a**2)


CLOSED_FORMS = {
    # u* = a/5 = alpha, Hopf at sigma b alpha = 3 alpha^2 - 5 (Yi, Wei and Shi, Nonlinear Analysis 2009)
    "lengyel-epstein": ("lengyel-epstein", {"a": 10, "sigma": 8}, "b", "0.1", "1", "hopf", 7 / 16),
    # u* = (a + 1)/b, tr J = b (1 - a)/(1 + a) - 1 (Murray, Mathematical Biology II, section 2.4)
    "gierer-meinhardt": ("gierer-meinhardt", {"a": "0.2"}, "b", "0.5", "3", "hopf", 1.5),
    # Turing of the same: with f_u = b (1 - a)/(1 + a), (D f_u - 1)^2 = 4 D b
    "gierer-meinhardt, D_v": ("gierer-meinhardt", {"a": 0, "b": 1}, "D_v", "1", "50", "turing", 3 + 2 * np.sqrt(2)),
    # tr J = 1 - u^2 - epsilon b, at u = 0
    "fitzhugh-nagumo": ("fitzhugh-nagumo", {"a": 0, "I": 0, "epsilon": "1.25"}, "b", "0.1", "0.9", "hopf", 0.8),
    # Schnakenberg: b - a = (a + b)^3 (Murray, section 2.4)
    "schnakenberg": ("schnakenberg", {"b": "0.6"}, "a", "0", "0.5", "hopf", None),
}


@pytest.mark.parametrize("case", CLOSED_FORMS.values(), ids=CLOSED_FORMS)
def test_closed_forms_of_the_literature(case: tuple) -> None:
    name, values, axis, low, high, kind, expected = case
    found = [record for record in along(name, values, axis, low, high) if record.kind == kind]
    assert found
    assert all(map(proved, found))
    if expected is None:
        assert all(0.6 - r.values["a"] == pytest.approx((0.6 + r.values["a"]) ** 3, abs=1e-14) for r in found)
    else:
        assert any(record.values[axis] == pytest.approx(expected, abs=1e-13) for record in found)


def test_gray_scott_in_k() -> None:
    records = along("gray-scott", {"F": "0.03", "D_u": 2, "D_v": 1}, "k", "0", "0.08")
    assert [record.kind for record in records] == ["hopf", "turing", "saddle-node"]
    assert all(map(proved, records))
    assert records[0].values["k"] == pytest.approx(0.053173330783, abs=1e-12)
    assert records[2].values["k"] == pytest.approx(np.sqrt(0.03) / 2 - 0.03, abs=1e-14)


def test_gray_scott_in_F_close_to_the_fold() -> None:
    """At d = 2, z = 5/4 the Turing point is 0.0015 below the saddle-node: both are found."""
    records = along("gray-scott", {"k": "0.0602906562388", "D_u": 2, "D_v": 1}, "F", "0.06", "0.1")
    assert [record.kind for record in records] == ["turing", "saddle-node"]
    assert records[0].values["F"] == pytest.approx(0.0867037056386, abs=2e-11)
    assert records[0].state["u"] == pytest.approx(0.5 - 0.75**2 / 20, abs=1e-10)
    assert records[0].primary


def test_half_wave_on_an_interval() -> None:
    """Mode 1 of an interval of length L with d = 2 is critical at both ends of the half-wave branch.

    The ten digits of k and L leave 2e-10 of F undetermined.
    """
    import flint

    point = SystemPoint(GRAY_SCOTT, {"F": "0.05", "k": "0.0602906562", "s": 1, "D_u": 2, "D_v": 1})
    mode = ((flint.arb.pi() / flint.arb("18.9233881709")) ** 2,)
    system = DefiningSystem(point, ("F",), ("mode",), mode)
    scale = np.array([1, 1, 0.1])
    for guess, expected in (([0.47, 0.31, 0.087], 0.0867037), ([0.435, 0.243, 0.0457], 0.0456646092)):
        root = find_root(system, np.array(guess), scale)
        assert root is not None
        assert root.certified
        assert root.values[2] == pytest.approx(expected, abs=6e-8 if expected > 0.08 else 2e-10)


def test_pitchfork_is_a_branch_point() -> None:
    """Symmetric FitzHugh-Nagumo: at b = 1 the state 0 gives birth to two others."""
    records = along("fitzhugh-nagumo", {"a": 0, "I": 0, "D_u": 1, "D_v": 10}, "b", "0.1", "3")
    (branch,) = [record for record in records if record.kind == "branch-point"]
    # exact; and the inhibitor is so fast that patterns grow there already
    assert (branch.values["b"], branch.radius, branch.shape) == (1, 0, "pitchfork")
    # the symmetric pair of Turing points
    first, second = (record for record in records if record.kind == "turing")
    assert first.values["b"] == second.values["b"]
    assert first.state["u"] == -second.state["u"]


@pytest.mark.parametrize("T", [7, 24, 75])
def test_clips_against_dense_jacobians(T: int) -> None:
    """Where a mode of T clips sets in, the dense 2T x 2T Jacobian has the eigenvalue 0 and no positive one."""
    (record,) = along("brusselator", {"a": 2, "b": 3, "D_x": 1}, "D_y", "5", "20", clips=T)
    assert record.kind == "turing-mode"
    assert proved(record)
    point = SystemPoint.with_defaults(BUILT_IN["brusselator"], {"a": 2, "b": 3, "D_x": 1, **record.values})
    J, D, laplacian = point.jacobian(list(record.state.values())), point.diffusion, clip_laplacian(T)
    rates = np.linalg.eigvals(np.kron(J, np.eye(T)) + np.kron(np.diag(D), laplacian))
    assert rates.real.max() == pytest.approx(0, abs=1e-12)
    assert np.sort(rates.real)[-2] < -1e-4
    # and it is the first: a continuous axis is unstable a little earlier
    (free,) = along("brusselator", {"a": 2, "b": 3, "D_x": 1}, "D_y", "5", "20")
    assert free.values["D_y"] <= record.values["D_y"]


@pytest.mark.parametrize("h", [0.3, 1.0, 20.0])
def test_the_layer_changes_stability_at_the_same_point(h: float) -> None:
    records = along("gray-scott", {"F": "0.05", "D_u": 6, "D_v": "0.5"}, "k", "0.02", "0.06", clips=24)
    (record,) = [item for item in records if item.kind == "turing-mode"]
    for side, expected in ((-1e-7, []), (1e-7, [record.mode])):
        parameters = Parameters(0.05, record.values["k"] + side, 1.0, 6.0, 0.5)
        assert list(np.flatnonzero(growing_modes(parameters, 24, h))) == expected


@settings(max_examples=20)
@given(st.sampled_from(sorted(BUILT_IN)), st.integers(0, 2**32 - 1))
def test_all_states_are_sampled(name: str, seed: int) -> None:
    """Against the certified search of the states of one point."""
    system = BUILT_IN[name]
    rng = np.random.default_rng(seed)
    values = {
        key: Fraction(float(value) * rng.uniform(0.5, 1.5)).limit_denominator(10**6)
        for key, value in system.defaults.items()
    }
    point = SystemPoint(system, values)
    found = sample_states(system, {key: float(value) for key, value in values.items()})[0]
    found = found[np.isfinite(found[:, 0])]
    certified = np.array(
        [state.mid for state in steady_states_in_box(point, {s.name: (-200, 200) for s in system.species})]
    )
    nonnegative = [i for i, s in enumerate(system.species) if s.is_nonnegative]
    if len(certified):
        certified = certified[(certified[:, nonnegative] >= -1e-12).all(axis=1)]
    assert len(found) == len(certified)
    for state in certified:
        assert np.abs(found - state).max(axis=1).min() < 1e-9 * (1 + np.abs(state).max())


def test_states_are_equations_solved() -> None:
    F = np.linspace(0.01, 0.3, 500)
    states = sample_states(GRAY_SCOTT, {"F": F, "k": 0.05, "s": 1.0})
    u, v = states[..., 0], states[..., 1]
    residual = np.abs(F[:, None] * (1 - u) - u * v**2) + np.abs(u * v**2 - (F[:, None] + 0.05) * v)
    assert np.nanmax(residual) < 1e-14
    assert list(np.unique(np.isfinite(u).sum(axis=1))) == [1, 3]
    assert np.array_equal(np.isfinite(u).sum(axis=1) == 3, F > 4 * (F + 0.05) ** 2)


SINGLE = ReactionSystem(
    "single", (sp.Symbol("u"),), (sp.Symbol("a"),), (sp.Symbol("a") - sp.Symbol("u"),), (sp.Symbol("D"),), ""
)
_u, _v, _a = sp.symbols("u v a")
EXPONENTIAL = ReactionSystem("exponential", (_u, _v), (_a,), (_a - sp.exp(_u), _u - _v), sp.symbols("D_u D_v"), "")
BAD = {
    "one species": (SINGLE, {"a": 1, "D": 1}, ("a", 0, 1), {}, "two species"),
    "not rational": (EXPONENTIAL, {"a": 1, "D_u": 1, "D_v": 1}, ("a", 0, 1), {}, "rational"),
    "unknown axis": (GRAY_SCOTT, {}, ("G", 0, 1), {}, "no parameter 'G'"),
    "reversed": (GRAY_SCOTT, {}, ("k", 1, 0), {}, "low < high"),
    "negative": (GRAY_SCOTT, {}, ("k", -1, 1), {}, "must not be negative"),
    "not a number": (GRAY_SCOTT, {}, ("k", 0, "nan"), {}, "finite number"),
    "one clip": (GRAY_SCOTT, {}, ("k", 0, 1), {"clips": 1}, "clips must be an integer >= 2"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_arguments(case: tuple) -> None:
    system, values, axis, options, message = case
    with pytest.raises(ParameterError, match=message):
        bifurcations_along(SystemPoint.with_defaults(system, values), *axis, **options)
