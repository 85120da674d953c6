"""Which names may a derivation give to its own quantities? Those that no species, parameter or diffusion has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import sympy as sp

from rdmf_theory.kinetics import ReactionSystem

# what a quantity is called, and what else where the system has that name: the digit keeps a line such as
# "gap0 = ..." from reading like one that defines e
_OTHER: Mapping[str, str] = {
    "tr": "trace0",
    "det": "det0",
    "c": "slope0",
    "e": "gap0",
    "h": "mode_det0",
    "lambda": "growth0",
    "mu": "mode0",
    "mu_c": "critical0",
    "J": "J0",
    "D": "D0",
    "I": "I0",
}


@dataclass(frozen=True)
class FreeNames:
    """Names of trace `tr`, determinant `det`, slope `c`, discriminant `e`, mode determinant `h`, growth rate `lambda`,
    mode `mu`, critical mode `mu_c` and the matrices `J`, `D`, `I`; each replaced where the system has that name.

    Arguments:
        taken: names of species, parameters and diffusions.
    """

    taken: frozenset[str]

    @classmethod
    def beside(cls, system: ReactionSystem) -> FreeNames:
        """The names that are free in `system`."""
        return cls(frozenset(symbol.name for symbol in system.symbols))

    def name(self, wanted: str) -> str:
        """`wanted` if it is free, else its replacement, else that with a number."""
        other = _OTHER.get(wanted, f"{wanted}0")
        for candidate in (wanted, other):
            if candidate not in self.taken:
                return candidate
        return next(name for i in count(1) if (name := f"{other}{i}") not in self.taken)

    def symbol(self, wanted: str) -> Any:
        """A symbol of that name."""
        return sp.Symbol(self.name(wanted))

    def matrix(self, wanted: str, size: int) -> Any:
        """A square matrix of that name."""
        return sp.MatrixSymbol(self.name(wanted), size, size)


def distinct(labels: Collection[str]) -> list[str]:
    """The labels, a repeated one with a number added that makes it new."""
    result: list[str] = []
    for label in labels:
        new = label
        for number in count(2):
            if new not in result:
                break
            new = f"{label}__{number}"
        result.append(new)
    return result
