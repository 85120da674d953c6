"""What does one step of a scheme do to a mode? Amplification matrix, forcing and Jury's conditions, all derived.

The residuals of the stages are differentiated at a homogeneous steady state, `-Lap` acts as `mu`, and the stages are
eliminated one after the other. For Gray-Scott the result is put into the chart (u*, z, eta = h w, a = h mu D_u,
b = h mu D_v), in which it is rational; for any system it is compiled into a function of numbers.
"""

# sympy's partial annotations know neither mappings in subs nor entries of matrices
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from sympy.polys.fields import field

from rdmf_theory import derive
from rdmf_theory.derive import a, b, eta, rate, u_star, z
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.schemes.definition import LAP, Scheme, Update, h, mu

JURY = ("no_growth", "no_flip", "no_rotation")
"""`1 - tr G + det G`, `1 + tr G + det G`, `1 - det G`: both eigenvalues lie inside the unit circle iff all are > 0."""


def _derivative(residual: sp.Expr, field: sp.Symbol) -> Any:
    """Derivative along a mode in `field`: the field itself, and its Laplacian, which is `-mu` times it."""
    lap = sp.Dummy("lap")
    plain = residual.subs(LAP(field), lap)
    return sp.diff(plain, field) - mu * sp.diff(plain, lap)


def _at_rest(update: Update, expression: Any) -> Any:
    """The expression where every stage has the value of the steady state and nothing diffuses."""
    n = len(update.system.species)
    values = {x: update.system.species[i % n] for i, x in enumerate(update.unknowns)}
    expression = sp.sympify(expression)
    flat = {term: sp.Integer(0) for term in expression.atoms(LAP)}
    return expression.xreplace(flat).subs(values, simultaneous=True)


@dataclass(frozen=True)
class Linearisation:
    """A step at a homogeneous steady state, for one mode.

    Arguments:
        implicit: derivative of the residuals in all unknowns, lower triangular.
        explicit: minus their derivative in the old state.
        forced: minus their derivative in each parameter of the system, one column each.
    Entries hold the species (at the state), the parameters, the diffusions, `h` and `mu`.
    """

    implicit: sp.ImmutableMatrix
    explicit: sp.ImmutableMatrix
    forced: sp.ImmutableMatrix

    def solve(self, right: Any, simplify: Any = None) -> sp.Matrix:
        """Rows of the next state of `implicit^-1 right`, by forward substitution; `simplify` acts on each entry."""
        rows: list[sp.Matrix] = []
        for i in range(self.implicit.rows):
            row = right[i, :] - sum(
                (self.implicit[i, j] * rows[j] for j in range(i) if self.implicit[i, j] != 0),
                sp.zeros(1, right.cols),
            )
            row = row / self.implicit[i, i]
            rows.append(row if simplify is None else row.applyfunc(simplify))
        return sp.Matrix.vstack(*rows[-self.explicit.cols :])


@cache
def linearise(scheme: Scheme, system: ReactionSystem = GRAY_SCOTT) -> Linearisation:
    """The linearised step of a scheme for a system, at a general homogeneous steady state."""
    update = scheme.update(system)

    def matrix(columns: Any) -> sp.ImmutableMatrix:
        rows = [[_at_rest(update, _derivative(stage.residual, x)) for x in columns] for stage in update.stages]
        return sp.ImmutableMatrix(rows)

    forced = [[-_at_rest(update, sp.diff(stage.residual, p)) for p in system.parameters] for stage in update.stages]
    return Linearisation(matrix(update.unknowns), -matrix(system.species), sp.ImmutableMatrix(forced))


def _to_chart(expression: Any) -> Any:
    """A Gray-Scott expression at the v-rich state, in (u*, z, eta, a, b)."""
    values = derive.chart(GRAY_SCOTT)
    D_u, D_v = GRAY_SCOTT.diffusions
    scaled = {D_u: a * rate / (eta * mu), D_v: b * rate / (eta * mu)}
    state = dict(zip(GRAY_SCOTT.species, (u_star, values["v"]), strict=True))
    parameters = {p: values[str(p)] for p in GRAY_SCOTT.parameters}
    return sp.cancel(sp.sympify(expression).subs(scaled).subs(state).subs(parameters).subs(h, eta / rate))


@cache
def amplification(scheme: Scheme) -> sp.ImmutableMatrix:
    """Amplification matrix G of a scheme for Gray-Scott, in the chart (u*, z, eta, a, b)."""
    general = linearise(scheme)
    inside = Linearisation(
        *(part.applyfunc(_to_chart) for part in (general.implicit, general.explicit, general.forced))
    )
    return sp.ImmutableMatrix(inside.solve(inside.explicit, sp.cancel))


@cache
def gain_force(scheme: Scheme) -> sp.ImmutableMatrix:
    """Effect of a relative change of the gain s on one step, for Gray-Scott in the chart, a (2, 1) matrix."""
    general = linearise(scheme)
    s = GRAY_SCOTT.parameters[2]
    column = (s * general.forced[:, 2]).applyfunc(_to_chart)
    inside = Linearisation(general.implicit.applyfunc(_to_chart), general.explicit, general.forced)
    return sp.ImmutableMatrix(inside.solve(column, sp.cancel))


