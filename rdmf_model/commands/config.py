"""The command `rdmf config`."""

from typing import Annotated

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.support.terminal import emit

EPILOG = "Example: rdmf config planted > my.toml"


def config(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which one; without it they are listed.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Print a configuration for `rdmf train` as commented TOML: every key with its default and meaning."""
    from rdmf_model.config.describe import named_toml, names

    if name is None:
        known = names()
        emit({"names": known}, json, lambda: print("\n".join(known)))
        return
    text = named_toml(name)
    emit({"name": name, "toml": text}, json, lambda: print(text, end=""))
