"""Every row of the table in DESIGN 2.2 and the transfer theorem of 2.4, as polynomial identities."""

from __future__ import annotations

from pathlib import Path

import pytest
import sympy as sp

from rdmf_theory import derive, formulas, onset
from rdmf_theory.codegen import python as codegen
from rdmf_theory.derivation import derivation
from rdmf_theory.derive import a, b, d, eta, m, rate, u_star, z
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.schemes import derive_step

u, v = GRAY_SCOTT.species
F, k, s = GRAY_SCOTT.parameters


def in_chart(expression: sp.Expr) -> sp.Expr:
    values = derive.chart()
    return sp.cancel(expression.subs({u: u_star, v: values["v"]}).subs({p: values[str(p)] for p in (F, k, s)}))


def test_chart_solves_the_steady_state_and_its_definition() -> None:
    f, g = GRAY_SCOTT.reactions
    assert in_chart(f) == 0
    assert in_chart(g) == 0
    assert in_chart(F + k - rate) == 0
    assert in_chart(F / ((F + k) * u_star) - z) == 0
    assert in_chart(s - rate / (z * u_star**2 * (1 - u_star))) == 0


def test_states_exist_iff_s_F_is_at_least_4_w_squared() -> None:
    assert sp.expand(derive.state_equation() - (s * F * u * (1 - u) - (F + k) ** 2)) == 0
    discriminant = sp.discriminant(derive.state_equation(), u)
    assert sp.expand(discriminant - s * F * (s * F - 4 * (F + k) ** 2)) == 0


def test_trivial_state_is_stable_at_every_wavenumber() -> None:
    at_trivial = GRAY_SCOTT.jacobian().subs({u: 1, v: 0})
    assert at_trivial == sp.Matrix([[-F, 0], [0, -(F + k)]])


def test_normalised_jacobian() -> None:
    expected = sp.Matrix([[-z, -2], [z * (1 - u_star), 1]])
    assert sp.Matrix(derive.jacobian()).equals(expected)
    assert sp.expand(expected.trace() - (1 - z)) == 0
    # negative for u* > 1/2: the other state is a saddle
    assert sp.expand(expected.det() - z * (1 - 2 * u_star)) == 0


def test_band() -> None:
    assert sp.expand(derive.mode_determinant() - (d * m**2 - (d - z) * m + z * (1 - 2 * u_star))) == 0
    D_u, D_v, mu = sp.symbols("D_u D_v mu", positive=True)
    w = rate
    stated = D_u * D_v * mu**2 - w * (D_u - z * D_v) * mu + w**2 * z * (1 - 2 * u_star)
    derived = w**2 * derive.mode_determinant().subs({d: D_u / D_v, m: D_v * mu / w})
    assert sp.expand(stated - derived) == 0


def test_threshold_is_a_root_of_the_band_discriminant() -> None:
    p, q = sp.sqrt(1 - 2 * u_star), sp.sqrt(2 - 2 * u_star)
    for sign in (1, -1):
        assert sp.expand(derive.band_discriminant().subs(d, z * (p + sign * q) ** 2)) == 0
    # the two roots are d_T and z^2/d_T: the smaller one lies below z, where the band would have mu < 0
    assert sp.expand((p + q) ** 2 * (p - q) ** 2) == 1


def test_fixed_ratio_interval_of_u() -> None:
    assert sp.cancel(onset.onset_substrate() - (sp.Rational(1, 2) - (d - z) ** 2 / (8 * d * z))) == 0


def test_largest_growth_is_stationary_on_the_dispersion_relation() -> None:
    root = sp.Symbol("root", positive=True)
    growth = (d + z - 2 * root) / (d - 1)
    where = ((d - z) - (d + 1) * growth) / (2 * d)
    square = [root**2 - 2 * d * z * (1 - u_star)]

    def modulo_square(expression: sp.Expr) -> sp.Expr:
        return sp.expand(sp.reduced(sp.expand(sp.numer(sp.together(expression))), square, root)[1])

    trace, determinant = derive.mode_trace().subs(m, where), derive.mode_determinant().subs(m, where)
    assert modulo_square(growth**2 - trace * growth + determinant) == 0
    slope = -sp.diff(derive.mode_trace(), m) * growth + sp.diff(derive.mode_determinant(), m).subs(m, where)
    assert modulo_square(slope) == 0
    # it vanishes exactly at onset
    assert sp.expand((d + z) ** 2 - 8 * d * z * (1 - u_star) - derive.band_discriminant()) == 0


def test_transfer_identity() -> None:
    implicit, explicit = (sp.Matrix(side) for side in derive_step.amplification())
    assert implicit.equals(sp.Matrix([[1 + eta * z + a, 0], [-eta * z * (1 - u_star), 1 + eta + b]]))
    assert explicit.equals(sp.Matrix([[1, -2 * eta], [0, 1 + 2 * eta]]))
    scaled = sp.Matrix(derive.jacobian()) * eta - sp.diag(a, b)
    assert sp.expand((implicit - explicit).det() - scaled.det()) == 0