@cache
def jury(scheme: Scheme) -> dict[str, Any]:
    """Jury's three quantities of G for Gray-Scott, each a reduced fraction in the chart."""
    # the field of rational functions keeps every sum reduced, many times faster than cancelling expressions
    chart = field((u_star, z, eta, a, b), sp.QQ)[0]
    g11, g12, g21, g22 = (chart.from_expr(x) for x in amplification(scheme))
    trace, determinant = g11 + g22, g11 * g22 - g12 * g21
    quantities = (1 - trace + determinant, 1 + trace + determinant, 1 - determinant)
    return dict(zip(JURY, (x.as_expr() for x in quantities), strict=True))


@cache
def scaled_mode() -> tuple[Any, Any]:
    """Trace and determinant of `h (J - mu D)` of a Gray-Scott mode, in (u*, z, eta, a, b)."""
    A = eta * sp.Matrix(derive.jacobian()) - sp.diag(a, b)
    return sp.expand(A.trace()), sp.expand(A.det())


@cache
def _compiled(scheme: Scheme, system: ReactionSystem) -> tuple[Any, Any]:
    """Functions of (*species, *parameters, *diffusions, h, mu): the entries of G, and of the forces."""
    general = linearise(scheme, system)
    arguments = (*system.species, *system.parameters, *system.diffusions, h, mu)
    entries = list(general.solve(general.explicit))
    forces = list(general.solve(general.forced))
    return tuple(sp.lambdify(arguments, expressions, "numpy", cse=True) for expressions in (entries, forces))


@cache
def _rates(system: ReactionSystem) -> Any:
    return sp.lambdify((*system.species, *system.parameters), list(system.reactions), "numpy")


@dataclass(frozen=True)
class LinearStep:
    """One step of a scheme at a homogeneous steady state of a system, in numbers.

    Arguments:
        scheme, system: as above.
        values: every parameter and diffusion of the system by name; scalars or arrays that broadcast against `mu`.
        state: the steady state, one number (or array) per species.
        h: step size, > 0; a number or an array that broadcasts against `mu`.
    Raises: ParameterError for a missing value or a state that is not steady.
    """

    scheme: Scheme
    system: ReactionSystem
    values: Mapping[str, Any]
    state: tuple[Any, ...]
    h: Any = 1.0

    def __post_init__(self) -> None:
        needed = [str(p) for p in (*self.system.parameters, *self.system.diffusions)]
        missing = [name for name in needed if name not in self.values]
        if missing:
            raise ParameterError(f"values of {self.system.name} must hold {', '.join(needed)}. Missing: {missing}.")
        if not np.all(np.isfinite(self.h) & (np.asarray(self.h) > 0)):
            raise ParameterError(f"h must be finite and positive. Got {self.h!r}; the layer uses h = 1.")
        numbers = [np.asarray(self.values[str(p)], dtype=float) for p in self.system.parameters]
        state = [np.asarray(x, dtype=float) for x in self.state]
        rates = _rates(self.system)
        scale = 1.0 + sum(float(np.max(np.abs(x))) for x in (*numbers, *state))
        if not all(np.all(np.abs(rate) <= 1e-9 * scale) for rate in rates(*state, *numbers)):
            raise ParameterError(f"state must be a steady state of {self.system.name}. Got {self.state!r}.")

    def _call(self, function: Any, mode: Any, columns: int) -> np.ndarray:
        names = (*self.system.parameters, *self.system.diffusions)
        arguments = [np.asarray(x, dtype=float) for x in (*self.state, *(self.values[str(p)] for p in names), self.h)]
        entries = function(*arguments, np.asarray(mode, dtype=float))
        flat = np.stack(np.broadcast_arrays(*entries, np.asarray(mode, dtype=float))[:-1], axis=-1)
        return flat.reshape(*flat.shape[:-1], len(self.system.species), columns)

    def matrix(self, mode: Any) -> np.ndarray:
        """G at eigenvalues `mode` of minus the clip Laplacian (1/clip^2), shape (..., n, n)."""
        return self._call(_compiled(self.scheme, self.system)[0], mode, len(self.system.species))

    def force(self, mode: Any, parameter: str) -> np.ndarray:
        """Derivative of one step in a parameter that varies as the mode, shape (..., n)."""
        names = [str(p) for p in self.system.parameters]
        if parameter not in names:
            raise ParameterError(f"parameter must be one of {', '.join(names)}. Got {parameter!r}.")
        return self._call(_compiled(self.scheme, self.system)[1], mode, len(names))[..., names.index(parameter)]

    def multiplier(self, mode: Any) -> np.ndarray:
        """Spectral radius of G, shape of `mode`."""
        return np.abs(np.linalg.eigvals(self.matrix(mode))).max(axis=-1)

    def jury(self, mode: Any) -> dict[str, np.ndarray]:
        """Jury's quantities of G (two species); the mode decays iff all are positive."""
        G = self.matrix(mode)
        trace, determinant = np.trace(G, axis1=-2, axis2=-1), np.linalg.det(G)
        return dict(zip(JURY, (1 - trace + determinant, 1 + trace + determinant, 1 - determinant), strict=True))


def gray_scott_step(scheme: Scheme, parameters: Any, h: float = 1.0) -> LinearStep:
    """The linear step of Gray-Scott at its v-rich state; `parameters` is a `chart.Parameters`."""
    from rdmf_theory.steady_states import v_rich_chart

    u, z = v_rich_chart(parameters)
    values = {str(p): getattr(parameters, str(p)) for p in (*GRAY_SCOTT.parameters, *GRAY_SCOTT.diffusions)}
    return LinearStep(scheme, GRAY_SCOTT, values, (u, z * u * (1 - u)), h)
