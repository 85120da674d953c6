"""Do the generated formulas satisfy their identities? Exact polynomial algebra on the functions that run.

Every identity evaluates `formulas.py` itself on symbols and cancels the difference of both sides to zero; square roots
become symbols modulo their squares, so nothing rests on `simplify`. Each comes with a false variant that must not
cancel: an identity that could not fail proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from rdmf_theory import formulas
from rdmf_theory.derive import a, b, d, eta, m, rate, u_star, z
from rdmf_theory.kinetics import GRAY_SCOTT
from rdmf_theory.schemes import derive_step


class Radicals:
    """Stands in for `xp`: a square root becomes a positive symbol, remembered with its square."""

    pi = sp.pi
    sin = staticmethod(sp.sin)

    def __init__(self) -> None:
        self.squares: dict[sp.Symbol, sp.Expr] = {}

    def sqrt(self, radicand: Any) -> sp.Symbol:
        """A symbol whose square is `radicand`; the same symbol for an equal radicand."""
        radicand = sp.expand(radicand)
        for symbol, square in self.squares.items():
            if sp.expand(square - radicand) == 0:
                return symbol
        symbol = sp.Symbol(f"root_{len(self.squares)}", positive=True)
        self.squares[symbol] = radicand
        return symbol

    def vanishes(self, expression: Any) -> bool:
        """Whether a rational expression in the symbols is zero, modulo the squares of the radicals."""
        numerator = sp.numer(sp.together(expression))
        for symbol, square in self.squares.items():
            numerator = sp.rem(sp.Poly(numerator, symbol), sp.Poly(symbol**2 - square, symbol)).as_expr()
        return sp.expand(numerator) == 0


@dataclass(frozen=True)
class Identity:
    """An equation between formulas.

    Arguments:
        name, words: what it says.
        difference: takes a `Radicals` and returns expressions that must all vanish.
        mutant: the same with one thing wrong; some expression must survive.
    """

    name: str
    words: str
    difference: Callable[[Radicals], list[Any]]
    mutant: Callable[[Radicals], list[Any]]

    def check(self) -> str | None:
        """None if the identity holds and its mutant does not, else what went wrong."""
        radicals = Radicals()
        for number, expression in enumerate(self.difference(radicals)):
            if not radicals.vanishes(expression):
                return f"part {number + 1} does not cancel to zero"
        radicals = Radicals()
        if all(radicals.vanishes(expression) for expression in self.mutant(radicals)):
            return "the false variant cancels too: the identity cannot fail"
        return None


def _reactions_at_chart(kill_shift: Any = 0) -> list[Any]:
    F, k, s = formulas.parameters_from_chart(u_star, z, rate)
    v = formulas.steady_v(u_star, z)
    names = (*GRAY_SCOTT.species, *GRAY_SCOTT.parameters)
    values: Any = dict(zip(names, (u_star, v, F, k + kill_shift, s), strict=True))
    return [f.subs(values) for f in GRAY_SCOTT.reactions]


def _jacobian(sign: int = 1) -> list[Any]:
    F, k, s = formulas.parameters_from_chart(u_star, z, rate)
    names = (*GRAY_SCOTT.species, *GRAY_SCOTT.parameters)
    values: Any = dict(zip(names, (u_star, formulas.steady_v(u_star, z), F, k, s), strict=True))
    entries: list[Any] = list(GRAY_SCOTT.jacobian().subs(values) / rate)
    expected = formulas.normalised_jacobian(u_star, z)
    return [entry - factor * value for entry, factor, value in zip(entries, (1, sign, 1, 1), expected, strict=True)]


def _transfer(swapped: bool = False) -> list[Any]:
    g11, g12, g21, g22 = formulas.amplification(u_star, z, eta, *((b, a) if swapped else (a, b)))
    j11, j12, j21, j22 = formulas.normalised_jacobian(u_star, z)
    implicit, explicit = derive_step.amplification()
    pde = (eta * j11 - a) * (eta * j22 - b) - eta**2 * j12 * j21
    product = implicit * sp.Matrix([[g11, g12], [g21, g22]]) - explicit
    return [((1 - g11) * (1 - g22) - g12 * g21) * implicit.det() - pde, *product]


def _threshold(radicals: Radicals, factor: int = 1) -> list[Any]:
    return [formulas.band_discriminant(u_star, z, factor * formulas.turing_threshold(u_star, z, xp=radicals))]


def _fastest(radicals: Radicals, shift: int = 1) -> list[Any]:
    top = formulas.largest_growth(u_star, z, d, xp=radicals)
    fastest = formulas.fastest_mode(u_star, z, d, xp=radicals)
    dispersion = top**2 - formulas.mode_trace(u_star, z, d, m) * top + formulas.mode_determinant(u_star, z, d, m)
    return [dispersion - shift * d * (m - fastest) ** 2]


def _band(radicals: Radicals, sign: int = 1) -> list[Any]:
    low, high = formulas.band(u_star, z, d, xp=radicals)
    return [formulas.mode_determinant(u_star, z, d, m) - sign * d * (m - low) * (m - high)]


def _design(radicals: Radicals, swapped: bool = False) -> list[Any]:
    excess, mu = sp.symbols("excess mu", positive=True)

    class Wave:
        pi = sp.pi
        # mode_eigenvalue = 4 sin^2: let the sine carry mu
        sin = staticmethod(lambda angle: sp.sqrt(mu) / 2)

        def __init__(self, radicals: Radicals) -> None:
            self.sqrt = radicals.sqrt

    xp = Wave(radicals)
    F, k, _, D_u, D_v = formulas.parameters_from_design(u_star, z, excess, sp.Symbol("wavelength"), rate, xp=xp)
    if swapped:
        D_u, D_v = D_v, D_u
    ratio = excess * formulas.turing_threshold(u_star, z, xp=radicals)
    return [D_u - ratio * D_v, D_v * mu / rate - formulas.fastest_mode(u_star, z, ratio, xp=radicals), F + k - rate]


def _gain_end(radicals: Radicals, shift: int = 0) -> list[Any]:
    _, high = formulas.gain_interval(u_star, z, d, xp=radicals)
    c = z * u_star
    # the upper end is u(1-u)/(y(1-y)) at the substrate y where the frozen state sits on the Turing threshold
    y = c * (3 * d + radicals.sqrt(8 * d * (d - c))) / (d * (d + 8 * c))
    return [high - u_star * (1 - u_star) / (y * (1 - y)), formulas.band_discriminant(y, c / y, d + shift)]


def _response(sign: int = 1) -> list[Any]:
    implicit, _ = derive_step.amplification()
    force = sp.Matrix(formulas.response_force(u_star, z, eta, a, b))
    pushed = eta * formulas.steady_v(u_star, z) * sp.Matrix([-1, sign])
    return list(implicit * force - pushed)


def _jury(sign: int = 1) -> list[Any]:
    step = (u_star, z, eta, a, b)
    trace, determinant = formulas.amplification_trace(*step), formulas.amplification_determinant(*step)
    g11, g12, g21, g22 = formulas.amplification(*step)
    no_growth = formulas.jury_no_growth(*step)
    return [g11 + g22 - trace, g11 * g22 - g12 * g21 - determinant, 1 - sign * trace + determinant - no_growth]


IDENTITIES = (
    Identity(
        "chart_steady",
        "the chart's (F, k, s, v*) make both reactions vanish",
        lambda _: _reactions_at_chart(),
        lambda _: _reactions_at_chart(rate),
    ),
    Identity(
        "chart_jacobian",
        "J / w = [[-z, -2], [z (1 - u*), 1]] at the v-rich state",
        lambda _: _jacobian(),
        lambda _: _jacobian(-1),
    ),
    Identity(
        "transfer",
        "L G = B and det(I - G) det L = h^2 det(J - mu D)",
        lambda _: _transfer(),
        lambda _: _transfer(swapped=True),
    ),
    Identity(
        "jury_no_growth",
        "trace and determinant of G, and 1 - tr G + det G in its closed form",
        lambda _: _jury(),
        lambda _: _jury(-1),
    ),
    Identity(
        "turing_threshold",
        "the band's discriminant vanishes at d = d_T",
        _threshold,
        lambda radicals: _threshold(radicals, 2),
    ),
    Identity(
        "largest_growth",
        "at the largest growth rate the dispersion polynomial is d (m - m_fastest)^2",
        _fastest,
        lambda radicals: _fastest(radicals, 2),
    ),
    Identity(
        "band",
        "the mode determinant is d (m - m_lo)(m - m_hi)",
        _band,
        lambda radicals: _band(radicals, -1),
    ),
    Identity(
        "pattern_design",
        "D_u = r d_T D_v, and the design's wavelength is the fastest mode",
        _design,
        lambda radicals: _design(radicals, swapped=True),
    ),
    Identity(
        "gain_interval",
        "at the upper end of the modulation the frozen state is on the Turing threshold",
        _gain_end,
        lambda radicals: _gain_end(radicals, 1),
    ),
    Identity(
        "response_force",
        "L times the response to a unit gain modulation is eta v* (-1, 1)",
        lambda _: _response(),
        lambda _: _response(-1),
    ),
)
