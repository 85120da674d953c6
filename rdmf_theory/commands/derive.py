"""`rdmf derive`: the derivation as text, LaTeX or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdmf_theory.commands.options import Json
from rdmf_theory.commands.system_options import Settings, System, refuse_without_system, set_values
from rdmf_theory.terminal import console, emit

if TYPE_CHECKING:
    from rdmf_theory.derivation import Row
    from rdmf_theory.kinetics import ReactionSystem
    from rdmf_theory.system_thresholds import Threshold


class Format(StrEnum):
    """How `rdmf derive` writes formulas."""

    text = "text"
    latex = "latex"
    json = "json"


def derive(
    form: Annotated[Format, typer.Option("--format", help="text, latex or json.")] = Format.text,
    system: System = None,
    settings: Settings = None,
    json: Json = False,
) -> None:
    """Derive states, Jacobian, dispersion relation and Turing condition from the equations.

    Without --system: the layer's Gray-Scott system in its chart, and the layer's step. With --system: any system; two
    rational species get their states, conditions and closed-form thresholds. Here --set puts values in, and nothing has
    a default; with all values but one set, the exact critical values of that one are listed.
    """
    if system is None:
        from rdmf_theory.derivation import derivation

        refuse_without_system(settings)
        rows = derivation()
        answer: dict[str, Any] = {"system": "gray-scott", "rows": [row.to_dict() for row in rows]}
        emit(answer, json or form is Format.json, lambda: _print_rows(rows, form))
        return
    loaded, rows, critical = _derive_system(system, settings)
    answer = _describe(loaded) | {
        "rows": [row.to_dict() for row in rows],
        "thresholds": [threshold.to_dict(loaded) for threshold in critical],
    }

    def render() -> None:
        _print_rows(rows, form)
        mark = "% " if form is Format.latex else ""
        for item in critical:
            state = ", ".join(f"{name} = {float(x):.10g}" for name, x in zip(loaded.species, item.state, strict=True))
            print(f"{mark}critical {item.symbol} = {float(item.value):.12g}: {item.name} at {state}{_wave(item)}")

    emit(answer, json or form is Format.json, render)


def _derive_system(
    name: str, settings: Sequence[str] | None
) -> tuple[ReactionSystem, tuple[Row, ...], list[Threshold]]:
    from rdmf_theory.system_derivation import derive_system
    from rdmf_theory.system_thresholds import thresholds
    from rdmf_theory.systems import load_system

    system = load_system(name)
    values = set_values(system, settings)
    rows, note = derive_system(system, values)
    if note:
        console.print(f"rdmf: note: {note}", markup=False, highlight=False, soft_wrap=True)
    free = [symbol.name for symbol in (*system.parameters, *system.diffusions) if symbol.name not in values]
    return system, rows, thresholds(system, values, free[0]) if len(free) == 1 and system.is_rational else []


def _describe(system: ReactionSystem) -> dict[str, Any]:
    from rdmf_theory.system_text import equations_of

    return {
        "system": system.name,
        "source": system.source,
        "description": system.description,
        "equations": equations_of(system),
        "species": [symbol.name for symbol in system.species],
        "parameters": [symbol.name for symbol in system.parameters],
        "diffusions": [symbol.name for symbol in system.diffusions],
        "defaults": {name: str(value) for name, value in system.defaults.items()},
    }


def _print_rows(rows: Sequence[Row], form: Format) -> None:
    for row in rows:
        if form is Format.latex:
            print(f"% {row.words}\n\\begin{{equation}}\\label{{eq:{row.name}}}\n  {row.latex()}\n\\end{{equation}}")
        else:
            print(f"{row.name}: {row.words}\n    {row.text()}")


def _wave(item: Threshold) -> str:
    if item.kind != "turing" or item.modes.critical_mu is None:
        return ""
    return f", critical wavenumber {item.modes.critical_mu**0.5:.12g}"
