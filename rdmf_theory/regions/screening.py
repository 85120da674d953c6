"""Which of millions of parameter sets are admissible? All margins in one pass over cache-sized blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rdmf_theory.errors import ParameterError
from rdmf_theory.verdict import Condition

BLOCK = 8192
"""Points per block: the dozen work arrays of a block stay in the second-level cache."""


@dataclass(frozen=True)
class Screening:
    """Margins of n parameter sets, arrays (n,); NaN where a margin is undefined.

    Arguments:
        turing_unstable: whether all four conditions hold.
        v_rich, damped, fed, turing: margins as in `turing.classify`, positive where the condition holds.
    """

    turing_unstable: np.ndarray
    v_rich: np.ndarray
    damped: np.ndarray
    fed: np.ndarray
    turing: np.ndarray

    def conditions(self) -> dict[str, Condition]:
        """The margins as named conditions."""
        margins = {name: getattr(self, name) for name in ("v_rich", "damped", "fed", "turing")}
        return {name: Condition(margin > 0, margin) for name, margin in margins.items()}


def screen(F: Any, k: Any, s: Any = 1.0, D_u: Any = 2.0, D_v: Any = 1.0) -> Screening:
    """Margins of all four conditions on arrays of parameters; `turing.classify_array` for very many points.

    Arguments:
        F, k, s: rates, 1/step; D_u, D_v: diffusion, clip^2/step; numbers or arrays (n,) that broadcast, all finite and
            positive (k = 0 is allowed).
    Returns: `Screening`; the margins agree with `classify_array` to rounding.
    Raises: ParameterError naming the first argument with a bad value, or arrays of other shapes.
    """
    columns = [np.ascontiguousarray(value, dtype=float) for value in (F, k, s, D_u, D_v)]
    lengths = {column.size for column in columns if column.ndim == 1 and column.size != 1}
    if any(column.ndim > 1 for column in columns) or len(lengths) > 1:
        shapes = [column.shape for column in columns]
        raise ParameterError(f"F, k, s, D_u, D_v must be numbers or arrays (n,) of one length. Got shapes {shapes}.")
    n = lengths.pop() if lengths else 1
    margins = {name: np.empty(n) for name in ("v_rich", "damped", "fed", "turing")}
    inside = np.empty(n, dtype=bool)
    work = np.empty((4, min(n, BLOCK)))
    with np.errstate(all="ignore"):
        for start in range(0, n, BLOCK):
            block = slice(start, min(start + BLOCK, n))
            part = [column if column.size == 1 else column[block] for column in columns]
            outputs = [margin[block] for margin in margins.values()]
            _screen_block(*part, *outputs, inside[block], work[:, : block.stop - start])
            if not _usable(part):
                _refuse(part)
    return Screening(inside, **margins)


def _screen_block(F: Any, k: Any, s: Any, D_u: Any, D_v: Any, *out: Any) -> None:
    """One block, in place: with `root = 1 - 2 u* = sqrt(1 - 4 c)`, `c = w^2/(s F)`, `z = 2 F/(w (1 - root))`."""
    v_rich, damped, fed, turing, inside, work = out
    w, root, z, spare = work
    np.add(F, k, out=w)
    np.divide(k, w, out=fed)
    # c, then 1 - 4 c
    np.multiply(w, w, out=root)
    np.divide(root, s, out=root)
    np.divide(root, F, out=root)
    np.multiply(root, -4.0, out=z)
    np.add(z, 1.0, out=z)
    # the margin is the signed root of the discriminant
    np.abs(z, out=spare)
    np.sqrt(spare, out=spare)
    np.copysign(spare, z, out=v_rich)
    np.sqrt(z, out=spare)
    # u* = 2 c/(1 + root) keeps its digits where c is small, so z = F (1 + root)/(2 c w)
    np.multiply(root, w, out=root)
    np.divide(F, root, out=root)
    np.add(spare, 1.0, out=z)
    np.multiply(root, 0.5, out=root)
    np.multiply(z, root, out=root)
    np.subtract(root, 1.0, out=damped)
    # d/d_T - 1, d_T = z (sqrt(root) + sqrt(1 + root))^2
    np.sqrt(z, out=z)
    np.sqrt(spare, out=spare)
    np.add(z, spare, out=z)
    np.multiply(z, z, out=z)
    np.multiply(z, root, out=z)
    np.multiply(z, D_v, out=z)
    np.divide(D_u, z, out=turing)
    np.subtract(turing, 1.0, out=turing)
    # NaN, where there is no state, compares as False
    np.greater(v_rich, 0.0, out=inside)
    for margin in (damped, fed, turing):
        np.logical_and(inside, margin > 0.0, out=inside)


def _usable(part: list[np.ndarray]) -> bool:
    # the least and the largest value decide; NaN spoils both
    return all(
        (column.min() >= 0 if i == 1 else column.min() > 0) and column.max() < np.inf for i, column in enumerate(part)
    )


def _refuse(part: list[np.ndarray]) -> None:
    for name, column in zip(("F", "k", "s", "D_u", "D_v"), part, strict=True):
        wrong = ~(np.isfinite(column) & ((column >= 0) if name == "k" else (column > 0)))
        if wrong.any():
            rule = "not negative" if name == "k" else "positive"
            shown = float(np.atleast_1d(column)[np.atleast_1d(wrong)][0])
            raise ParameterError(f"{name} must be finite and {rule}. Got {shown!r}; all rates are positive.")
