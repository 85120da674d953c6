"""x"""

import typer

from rdmf_model.commands import verify as verify_cli
from rdmf_model.commands.doctor import doctor
from rdmf_model.commands.evaluate import evaluate
from rdmf_model.commands.localize import localize
from rdmf_model.commands.options import PANEL
from rdmf_model.commands.train import train


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command, epilog in (
        (train, "Example: rdmf train configs/planted.toml -o run --epochs 2"),
        (evaluate, "Example: rdmf evaluate run -o predictions.jsonl"),
        (verify_cli.verify, verify_cli.EPILOG),
        (localize, "Example: rdmf localize run --features video.npz --text query.npz --plot timeline.png"),
    ):
        app.command(epilog=epilog, rich_help_panel=PANEL)(command)
    app.command(epilog="Example: rdmf doctor")(doctor)
