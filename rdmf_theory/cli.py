"""Theory commands of the program `rdmf`; each lives in its own file under `commands`.

Numbers of a parameter point are read as text and become exact rationals, so `--F 0.04` means 1/25 and not the nearest
binary number. Sympy, flint and matplotlib are imported inside the commands.
"""

from __future__ import annotations

import typer

from rdmf_theory.commands import (
    branch,
    certify,
    check,
    derive,
    dispersion,
    prove,
    region,
    response,
    schemes,
    simulate,
    sweep,
)


def register(app: typer.Typer) -> None:
    """Add the theory commands to `app`."""
    for command, epilog in (
        (derive.derive, "Example: rdmf derive --format latex > derivation.tex"),
        (check.check, "Example: rdmf check --F 0.055 --k 0.062 --s 1 --D-u 2 --D-v 1"),
        (region.region, "Example: rdmf region --d 2 --s 1 --plot region.png -o region.json"),
        (certify.certify, "Example: rdmf certify region.json"),
        (prove.prove, "Example: rdmf prove --json"),
        (dispersion.dispersion, "Example: rdmf dispersion --u-star 0.4 --wavelength 12 --plot dispersion.png"),
        (simulate.simulate, "Example: rdmf simulate --excess 2 --clips 75 --seed 1 --plot simulation.png"),
        (branch.branch, "Example: rdmf branch --certify --plot branches.png"),
        (schemes.schemes, "Example: rdmf schemes --plot schemes.png"),
        (response.response, "Example: rdmf response --wavelength 16 --steps 12 --plot response.png"),
        (sweep.sweep, "Example: rdmf sweep --range F=0.01:0.1:200 --range k=0.04:0.07:200 --jobs 2 -o sweep.csv"),
    ):
        app.command(epilog=epilog)(command)
