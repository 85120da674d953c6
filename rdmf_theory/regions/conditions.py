"""Which inequalities make a region? Conjunctions of named conditions `g(x) > 0` on 2 to 5 parameters.

A condition is a formula that runs on floats, numpy arrays, exact fractions and interval arrays alike. The conditions of
Gray-Scott are written in F, k, s, D_u, D_v without the steady state, so that nothing is singular on the saddle-node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np

from rdmf_theory.arithmetic.interval_gradients import INTERVALS
from rdmf_theory.arithmetic.rational import Rational, to_fraction
from rdmf_theory.errors import ParameterError

PARAMETERS = ("F", "k", "s", "D_u", "D_v")


@dataclass(frozen=True)
class NamedCondition:
    """The condition `margin(*coordinates) > 0`.

    Arguments:
        name: identifier, e.g. "turing".
        margin: a formula in the coordinates, made of + - * /, integer powers and `library(x).sqrt/minimum/maximum`.
        words: what it says.
    """

    name: str
    margin: Callable[..., Any]
    words: str = ""

    def __call__(self, *coordinates: Any) -> Any:
        """The margin at a point, or on boxes."""
        return self.margin(*coordinates)


@dataclass(frozen=True)
class Conjunction:
    """All of several conditions on the same coordinates.

    Arguments:
        coordinates: names of the coordinates, in the order of the conditions' arguments.
        conditions: the conditions; names are unique.
    Raises: ParameterError if there is no condition or a name appears twice.
    """

    coordinates: tuple[str, ...]
    conditions: tuple[NamedCondition, ...]

    def __post_init__(self) -> None:
        names = [condition.name for condition in self.conditions]
        for label, items in (("conditions", names), ("coordinates", self.coordinates)):
            if not items or len(set(items)) != len(items):
                raise ParameterError(f"Conjunction.{label} must have distinct names, at least one. Got {items!r}.")

    def margins(self, *coordinates: Any) -> dict[str, Any]:
        """Margin of every condition by name."""
        return {condition.name: condition(*coordinates) for condition in self.conditions}

    def holds(self, *coordinates: Any) -> Any:
        """Whether every condition holds (floats: up to rounding; NaN does not hold)."""
        tests = [np.asarray(margin) > 0 for margin in self.margins(*coordinates).values()]
        result = np.logical_and.reduce(np.broadcast_arrays(*tests))
        return result if np.ndim(result) else bool(result)


class _Symbolic:
    """The functions for sympy expressions."""

    def __getattr__(self, name: str) -> Any:
        import sympy as sp

        return {"sqrt": sp.sqrt, "minimum": sp.Min, "maximum": sp.Max}[name]


_SYMBOLIC = _Symbolic()


def library(x: Any) -> Any:
    """The functions `sqrt`, `minimum`, `maximum` for a number's type: of numpy, sympy, or the number's own methods."""
    if isinstance(x, Number | np.ndarray):
        return np
    return _SYMBOLIC if type(x).__module__.startswith("sympy") else INTERVALS


def v_rich(F: Any, k: Any, s: Any, D_u: Any, D_v: Any) -> Any:
    """`s F - 4 w^2`, w = F + k: non-trivial states exist and the v-rich one has u* < 1/2."""
    return s * F - 4 * (F + k) ** 2


def damped(F: Any, k: Any, s: Any, D_u: Any, D_v: Any) -> Any:
    """z > 1, given v_rich: `max(s F^2 k - w^4, F - k)`.

    z = p/u* with p = F/w, and u* < p iff p >= 1/2 or `p (1 - p) > u* (1 - u*) = w^2/(s F)`, 1 - p = k/w.
    """
    area, line = s * F**2 * k - (F + k) ** 4, F - k
    # exact fractions stay exact
    return max(area, line) if isinstance(area, Number) else library(area).maximum(area, line)


def fed(F: Any, k: Any, s: Any, D_u: Any, D_v: Any) -> Any:
    """k > 0."""
    return k


def below_cusp(F: Any, k: Any, s: Any, D_u: Any, D_v: Any) -> Any:
    """`D_u w - 2 F D_v`: the Turing curve is met below u* = 1/2."""
    return D_u * (F + k) - 2 * F * D_v


def turing(F: Any, k: Any, s: Any, D_u: Any, D_v: Any) -> Any:
    """d > d_T, given v_rich and below_cusp: `8 d w^3 (3 - r)^2 - s F^2 (4 - r)^2`, `r^2 = 8 (1 - q)`, `q = F/(d w)`.

    With p = F/w fixed, d_T(u, p/u) falls in u and equals d at `y = q/(3 - r)`, so the condition is u* > y, that is
    `w^2/(s F) > y (1 - y) = q (4 - r)^2/(8 (3 - r)^2)`.
    """
    w = F + k
    d = D_u / D_v
    radicand = 8 * (1 - F / (d * w))
    root = library(radicand).sqrt(radicand)
    return 8 * d * w**3 * (3 - root) ** 2 - s * F**2 * (4 - root) ** 2


GRAY_SCOTT_CONDITIONS = (
    NamedCondition("v_rich", v_rich, "the v-rich state exists, u* < 1/2"),
    NamedCondition("damped", damped, "stable without diffusion, z > 1"),
    NamedCondition("fed", fed, "the kill rate is positive"),
    NamedCondition("below_cusp", below_cusp, "the Turing curve is met below the saddle-node"),
    NamedCondition("turing", turing, "unstable with diffusion, d > d_T"),
)
"""The Turing region of Gray-Scott in (F, k, s, D_u, D_v): all five hold exactly where `turing.classify` says turing."""


def gray_scott_region(fixed: Mapping[str, Rational] | None = None, free: Sequence[str] = ("F", "k")) -> Conjunction:
    """The Turing region of Gray-Scott in some of its parameters, the others fixed.

    Arguments:
        fixed: values of the parameters that are not free, exact rationals; those left out are s = 1, D_u = 2, D_v = 1.
            "d" fixes the ratio D_u/D_v.
        free: names of the coordinates, two to five of F, k, s, D_u, D_v, or d instead of the two diffusivities.
    Raises: ParameterError for an unknown name, or one that is both fixed and free.
    """
    given = {name: to_fraction(name, value) for name, value in (fixed or {}).items()}
    names = {*given, *free}
    unknown = sorted(names - {*PARAMETERS, "d"})
    if unknown or set(given) & set(free) or ("d" in names and names & {"D_u", "D_v"}):
        raise ParameterError(
            f"free and fixed must be different ones of {PARAMETERS} (or d for D_u/D_v). "
            f"Got free {tuple(free)}, fixed {tuple(given)}."
        )
    missing = {"F", "k"} - names
    if missing:
        raise ParameterError(f"fixed must give {sorted(missing)}, or they must be free.")
    rest = {name: given.get(name, default) for name, default in (("s", 1), ("D_u", given.get("d", 2)), ("D_v", 1))}

    def spread(margin: Callable[..., Any]) -> Callable[..., Any]:
        def on_free(*coordinates: Any) -> Any:
            fixed: dict[str, Any] = {**rest, **given}
            if any(isinstance(x, float | np.ndarray) for x in coordinates):
                # a float and a fraction would make slow arrays of objects
                fixed = {name: float(value) for name, value in fixed.items()}
            values = {**fixed, **dict(zip(free, coordinates, strict=True))}
            if "d" in free:
                values["D_u"] = values["d"]
            return margin(*(values[name] for name in PARAMETERS))

        return on_free

    conditions = tuple(NamedCondition(c.name, spread(c.margin), c.words) for c in GRAY_SCOTT_CONDITIONS)
    return Conjunction(tuple(free), conditions)
