"""The command `rdmf bench`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.files import write_text
from rdmf_theory.support.terminal import console, emit, json_ready

SUITES = ("layer", "model", "growth", "region")
CLIPS = {"layer": (75, 1024, 8192, 65536), "model": (75,), "growth": (1024, 2048, 4096, 8192, 16384)}
CHANNELS = {"layer": 256, "model": 128, "growth": 256}
STEPS = {"layer": (12, 32), "growth": (12,)}
EPILOG = (
    "Examples: rdmf bench --suite layer -o layer.json   (four minutes)\n\n"
    "rdmf bench --clips 75 --clips 1024 --repeats 3   (one minute)\n\n"
    "rdmf bench --suite growth --plot growth.png"
)


def bench(
    suite: Annotated[
        str,
        typer.Option(
            metavar="|".join(SUITES),
            help="layer: operator and fusion layer beside attention. model: one training step with each fusion. "
            "growth: cost against T and N, with exponents. region: certified regions beside codac and a grid.",
        ),
    ] = "layer",
    clips: Annotated[
        list[int] | None,
        typer.Option("--clips", min=1, help="Clips T. Repeatable.", show_default="of the suite: 75 ... 65536"),
    ] = None,
    steps: Annotated[
        list[int] | None,
        typer.Option(
            "--steps", min=1, help="Steps N; of further ones only the core, at the first T.", show_default="12, 32"
        ),
    ] = None,
    channels: Annotated[
        int | None, typer.Option(min=8, help="Channels C, a multiple of 8.", show_default="256; model: 128")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Videos B.", show_default="32, for long videos 8192 / T")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds; each contender runs once in each.")] = 5,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where to measure.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of torch.")] = 1,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Also torch.compile of the reference: minutes of compilation.")
    ] = False,
    fresh_memory: Annotated[
        bool,
        typer.Option(
            "--fresh-memory",
            help="Give memory back to the system whenever it is freed, as the C library does by itself, instead of "
            "keeping it as caching allocators do: long videos then pay for new pages in every run.",
        ),
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", "--picture", help="Picture of the suite growth.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also write every figure to this JSON file.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Measure the layer beside its competitors: times, peak memory, fraction of the machine's limit.

    Contenders take turns within one run: trust the ratios, not the milliseconds; on a CPU they are CPU time, medians.
    Ratios with a target stand beside it, met or missed.
    """
    if suite not in SUITES:
        raise ParameterError(f"--suite must be one of {', '.join(SUITES)}. Got {suite!r}.")
    if plot is not None and suite != "growth":
        raise ParameterError(f"--plot belongs to --suite growth. Got --suite {suite}; leave one of them out.")
    import json as writer

    import torch

    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        why = "torch sees no GPU here" if device == "cuda" else "unknown device"
        raise ParameterError(f"--device must be cpu or, where there is a GPU, cuda. Got {device!r}: {why}.")
    if suite == "region":
        report, render = _region(repeats)
    else:
        sizes = {
            "clips": clips or CLIPS[suite],
            "steps": steps or STEPS.get(suite, ()),
            "channels": channels or CHANNELS[suite],
        }
        if sizes["channels"] % 8:
            raise ParameterError(f"--channels must be a multiple of 8, the heads. Got {channels}.")
        torch.set_num_threads(threads)
        from rdmf_model.bench.measure import kept_memory

        with nullcontext(False) if fresh_memory or device != "cpu" else kept_memory() as kept:
            figures = _measure(suite, sizes, batch, repeats, device, compiled)
        if device == "cpu":
            figures["machine"]["memory"] = "kept" if kept else "fresh"
        report = {"suite": suite, "command": _command(), **figures}
        if plot is not None:
            from rdmf_model.bench.growth import draw_growth

            draw_growth(report["growth"], plot)

        def render() -> None:
            from rdmf_model.bench.report import lines

            print("\n".join(lines(report)))

    if output is not None:
        write_text(output, writer.dumps(json_ready(report), indent=1, allow_nan=False) + "\n")
    emit(report, json, render)


def _measure(
    suite: str, sizes: dict[str, Any], batch: int | None, repeats: int, device: str, compiled: bool
) -> dict[str, Any]:
    from rdmf_model.bench import growth, layer, training
    from rdmf_model.bench.measure import machine
    from rdmf_model.ops.native.library import status

    about = machine(device) | ({"kernel": status()} if device == "cpu" else {})
    clips, channels, steps = sizes["clips"], sizes["channels"], sizes["steps"]
    with _ticking(suite) as tick:
        if suite == "model":
            return {"machine": about, **training.model_suite(clips[0], channels, batch, repeats, device, tick)}
        if suite == "growth":
            found = growth.growth_suite(clips, channels, steps[0], repeats, device, tick)
        else:
            found = layer.layer_suite(clips, steps, channels, batch, repeats, device, tick, compiled=compiled)
    return {"machine": about, **found}


def _region(repeats: int) -> tuple[dict[str, Any], Callable[[], None]]:
    from rdmf_model.bench import region

    with console.status("about a minute, most of it codac's"):
        figures = region.measure(repeats, region.SETS)
    report = {"suite": "region", "command": _command(), **figures}
    return report, lambda: region.show(figures)


def _command() -> str:
    import sys

    return " ".join(["rdmf", *sys.argv[1:]])


@contextmanager
def _ticking(suite: str) -> Iterator[Callable[[str], None]]:
    """Says on stderr what runs and for how long; nothing where stderr is no terminal."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(f"{suite}: preparing")
        yield lambda name: bars.update(task, description=f"{suite}: {name}")
