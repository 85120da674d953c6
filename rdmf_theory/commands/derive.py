"""`rdmf derive`: the derivation as text, LaTeX or JSON."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from rdmf_theory.commands.options import Json
from rdmf_theory.terminal import emit


class Format(StrEnum):
    """How `rdmf derive` writes formulas."""

    text = "text"
    latex = "latex"
    json = "json"


def derive(
    form: Annotated[Format, typer.Option("--format", help="text, latex or json.")] = Format.text, json: Json = False
) -> None:
    """Derive states, Jacobian, dispersion relation, Turing condition and the layer's step from the equations."""
    from rdmf_theory.derivation import derivation

    rows = derivation()

    def render() -> None:
        for row in rows:
            if form is Format.latex:
                print(f"% {row.words}\n\\begin{{equation}}\\label{{eq:{row.name}}}\n  {row.latex()}\n\\end{{equation}}")
            else:
                print(f"{row.name}: {row.words}\n    {row.text()}")

    emit({"system": "gray-scott", "rows": [row.to_dict() for row in rows]}, json or form is Format.json, render)
