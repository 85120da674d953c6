"""What does `rdmf branch` follow? The problem that its options state, and a homogeneous state to start from."""

from __future__ import annotations

from typing import Any

from rdmf_theory.commands.system_options import certified_states, refuse_without_system, system_point
from rdmf_theory.errors import ParameterError


def stated_problem(
    name: str | None,
    settings: list[str],
    design: tuple[float, float, float, float, float],
    point: dict[str, float | None],
    parameter: str,
    limits: tuple[float, float],
    axis: Any,
    number: int | None,
    timeout: float,
) -> tuple[Any, float, Any, dict[str, Any]]:
    """(problem, start of the parameter, homogeneous state there, JSON of the input)."""
    import numpy as np

    from rdmf_theory import formulas
    from rdmf_theory.chart import PatternDesign
    from rdmf_theory.patterns.equations import (
        COORDINATES,
        PatternProblem,
        design_path,
        gray_scott_problem,
        parameter_path,
    )

    given = {other: value for other, value in point.items() if value is not None}
    if name is not None:
        if len(given) > 1:
            raise ParameterError("--F, --k, --D-u, --D-v are for Gray-Scott without --system; use --set NAME=NUMBER.")
        return _general(name, settings, parameter, limits, axis, number, timeout)
    refuse_without_system(settings)
    if len(given) == 1:
        # only s, which has a default: a design
        path = design_path(PatternDesign(*design), parameter)
        described: dict[str, Any] = {"design": dict(zip(COORDINATES, design, strict=True))}
        if parameter not in described["design"]:
            raise ParameterError(
                f"--parameter must be one of {', '.join(COORDINATES)} for a design. Got {parameter!r}; "
                "give --F, --k, --D-u, --D-v for a parameter point."
            )
        start = described["design"][parameter]
        values = [start] if limits[0] <= start <= limits[1] else [0.5 * sum(limits)]
        u, ratio = (
            values[0] if parameter == name_ else value for name_, value in zip(("u_star", "z"), design, strict=False)
        )
        base = np.array([u, formulas.steady_v(u, ratio)])
        return gray_scott_problem(path, axis), values[0], base, described
    missing = [other for other in point if other not in given and other != parameter]
    if missing:
        options = ", ".join(f"--{other.replace('_', '-')}" for other in missing)
        raise ParameterError(f"{options} must come with the others. Give all of F, k, D_u, D_v, or a design.")
    given.setdefault(parameter, 0.5 * sum(limits))
    from rdmf_theory.kinetics import GRAY_SCOTT

    path = parameter_path(GRAY_SCOTT, given, parameter)
    for value in _starts(given[parameter], limits):
        F, k, s, *_ = path.values(value)
        if min(F, s) > 0 and formulas.steady_discriminant(F, k, s) > 0:
            u = formulas.steady_u(F, k, s, xp=np)
            problem = PatternProblem(GRAY_SCOTT, axis, path)
            return problem, value, np.array([u, (F + k) / (s * u)]), {"parameters": given}
    raise ParameterError(
        f"--range: no v-rich state for {parameter} in [{limits[0]:g}, {limits[1]:g}]; s F >= 4 (F + k)^2."
    )


def _starts(value: float, limits: tuple[float, float]) -> list[float]:
    """Where to look for a homogeneous state: at the given value, then across the range."""
    grid = [limits[0] + (limits[1] - limits[0]) * (i + 0.5) / 40 for i in range(40)]
    inside = [value] if limits[0] <= value <= limits[1] else []
    return inside + sorted(grid, key=lambda x: abs(x - value))


def _general(
    name: str,
    settings: list[str],
    parameter: str,
    limits: tuple[float, float],
    axis: Any,
    number: int | None,
    timeout: float,
) -> tuple[Any, float, Any, dict[str, Any]]:
    """The same for a general system: its states at the start come from exact algebra."""
    import numpy as np

    from rdmf_theory.patterns.equations import PatternProblem, parameter_path
    from rdmf_theory.systems.point import resolve_name

    here = system_point(name, settings)
    system, parameter = here.system, resolve_name(here.system, parameter)
    if system.is_linear:
        raise ParameterError(
            f"{system.name}: its reactions are linear, so patterns exist at thresholds only, with any "
            "amplitude; there is no branch to follow. `rdmf region --system` lists the thresholds."
        )
    values = {key: float(value) for key, value in here.values.items()}
    path = parameter_path(system, values, parameter)
    for value in _starts(values[parameter], limits)[:9]:
        moved = here.replace(**{parameter: value})
        states = certified_states(moved, timeout)
        if not states:
            continue
        calm = [x for x in states if np.linalg.eigvals(np.array(moved.jacobian(tuple(map(float, x))))).real.max() < 0]
        if number is not None and not 1 <= number <= len(states):
            raise ParameterError(f"--state must be 1 to {len(states)} at {parameter} = {value:g}. Got {number}.")
        chosen = states[number - 1] if number is not None else (calm or states)[0]
        return PatternProblem(system, axis, path), value, np.asarray(chosen, dtype=float), {"parameters": values}
    raise ParameterError(f"--range: {system.name} has no homogeneous state for {parameter} there; move the range.")