def test_jury_conditions_hold_for_every_step_size() -> None:
    """For z = 1 + x, x >= 0, numerators have nonnegative coefficients (u* > 0): no flip and no rotation can grow."""
    matrix = derive_step.amplification_matrix()
    x = sp.Symbol("x", positive=True)
    for quantity in (1 - matrix.det(), 1 + matrix.trace() + matrix.det()):
        numerator, denominator = (part.subs(z, 1 + x) for part in sp.fraction(sp.cancel(quantity)))
        generators = (u_star, x, eta, a, b)
        numerator_signs = [c > 0 for c in sp.Poly(sp.expand(numerator), *generators).coeffs()]
        denominator_signs = [c > 0 for c in sp.Poly(sp.expand(denominator), *generators).coeffs()]
        assert all(numerator_signs) == all(denominator_signs)
        assert len(set(numerator_signs)) == len(set(denominator_signs)) == 1


def test_scaling_law() -> None:
    """F, k, s scale together with w at a fixed chart point, so the region depends on F/s, k/s and d only."""
    factor = sp.Symbol("factor", positive=True)
    for value in (derive.chart()[name] for name in ("F", "k", "s")):
        assert sp.cancel(value.subs(rate, factor * rate) - factor * value) == 0


def test_hopf_curve_saddle_node_and_corners() -> None:
    values = derive.chart()
    (unit_rate,) = sp.solve(values["s"] - 1, rate)
    unit_F, unit_k = (values[name].subs(rate, unit_rate) for name in ("F", "k"))
    assert sp.expand(unit_F.subs(z, 1) - u_star**3 * (1 - u_star)) == 0
    assert sp.expand(unit_k.subs(z, 1) - u_star**2 * (1 - u_star) ** 2) == 0
    half = {u_star: sp.Rational(1, 2)}
    assert sp.expand(unit_F.subs(half) - 4 * (unit_F + unit_k).subs(half) ** 2) == 0
    assert [x.subs(half).subs(z, 1) for x in (unit_F, unit_k)] == [sp.Rational(1, 16)] * 2


def test_cubic_coefficient() -> None:
    quartic = 23 * z**4 - 124 * d * z**3 - 6 * d**2 * z**2 - 72 * d**3 * z + 27 * d**4
    stated = (3 * d - z) * quartic / (144 * d * (d - z) ** 2 * (d - 1))
    assert sp.cancel(onset.derive_cubic_coefficient() - stated) == 0
    assert stated.subs({d: 2, z: 1}) == sp.Rational(-655, 96)
    assert formulas.cubic_coefficient(1.0, 4.0, 1.0) == pytest.approx(1.22717335391, rel=1e-11)


def test_soft_onset_polynomial() -> None:
    r = onset.r
    assert sp.expand(onset.soft_onset_polynomial() - (23 * r**4 - 124 * r**3 - 6 * r**2 - 72 * r + 27)) == 0
    from rdmf_theory.formulas import SOFT_ONSET_RATIO

    assert float(onset.soft_onset_ratio()) == SOFT_ONSET_RATIO


def test_frozen_state_threshold() -> None:
    c, y = derive.c, derive.y
    root = sp.Symbol("root", positive=True)
    value = c * (3 * d + root) / (d * (d + 8 * c))
    polynomial = sp.together(derive.band_discriminant().subs({u_star: y, z: c / y}, simultaneous=True))
    numerator = sp.expand(sp.numer(sp.together(polynomial.subs(y, value))))
    assert sp.expand(sp.reduced(numerator, [root**2 - 8 * d * (d - c)], root)[1]) == 0


def test_formulas_are_generated_from_the_source() -> None:
    path = Path(formulas.__file__)
    assert path.read_text() == codegen.generate(), "run python -m rdmf_theory.codegen.python"


@pytest.mark.parametrize("text", ["z*(p + 2*q)**2", "z*(p - q)**2", "(p + q)**2"])
def test_generator_refuses_a_wrong_arrangement(text: str) -> None:
    radicals = {"p": "1 - 2*u_star", "q": "2 - 2*u_star"}
    with pytest.raises(ValueError, match="root of"):
        codegen.require_root(derive.band_discriminant(), d, text, radicals, derive.turing_threshold())


def test_generator_refuses_a_wrong_rational_formula() -> None:
    with pytest.raises(ValueError, match="is not"):
        codegen.arranged("rate*z*u_star**2", derive.chart()["F"])


def test_derivation_table_reads() -> None:
    rows = {row.name: row for row in derivation()}
    assert rows["threshold"].text() == "d_T = z*(sqrt(1 - 2*u_star) + sqrt(2 - 2*u_star))**2"
    assert r"u_{*}" in rows["threshold"].latex()
    assert all(row.text() and row.latex() and row.words.endswith(".") for row in rows.values())


BAD_SYSTEMS = {
    "repeated symbol": ({"species": (u, u)}, "distinct"),
    "undeclared parameter": ({"parameters": (F, k)}, "declare"),
    "one reaction": ({"reactions": (F * u,)}, "for each of its species"),
}


@pytest.mark.parametrize(("change", "message"), BAD_SYSTEMS.values(), ids=BAD_SYSTEMS)
def test_reaction_system_checks_itself(change: dict, message: str) -> None:
    fields = {name: getattr(GRAY_SCOTT, name) for name in GRAY_SCOTT.__dataclass_fields__} | change
    with pytest.raises(ParameterError, match=message):
        ReactionSystem(**fields)
