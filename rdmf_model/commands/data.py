"""The commands `rdmf data check` and `rdmf data convert`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rdmf_model.commands.options import Json
from rdmf_theory.errors import DataError
from rdmf_theory.support.terminal import emit, printable

EPILOG = "Examples: rdmf data check my_data"

app = typer.Typer(
    name="data", no_args_is_help=True, help="Check and convert annotations and features.", rich_markup_mode="rich"
)

ClipLength = Annotated[float, typer.Option(help="Seconds per clip.", min=0.01)]
Durations = Annotated[
    Path | None,
    typer.Option(help="Seconds of each video: JSON {video: seconds}, or csv with id and length.", show_default=False),
]
Format = Annotated[
    str | None, typer.Option("--format", help="Annotation format, such as tvr.", show_default="recognised by content")
]


@app.command(epilog="Example: rdmf data check my_data")
def check(
    path: Annotated[Path, typer.Argument(help="Annotation or feature file, folder of a data set, or configuration.")],
    clip_length: ClipLength = 2.0,
    durations: Durations = None,
    form: Format = None,
    json: Json = False,
) -> None:
    """Count what is there and list every bad record, with what --repair would do about it.

    Of a folder every annotation file is checked, with the features in its subfolders and feature files.
    """
    from rdmf_model.data.survey import survey

    result = survey(path, clip_length, durations, form)
    problems = sum(len(part["problems"]) for part in result["annotations"] + result["features"])
    result["problems"] = problems
    emit(result, json, lambda: _render(result))
    if problems:
        raise typer.Exit(3)


@app.command(epilog="Example: rdmf data convert charades_sta_test.txt -o test.jsonl --repair")
def convert(
    path: Annotated[Path, typer.Argument(help="Annotation file, feature file, or folder of feature files.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="jsonl file (.gz packs it), or folder for features.")],
    repair: Annotated[bool, typer.Option("--repair", help="Cut windows to the video, skip bad records.")] = False,
    clip_length: ClipLength = 2.0,
    durations: Durations = None,
    form: Format = None,
    json: Json = False,
) -> None:
    """Write annotations of any known format as jsonl, or features of any known format as a folder of npz files."""
    from rdmf_model.data.convert import convert_annotations, convert_features
    from rdmf_model.data.feature_formats import FORMATS
    from rdmf_model.data.formats import read_durations
    from rdmf_model.data.recognise import recognise

    if not path.is_dir():
        kind = recognise(path)
    if path.is_dir() or (kind is not None and kind.key in {known.kind for known in FORMATS}):
        result: dict[str, Any] = convert_features(path, output)
        emit(result, json, lambda: print(f"{result['written']} file(s) of features: {result['folder']}"))
        return
    if not output.absolute().parent.is_dir():
        raise DataError(f"--output must lie in a folder that exists. Got {output}.")
    seconds = None if durations is None else read_durations(durations)
    report = convert_annotations(path, output, repair=repair, clip_length=clip_length, durations=seconds, key=form)
    result = {"output": str(output), **report.to_dict()}
    counts = report.counts

    def render() -> None:
        print(f"{counts['usable']} of {counts['records']} records ({report.format}): {printable(output)}")
        if report.problems:
            print(
                f"{counts['windows cut']} windows cut, {counts['windows skipped']} windows and "
                f"{counts['records skipped']} records skipped"
            )

    emit(result, json, render)


def _render(result: dict[str, Any]) -> None:
    for part in result["annotations"]:
        counts = part["counts"]
        print(f"{printable(part['path'])}: {part['format']}")
        shown = {name: value for name, value in counts.items() if value and not name.endswith(("cut", "skipped"))}
        print("  " + ", ".join(f"{value} {name}" for name, value in shown.items()))
        for name, (least, median, most) in part["seconds"].items():
            print(f"  {name}: {least:g} to {most:g} s, median {median:g}")
        _print_problems(part["problems"])
        if part["problems"]:
            print(
                f"  --repair: {counts['windows cut']} windows cut, {counts['windows skipped']} windows and "
                f"{counts['records skipped']} records skipped"
            )
    for part in result["features"]:
        kinds = (
            ", ".join(f"{printable(name)} ({width} channels)" for name, width in part["kinds"]) or "no video features"
        )
        print(
            f"features for {printable(part['for'])}: {part['videos']} videos, {kinds}; {part['texts']} texts "
            f"({part['text_width']} channels)"
        )
        _print_problems(part["problems"])
    for name, array in result["arrays"].items():
        print(f"  {printable(name)}: {array}")
    for line in result["other"]:
        print(printable(line))
    print(f"{result['problems']} problem(s)" if result["problems"] else "nothing is wrong")


def _print_problems(problems: list[dict[str, str]]) -> None:
    for problem in problems:
        print(f"  {printable(problem['message'])}" + (f" --repair {problem['repair']}." if problem["repair"] else ""))
