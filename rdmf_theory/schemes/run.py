"""How does a scheme run? The nonlinear step on T clips, compiled from the stages: in floats, or in exact rationals."""

# sympy's partial annotations know neither mappings in subs nor entries of matrices
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from scipy.linalg import solve_banded

from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.schemes.definition import LAP, Scheme, Update, h


def apply_laplacian(x: np.ndarray) -> np.ndarray:
    """The clip Laplacian of a field, replicate ends; shape (T,)."""
    padded = np.concatenate([x[:1], x, x[-1:]])
    return padded[:-2] - 2 * x + padded[2:]


@cache
def _compiled(scheme: Scheme, system: ReactionSystem) -> tuple[Update, list[Any]]:
    """The update, and per stage a function of (parameters, h, known fields, their Laplacians) that gives its parts."""
    update = scheme.update(system)
    functions, known = [], list(system.species)
    for stage in update.stages:
        laps = [sp.Symbol(f"lap_{x}") for x in known]
        diagonal, spread, right = stage.parts()
        replaced = {LAP(x): lap for x, lap in zip(known, laps, strict=True)}
        arguments = [*system.parameters, *system.diffusions, h, *known, *laps]
        parts = [sp.sympify(part).subs(replaced) for part in (diagonal, spread, right)]
        functions.append(sp.lambdify(arguments, parts, "numpy", cse=True))
        known.append(stage.unknown)
    return update, functions


def run_step(
    scheme: Scheme,
    system: ReactionSystem,
    fields: Sequence[np.ndarray],
    values: Mapping[str, Any],
    step_size: float = 1.0,
) -> tuple[np.ndarray, ...]:
    """One nonlinear step of a scheme on T clips.

    Arguments:
        fields: one array of shape (T,) per species.
        values: every parameter (scalar, or one number per clip) and diffusion (scalar) of the system by name.
        step_size: h > 0.
    Returns: the next fields.
    Raises: ParameterError for another number of fields, a missing value or a bad step size.
    """
    if len(fields) != len(system.species):
        raise ParameterError(f"fields must hold {len(system.species)} arrays for {system.name}. Got {len(fields)}.")
    if not (np.isfinite(step_size) and step_size > 0):
        raise ParameterError(f"h must be finite and positive. Got {step_size!r}; the layer uses h = 1.")
    names = [str(p) for p in (*system.parameters, *system.diffusions)]
    missing = [name for name in names if name not in values]
    if missing:
        raise ParameterError(f"values of {system.name} must hold {', '.join(names)}. Missing: {missing}.")
    update, functions = _compiled(scheme, system)
    known = [np.asarray(x, dtype=float) for x in fields]
    numbers = [np.asarray(values[name], dtype=float) for name in names]
    laps = [apply_laplacian(x) for x in known]
    for function in functions:
        diagonal, spread, right = function(*numbers, step_size, *known, *laps)
        known.append(_solve(diagonal, -float(spread), np.broadcast_to(right, known[0].shape)))
        laps.append(apply_laplacian(known[-1]))
    return tuple(known[-len(update.next_state) :])


def _solve(diagonal: Any, diffusion: float, right: np.ndarray) -> np.ndarray:
    """Solve `(diagonal - diffusion Lap) x = right`, tridiagonal, replicate ends."""
    if diffusion == 0 or right.size == 1:
        return right / diagonal
    bands = np.full((3, right.size), -diffusion)
    bands[1] = diagonal + 2 * diffusion
    bands[1, 0] -= diffusion
    bands[1, -1] -= diffusion
    return solve_banded((1, 1), bands, right)


def run_exact(
    scheme: Scheme,
    fields: Sequence[Sequence[Any]],
    values: Mapping[str, Any],
    step_size: Any = 1,
    system: ReactionSystem = GRAY_SCOTT,
) -> list[list[Any]]:
    """One nonlinear step on one or two clips in exact rationals: arguments as in `run_step`, numbers or their text."""
    update = scheme.update(system)
    at = {p: sp.Rational(values[str(p)]) for p in (*system.parameters, *system.diffusions)} | {
        h: sp.Rational(step_size)
    }
    known = {x: [sp.Rational(value) for value in row] for x, row in zip(system.species, fields, strict=True)}
    clips = len(fields[0])
    laplacian = sp.Matrix([[0]]) if clips == 1 else sp.Matrix([[-1, 1], [1, -1]])
    if clips > 2:
        raise ParameterError(f"run_exact takes one or two clips. Got {clips}; use run_step.")
    for stage in update.stages:
        matrix, right = sp.zeros(clips, clips), sp.zeros(clips, 1)
        for i in range(clips):
            here = {LAP(x): (laplacian * sp.Matrix(row))[i] for x, row in known.items()}
            here |= {x: row[i] for x, row in known.items()} | at
            diagonal, spread, value = (sp.sympify(part).subs(here) for part in stage.parts())
            matrix[i, :] = spread * laplacian[i, :]
            matrix[i, i] += diagonal
            right[i] = value
        known[stage.unknown] = list(matrix.LUsolve(right))
    return [known[x] for x in update.next_state]
