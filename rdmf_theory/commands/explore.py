"""The command `rdmf explore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdmf_theory.commands.options import Excess, Json, Rate, UStar, Wavelength, Z
from rdmf_theory.support.terminal import emit


def explore(
    output: Annotated[Path, typer.Option("--output", "-o", help="The page, .html.")] = Path("region.html"),
    u_star: UStar = 0.3,
    z: Z = 1.2,
    excess: Excess = 1.5,
    wavelength: Wavelength = 12.0,
    rate: Rate = 0.2,
    clips: Annotated[int, typer.Option(help="Number of clips, 8 to 256.")] = 96,
    json: Json = False,
) -> None:
    """One page to drag the theory on: conditions with margins, region, dispersion curve and the layer running.

    The page needs neither server nor network. Its formulas are generated from the source of all others.
    """
    from rdmf_theory.chart import PatternDesign
    from rdmf_theory.explorer.page import write_explorer

    design = PatternDesign(u_star, z, excess, wavelength, rate)
    target = write_explorer(output, design, clips)
    emit({"page": str(target)}, json, lambda: print(f"page: {target}"))
