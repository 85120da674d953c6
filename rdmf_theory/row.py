"""One row of a derivation: a name, a formula, what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from rdmf_theory import derive

LATEX_NAMES = {
    derive.u_star: r"u_{*}",
    derive.rate: "w",
    derive.growth: r"\lambda",
    derive.eta: r"\eta",
    sp.Symbol("lambda_max"): r"\lambda_{\max}",
}


@dataclass(frozen=True)
class Row:
    """One result.

    Arguments:
        name: identifier, e.g. "threshold".
        words: what the formula says, one sentence.
        formula: sympy relation or equation.
    """

    name: str
    words: str
    formula: sp.Basic

    def text(self) -> str:
        """Formula as plain text; an equation as `left = right`."""
        if isinstance(self.formula, sp.Equality):
            return f"{_plain(self.formula.lhs)} = {_plain(self.formula.rhs)}"
        return _plain(self.formula)

    def latex(self) -> str:
        """Formula as LaTeX, without dollar signs."""
        return sp.latex(self.formula, symbol_names=LATEX_NAMES)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: name, words, text, latex."""
        return {"name": self.name, "words": self.words, "text": self.text(), "latex": self.latex()}


def _plain(expression: sp.Basic) -> str:
    if isinstance(expression, sp.MatrixBase):
        return str(expression.tolist())
    return str(expression)
