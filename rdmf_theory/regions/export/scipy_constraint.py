"""A region as a constraint of scipy's optimisers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rdmf_theory.arithmetic.interval_gradients import Gradient
from rdmf_theory.arithmetic.intervals import IntervalArray
from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.admissible import AdmissibleRegion
from rdmf_theory.regions.conditions import Conjunction
from rdmf_theory.regions.export import as_conjunction

if TYPE_CHECKING:
    from scipy.optimize import Bounds, NonlinearConstraint

STEP = 1e-6
"""Relative step of central differences."""


def margins(conjunction: Conjunction, x: np.ndarray) -> np.ndarray:
    """Margins of every condition at a point, shape (m,); NaN where one is undefined."""
    with np.errstate(all="ignore"):
        return np.array([float(margin) for margin in conjunction.margins(*(np.float64(value) for value in x)).values()])


def jacobian(conjunction: Conjunction, x: np.ndarray) -> np.ndarray:
    """Derivatives of every margin at a point, shape (m, p), by forward differentiation."""
    point = np.asarray(x, dtype=float)[:, None]
    rows = []
    with np.errstate(all="ignore"):
        for condition in conjunction.conditions:
            value = condition(*Gradient.coordinates(IntervalArray(point)))
            rows.append(value.partials.mid[:, 0] if isinstance(value, Gradient) else np.zeros(len(point)))
    return np.array(rows)


def scipy_constraint(region: AdmissibleRegion | Conjunction, margin: float = 1e-9) -> NonlinearConstraint:
    """`scipy.optimize.NonlinearConstraint` that holds inside a region, with its Jacobian.

    Arguments:
        region: an `AdmissibleRegion`, in the five design coordinates (its box is `scipy_bounds`; `mode_on_axis` and
            `bandwidth` are the last rows), or a `Conjunction`, in its coordinates.
        margin: least margin asked of every condition, >= 0; conditions are strict inequalities.
    Raises: ParameterError if `margin` is negative.
    """
    from scipy.optimize import NonlinearConstraint

    if not margin >= 0:
        raise ParameterError(f"margin must be at least 0. Got {margin!r}; 1e-9 keeps a result inside.")
    conjunction = as_conjunction(region)
    if not isinstance(region, AdmissibleRegion):

        def slopes(x: np.ndarray) -> np.ndarray:
            return jacobian(conjunction, x)

        derivative: Any = slopes
        return NonlinearConstraint(lambda x: margins(conjunction, x), margin, np.inf, jac=derivative)

    # these two have no formula that runs on gradients: their slopes are central differences
    numeric = ["mode_on_axis", *(["bandwidth"] if region.bandwidth is not None else [])]

    def others(x: np.ndarray) -> np.ndarray:
        inside = PatternDesign(*np.clip(x, (1e-9, 1e-9, 1e-9, 2, 1e-9), (0.5, np.inf, np.inf, np.inf, np.inf)))
        conditions = region.conditions(inside)
        return np.array([-1.0 if conditions[name].margin is None else conditions[name].margin for name in numeric])

    def slopes_of_others(x: np.ndarray) -> np.ndarray:
        steps = np.diag(STEP * np.maximum(np.abs(x), 1e-3))
        return np.array([(others(x + step) - others(x - step)) / (2 * step.max()) for step in steps]).T

    def values(x: np.ndarray) -> np.ndarray:
        return np.append(margins(conjunction, x), others(np.asarray(x)))

    def slopes_of_all(x: np.ndarray) -> np.ndarray:
        return np.vstack([jacobian(conjunction, x), slopes_of_others(np.asarray(x))])

    all_slopes: Any = slopes_of_all
    return NonlinearConstraint(values, margin, np.inf, jac=all_slopes)


def scipy_bounds(region: AdmissibleRegion) -> Bounds:
    """The design box as `scipy.optimize.Bounds`, kept feasible during the iterations."""
    from scipy.optimize import Bounds

    lower: Any = np.array(region.lower)
    upper: Any = np.array(region.upper)
    return Bounds(lower, upper, keep_feasible=True)
