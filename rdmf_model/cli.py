"""The program `rdmf`: mounts the commands and maps errors to exit codes.

Exit codes: 0 holds, 1 a property or condition is violated, 2 usage, 3 bad data or checkpoint. With `--json` a command
prints exactly one JSON object on stdout; everything else goes to stderr. Imports of torch, sympy and matplotlib stay
inside the commands, so that `rdmf --help` answers at once.
"""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from rdmf_model.commands import (
    bench,
    certify,
    certify_answers,
    config,
    data,
    demo,
    doctor,
    evaluate,
    export,
    extract,
    localize,
    pack,
    serve,
    sign,
    stream,
    sweep_train,
    train,
    verify,
)
from rdmf_theory import cli as theory_cli
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.terminal import printable

HOLDS, VIOLATED, USAGE, BAD_DATA, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 130, 141

app = typer.Typer(
    name="rdmf",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Reaction-Diffusion Multimodal Fusion: admissible parameter regions, stability tests, constrained training.",
    epilog="Exit codes: 0 holds, 1 violated, 2 usage, 3 bad data or checkpoint.",
)
PANEL = "Models: train, measure, verify, use"
"""Heading of `rdmf --help`."""


def register(app: typer.Typer) -> None:
    """Add the model commands to `app`."""
    for command, epilog, panel in (
        (certify.certify, certify.EPILOG, theory_cli.PROOFS),
        (certify_answers.certify_answers, certify_answers.EPILOG, theory_cli.PROOFS),
        (sign.sign, sign.EPILOG, theory_cli.PROOFS),
        (config.config, config.EPILOG, PANEL),
        (train.train, train.EPILOG, PANEL),
        (sweep_train.sweep_train, sweep_train.EPILOG, PANEL),
        (evaluate.evaluate, evaluate.EPILOG, PANEL),
        (verify.verify, verify.EPILOG, PANEL),
        (extract.extract, extract.EPILOG, PANEL),
        (localize.localize, localize.EPILOG, PANEL),
        (serve.serve, serve.EPILOG, PANEL),
        (stream.stream, stream.EPILOG, PANEL),
        (pack.pack, pack.EPILOG, PANEL),
        (export.export, export.EPILOG, PANEL),
        (bench.bench, bench.EPILOG, PANEL),
        (doctor.doctor, doctor.EPILOG, None),
        (demo.demo, demo.EPILOG, None),
    ):
        app.command(epilog=epilog, rich_help_panel=panel)(command)


theory_cli.register(app)
register(app)
app.add_typer(data.app, epilog=data.EPILOG, rich_help_panel=PANEL)


def _print_version(wanted: bool) -> None:
    if wanted:
        from rdmf_theory import __version__

        print(f"rdmf {__version__}")
        raise typer.Exit


@app.callback()
def program(
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options of the program itself; each command has its own."""


LESS_MEMORY = (
    "A training wants less with a smaller train.batch_size or model.channels, a long video with a smaller --block, "
    "a table or a grid with fewer points."
)


def _remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room, then repeat the command; go on with a training by --resume."
    return "Check the path and its permissions."


def _wants_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether an error says that memory is short; torch says so by a RuntimeError, on a GPU by a subclass of it."""
    texts = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in texts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program on `arguments` (default: those of the process) and return its exit code.

    With `--json` an error, too, is one object on stdout, `{"error": message, "exit": code}`.
    """
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)

    def fail(message: str, code: int) -> int:
        message = printable(message)
        print(f"rdmf: {message}", file=sys.stderr)
        if as_json:
            print(json.dumps({"error": message, "exit": code}))
        return code

    try:
        app(args=None if arguments is None else list(arguments), prog_name="rdmf", obj=main)
        sys.stdout.flush()
    except ParameterError as error:
        return fail(str(error), USAGE)
    except DataError as error:
        return fail(str(error), BAD_DATA)
    except BrokenPipeError:
        return _reader_left()
    except OSError as error:
        # a full disk, a folder that may not be written: nothing that a stack of calls would explain
        where = f"{error.filename}: " if error.filename else ""
        return fail(f"{where}{error.strerror or error}. {_remedy(error)}", BAD_DATA)
    except (MemoryError, RuntimeError) as error:
        if not _wants_memory(error):
            raise
        return fail(
            f"too little memory ({' '.join(str(error).split()) or 'no more was given'}). {LESS_MEMORY}", BAD_DATA
        )
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as stop:
        # typer leaves through SystemExit: for `typer.Exit`, and for what it has caught and printed itself
        cause = stop.__context__
        if isinstance(cause, BrokenPipeError):
            return _reader_left()
        code = stop.code if isinstance(stop.code, int) else (HOLDS if stop.code is None else VIOLATED)
        message = getattr(cause, "format_message", None)
        if as_json and code == USAGE and message is not None:
            print(json.dumps({"error": message(), "exit": code}))
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            return _reader_left()
        return code
    return HOLDS


def _reader_left() -> int:
    """The reader of the output is gone: the rest of it goes nowhere; the exit code is that of SIGPIPE in a shell."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
