"""`rdmf derive`: the derivation as text, LaTeX or JSON."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdmf_theory.commands import competition as cuts
from rdmf_theory.commands.options import Json
from rdmf_theory.commands.system_options import (
    Domain,
    Settings,
    System,
    Timeout,
    in_domain,
    refuse_without_system,
    set_values,
)
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.terminal import console, emit
from rdmf_theory.support.time_limit import TimeLimit, within

if TYPE_CHECKING:
    from rdmf_theory.kinetics import ReactionSystem


# seconds for the part that only differentiates
_DERIVATIVES = 30.0


class Format(StrEnum):
    """How `rdmf derive` writes formulas."""

    text = "text"
    latex = "latex"
    json = "json"


def derive(
    form: Annotated[Format, typer.Option("--format", help="text, latex or json.")] = Format.text,
    system: System = None,
    domain: Domain = None,
    settings: Settings = None,
    timeout: Timeout = 60.0,
    competition: cuts.Mode = cuts.Competition.local,
    json: Json = False,
) -> None:
    """Derive states, Jacobian, dispersion relation and Turing condition from the equations.

    Without --system: the layer's Gray-Scott system in its chart, and the layer's step; with --competition global the
    shadow system, one substrate per video, and its step. With --system: any system; two
    rational species get their states, conditions and closed-form thresholds. Here --set puts values in, and nothing has
    a default; with all values but one set, the exact critical values of that one are listed.
    """
    system = in_domain(system, domain)
    as_json = json or form is Format.json
    if competition is cuts.Competition.all:
        if system is not None:
            raise ParameterError("--competition global is the layer's own system; leave out --system.")
        refuse_without_system(settings)
        cuts.print_derivation(as_json, lambda rows: _print_rows(rows, form))
        return
    if system is None:
        from rdmf_theory.derivation import derivation

        refuse_without_system(settings)
        rows = [row.to_dict() for row in derivation()]
        emit({"system": "gray-scott", "rows": rows}, as_json, lambda: _print_rows(rows, form))
        return
    from rdmf_theory.systems.built_in import load_system

    loaded = load_system(system)
    values = set_values(loaded, settings)
    try:
        rows, note = within(timeout, "the states in closed form", _rows, system, values, True, 0.6 * timeout)
    except TimeLimit as late:
        rows, _ = within(
            max(timeout, _DERIVATIVES), "the Jacobian", _rows, system, values, False, remedy="shorten the equations"
        )
        note = f"{late} They are left out."
    if note:
        _note(note)
    critical, undecided = _thresholds(loaded, system, values, timeout)
    answer = _describe(loaded) | {"rows": rows, "thresholds": critical, "undecided": undecided}

    def render() -> None:
        _print_rows(rows, form)
        mark = "% " if form is Format.latex else ""
        for item in critical:
            state = ", ".join(f"{name} = {x:.10g}" for name, x in item["state"].items())
            where = f"{item['classification']} at {state}{_wave(item)}"
            print(f"{mark}critical {item['symbol']} = {item['value']:.12g}: {where}")

    emit(answer, as_json, render)


def _rows(
    name: str, values: Mapping[str, Fraction], states: bool = True, seconds: float = math.inf
) -> tuple[list[dict[str, Any]], str]:
    """Rows of the derivation and a note on what is missing."""
    from rdmf_theory.systems.built_in import load_system
    from rdmf_theory.systems.derivation import derive_system

    rows, note = derive_system(load_system(name), values, states=states, seconds=seconds)
    return [row.to_dict() for row in rows], note


def _thresholds(
    system: ReactionSystem, name: str, values: Mapping[str, Fraction], timeout: float
) -> tuple[list[dict[str, Any]], list[str]]:
    """Exact critical values of the only free symbol, if there is one, and the kinds that time did not suffice for."""
    free = [symbol.name for symbol in (*system.parameters, *system.diffusions) if symbol.name not in values]
    if len(free) != 1:
        return [], []
    from rdmf_theory.systems.point import at_exponents
    from rdmf_theory.systems.thresholds import KINDS

    if not at_exponents(system, values).is_rational:
        where = " ".join(f"--box {symbol.name}=LOW:HIGH" for symbol in system.species)
        _note(f"critical {free[0]} is not derived from such reactions; {_search(name, values, free[0])} {where}")
        return [], []

    end = monotonic() + timeout
    found: list[dict[str, Any]] = []
    undecided = []
    # two species have no wave instability that is no Hopf instability
    for kind in (kind for kind in KINDS if kind != "wave" or len(system.species) > 2):
        try:
            found += within(max(end - monotonic(), 1e-3), kind, _critical, name, values, free[0], kind)
        except TimeLimit:
            undecided.append(kind)
    if undecided:
        late = f"critical {free[0]} not decided within {timeout:g} s: {', '.join(undecided)}. Raise --timeout, or "
        _note(late + _search(name, values, free[0]))
    return found, undecided


def _search(name: str, values: Mapping[str, Fraction], free: str) -> str:
    """The remedy of a critical value that algebra does not give."""
    given = " ".join(f"--set {key}={value}" for key, value in values.items())
    return f"locate it between two values: rdmf region --system {shlex.quote(name)} {given} --x {free}=LOW:HIGH"


def _critical(name: str, values: Mapping[str, Fraction], symbol: str, kind: str) -> list[dict[str, Any]]:
    """Critical values of one kind."""
    from rdmf_theory.systems.built_in import load_system
    from rdmf_theory.systems.thresholds import thresholds

    system = load_system(name)
    return [item.to_dict(system) for item in thresholds(system, values, symbol, kinds=(kind,))]


def _note(text: str) -> None:
    console.print(f"rdmf: note: {text}", markup=False, highlight=False, soft_wrap=True)


def _describe(system: ReactionSystem) -> dict[str, Any]:
    from rdmf_theory.systems.text import equations_of

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


def _print_rows(rows: Sequence[Mapping[str, Any]], form: Format) -> None:
    for row in rows:
        if form is Format.latex:
            label = f"\\begin{{equation}}\\label{{eq:{row['name']}}}"
            print(f"% {row['words']}\n{label}\n  {row['latex']}\n\\end{{equation}}")
        else:
            print(f"{row['name']}: {row['words']}\n    {row['text']}")


def _wave(item: Mapping[str, Any]) -> str:
    if item["kind"] != "turing" or item["critical_mu"] is None:
        return ""
    return f", critical wavenumber {item['critical_mu'] ** 0.5:.12g}"
