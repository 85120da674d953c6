"""Theory commands of the program `rdmf`; each lives in its own file under `commands`.

Numbers of a parameter point are read as text and become exact rationals, so `--F 0.04` means 1/25 and not the nearest
binary number. Sympy, flint and matplotlib are imported inside the commands.
"""

from __future__ import annotations

import typer

from rdmf_theory.commands import (
    branch,
    check,
    derive,
    dispersion,
    explore,
    prove,
    region,
    response,
    schemes,
    simulate,
    sweep,
)

POINTS = "Theory: points and regions"
LAYER = "Theory: the layer and its patterns"
PROOFS = "Theory: proofs and certificates"
"""Headings of `rdmf --help`."""


def register(app: typer.Typer) -> None:
    """Add the theory commands to `app`."""
    for command, panel, examples in (
        (
            derive.derive,
            POINTS,
            (
                "derive --format latex > derivation.tex",
                "derive --system schnakenberg --set a=0 --set D_u=1 --set D_v=60",
            ),
        ),
        (
            check.check,
            POINTS,
            (
                "check --F 0.055 --k 0.062 --s 1 --D-u 2 --D-v 1",
                "check --system brusselator --set a=2 --set b=3 --set D_x=1 --set D_y=10",
            ),
        ),
        (
            region.region,
            POINTS,
            (
                "region --d 2 --s 1 --plot region.png -o region.json",
                "region --system brusselator --set a=1.4 --set D_y=1 --x D_x=0.05:1 --y b=1:5 --plot curves.png",
            ),
        ),
        (explore.explore, POINTS, ("explore -o region.html", "explore --u-star 0.4 --excess 2 --clips 128")),
        (
            sweep.sweep,
            POINTS,
            ("sweep --range F=0.01:0.1:200 --range k=0.04:0.07:200 --jobs 2 -o sweep.csv",),
        ),
        (
            dispersion.dispersion,
            LAYER,
            (
                "dispersion --u-star 0.4 --wavelength 12 --plot dispersion.png",
                "dispersion --system brusselator --set D_y=10 --plot growth.png",
            ),
        ),
        (
            simulate.simulate,
            LAYER,
            ("simulate --excess 2 --clips 75 --seed 1 --plot simulation.png",),
        ),
        (
            response.response,
            LAYER,
            ("response --wavelength 16 --steps 12 --plot response.png",),
        ),
        (
            schemes.schemes,
            LAYER,
            ("schemes --plot schemes.png", "schemes --system schnakenberg"),
        ),
        (
            branch.branch,
            LAYER,
            (
                "branch --certify --plot branches.png",
                "branch --system schnakenberg --range b=0.6:3 --clips 60 --plot branches.png",
            ),
        ),
        (prove.prove, PROOFS, ("prove --tier fast --json",)),
    ):
        # rich starts a new line at an empty one
        epilog = "\n\n".join(f"Example: rdmf {example}" for example in examples)
        app.command(epilog=epilog, rich_help_panel=panel)(command)
