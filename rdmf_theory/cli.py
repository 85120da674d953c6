"""Theory commands of the program `rdmf`: derive, check, region, certify, dispersion, simulate."""

import typer


def register(app: typer.Typer) -> None:
    """Add the theory commands to `app`."""
