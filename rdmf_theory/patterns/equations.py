"""Which equations does a steady pattern solve? Axis, parameter path, and `D Lap x + R(x) = 0` with its derivatives.

A state holds all species at all nodes, species fastest: `x = (u_0, v_0, u_1, v_1, ...)`, so that the Jacobian on the
clip axis is block-tridiagonal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sparse
import sympy as sp

from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.layer.step import clip_eigenvalues, clip_laplacian, clip_modes

COORDINATES = ("u_star", "z", "excess", "wavelength", "rate")
# dense eigenvalues at every point of a branch: 512 clips are a second per point
MOST_NODES = 512


@dataclass(frozen=True)
class Axis:
    """Where a pattern lives: nodes with reflecting ends. Modes are `cos(j pi (i + 1/2)/N)` on both kinds of axis.

    Arguments:
        kind: "clips" (the layer's own Laplacian) or "interval" (cosine collocation of the PDE on [0, L]).
        eigenvalues: mu_j of minus the Laplacian, shape (N,), mu_0 = 0.
        length: T in clips, or L.
    """

    kind: str
    eigenvalues: np.ndarray
    length: float

    @property
    def nodes(self) -> int:
        """N."""
        return len(self.eigenvalues)

    @property
    def positions(self) -> np.ndarray:
        """Clip numbers, or the collocation points `L (i + 1/2)/N`, shape (N,)."""
        index = np.arange(self.nodes, dtype=float)
        return index if self.kind == "clips" else self.length * (index + 0.5) / self.nodes

    @cached_property
    def laplacian(self) -> sparse.csr_array:
        """The Laplacian, shape (N, N); tridiagonal on clips, dense on an interval."""
        N = self.nodes
        if self.kind == "clips":
            return sparse.csr_array(clip_laplacian(N))
        modes = clip_modes(N)
        modes = modes / np.linalg.norm(modes, axis=1, keepdims=True)
        return sparse.csr_array(-modes.T @ (self.eigenvalues[:, None] * modes))

    def mode(self, j: int) -> np.ndarray:
        """Mode j, largest entry 1, shape (N,)."""
        return clip_modes(self.nodes)[j]


def clip_axis(T: int) -> Axis:
    """T clips with replicate ends, the axis of the layer. Raises: ParameterError unless 2 <= T <= 512."""
    if int(T) != T or not 2 <= T <= MOST_NODES:
        raise ParameterError(f"clips must be an integer in [2, {MOST_NODES}]. Got {T!r}; eigenvalues are dense.")
    return Axis("clips", clip_eigenvalues(int(T)), float(T))


def interval_axis(length: float, points: int = 48) -> Axis:
    """The interval [0, L] with no-flux ends, `points` cosine-collocation nodes: the PDE to spectral accuracy.

    Raises: ParameterError unless L > 0 is finite and 4 <= points <= 512.
    """
    if not (np.isfinite(length) and length > 0):
        raise ParameterError(f"length must be finite and positive. Got {length!r}; it is in units of sqrt(D time).")
    if int(points) != points or not 4 <= points <= MOST_NODES:
        raise ParameterError(f"points must be an integer in [4, {MOST_NODES}]. Got {points!r}; 48 resolves ten waves.")
    return Axis("interval", (np.arange(points) * np.pi / length) ** 2, float(length))


@dataclass(frozen=True)
class ParameterPath:
    """How all parameters depend on the one that is varied.

    Arguments:
        name: of the varied parameter.
        values: maps it to the numbers of all parameters and diffusions, in the system's order.
        slope: derivative of `values`; by central differences (relative error about 1e-11) where None.
    """

    name: str
    values: Callable[[float], np.ndarray]
    slope: Callable[[float], np.ndarray] | None = None

    def derivative(self, p: float) -> np.ndarray:
        """d values/dp, shape as `values`."""
        return self.slope(p) if self.slope is not None else self._difference(p)

    @cached_property
    def _difference(self) -> Callable[[float], np.ndarray]:
        return lru_cache(maxsize=8)(self._central)

    def _central(self, p: float) -> np.ndarray:
        h = 1e-3 * max(abs(p), 1e-3)
        near, far = (self.values(p + k * h) - self.values(p - k * h) for k in (1, 2))
        nearer = self.values(p + h / 2) - self.values(p - h / 2)
        # Richardson's table of three central differences, error O(h^6)
        coarse, middle, fine = far / (4 * h), near / (2 * h), nearer / h
        first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
        return (16 * second - first) / 15


def names_of(system: ReactionSystem) -> tuple[str, ...]:
    """Names of all parameters and diffusions, in the order of `ParameterPath.values`."""
    return tuple(str(symbol) for symbol in (*system.parameters, *system.diffusions))


def parameter_path(system: ReactionSystem, values: Mapping[str, float], name: str) -> ParameterPath:
    """Vary one parameter or diffusion of a system, the others fixed.

    Raises: ParameterError for an unknown name, or a value that is missing or not finite.
    """
    names = names_of(system)
    if name not in names:
        raise ParameterError(f"--parameter must be one of {', '.join(names)}. Got {name!r}.")
    missing = [other for other in names if other != name and other not in values]
    if missing:
        raise ParameterError(f"{system.name} needs values for {', '.join(missing)}; give them with --set.")
    fixed = np.array([0.0 if other == name else float(values[other]) for other in names])
    if not np.all(np.isfinite(fixed)):
        raise ParameterError(f"parameters must be finite. Got {dict(zip(names, fixed, strict=True))}.")
    unit = np.array([float(other == name) for other in names])
    return ParameterPath(name, lambda p: fixed + p * unit, lambda p: unit)


def design_path(design: PatternDesign, name: str) -> ParameterPath:
    """Vary one coordinate of a Gray-Scott pattern design: all five parameters follow the chart."""
    if name not in COORDINATES:
        raise ParameterError(f"--parameter must be one of {', '.join(COORDINATES)} for a design. Got {name!r}.")

    # asked several times at every point; callers do not write into the array
    @lru_cache(maxsize=64)
    def values(p: float) -> np.ndarray:
        q = replace(design, **{name: float(p)}).parameters()
        return np.array([q.F, q.k, q.s, q.D_u, q.D_v])

    return ParameterPath(name, values)


@dataclass(frozen=True)
class PatternProblem:
    """Steady states of `x_t = D Lap x + R(x)` on an axis, along a parameter path.

    Arguments:
        system: reactions and diffusions, n species.
        axis: N nodes; states have shape (n N,).
        path: the varied parameter.
    """

    system: ReactionSystem
    axis: Axis
    path: ParameterPath

    @property
    def species(self) -> int:
        """n."""
        return len(self.system.species)

    @cached_property
    def _compiled(self) -> dict[str, Callable[..., Any]]:
        from rdmf_theory.arithmetic.expressions import compile_expressions

        system = self.system
        symbols = [*system.species, *system.parameters]
        matrix = sp.Matrix(list(system.reactions))
        table = {
            "reactions": list(system.reactions),
            "jacobian": list(matrix.jacobian(list(system.species))),
            "slopes": list(matrix.jacobian(list(system.parameters))) if system.parameters else [],
        }
        return {name: compile_expressions(rows, symbols) for name, rows in table.items()}

    def _evaluate(self, name: str, fields: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Compiled expressions at every node, shape (N, rows)."""
        count = len(self.system.parameters)
        rows = self._compiled[name](*fields.T, *(float(value) for value in values[:count]))
        return np.stack([np.broadcast_to(np.asarray(row, dtype=float), fields.shape[:1]) for row in rows], axis=-1)

    def fields(self, x: np.ndarray) -> np.ndarray:
        """A state as concentrations, shape (N, n)."""
        return x.reshape(-1, self.species)

    def diffusion(self, values: np.ndarray) -> np.ndarray:
        """Diffusion coefficients, shape (n,)."""
        return values[len(self.system.parameters) :]

    def residual(self, x: np.ndarray, p: float) -> np.ndarray:
        """`D Lap x + R(x)`, shape (n N,)."""
        values, fields = self.path.values(p), self.fields(x)
        reaction = self._evaluate("reactions", fields, values)
        return ((self.axis.laplacian @ fields) * self.diffusion(values) + reaction).ravel()

    def jacobian(self, x: np.ndarray, p: float) -> sparse.csc_array:
        """`D Lap + R'(x)`, sparse, shape (n N, n N)."""
        values, n = self.path.values(p), self.species
        blocks = self._evaluate("jacobian", self.fields(x), values)
        indices, starts, place = self._structure
        weights = np.concatenate([np.outer(self.diffusion(values), self._coupling.data).ravel(), blocks.ravel()])
        data = np.bincount(place, weights=weights, minlength=len(indices))
        size = n * self.axis.nodes
        return sparse.csc_array((data, indices, starts), shape=(size, size))

    @cached_property
    def _coupling(self) -> sparse.coo_array:
        return sparse.coo_array(self.axis.laplacian)

    @cached_property
    def _structure(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row indices and column starts of the Jacobian, and where each coupling and reaction entry is added."""
        n, size = self.species, self.species * self.axis.nodes
        row, column = self._coupling.coords
        species = np.arange(n)[:, None]
        local = np.arange(self.axis.nodes)[:, None, None] * n
        rows = [(n * row + species).ravel(), (local + np.arange(n)[:, None] + 0 * np.arange(n)).ravel()]
        columns = [(n * column + species).ravel(), (local + 0 * np.arange(n)[:, None] + np.arange(n)).ravel()]
        keys, place = np.unique(np.concatenate(columns) * size + np.concatenate(rows), return_inverse=True)
        starts = np.searchsorted(keys, np.arange(size + 1) * size)
        return (keys % size).astype(np.int32), starts.astype(np.int32), place

    def parameter_derivative(self, x: np.ndarray, p: float) -> np.ndarray:
        """Derivative of the residual by p, shape (n N,)."""
        values, fields, n = self.path.values(p), self.fields(x), self.species
        slope, count = self.path.derivative(p), len(self.system.parameters)
        total = (self.axis.laplacian @ fields) * slope[count:]
        if count:
            total = total + self._evaluate("slopes", fields, values).reshape(-1, n, count) @ slope[:count]
        return total.ravel()

    def mode_matrix(self, state: np.ndarray, p: float, mu: float) -> np.ndarray:
        """`J - mu D` at a homogeneous state, shape (n, n)."""
        values, n = self.path.values(p), self.species
        local = self._evaluate("jacobian", state.reshape(1, n), values).reshape(n, n)
        return local - mu * np.diag(self.diffusion(values))

    def homogeneous(self) -> PatternProblem:
        """The same without space: one node, states of shape (n,)."""
        return replace(self, axis=Axis("clips", np.zeros(1), 1.0))

    def at(self, p: float) -> dict[str, float]:
        """All parameters by name at p."""
        return dict(zip(names_of(self.system), (float(value) for value in self.path.values(p)), strict=True))


def gray_scott_problem(path: ParameterPath, axis: Axis) -> PatternProblem:
    """Gray-Scott, the system of the layer."""
    return PatternProblem(GRAY_SCOTT, axis, path)
