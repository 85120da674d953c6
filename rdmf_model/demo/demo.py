"""`rdmf demo`: the main job end to end on embedded data, from the equation to a trained, verified model and a report.

Each step is a command of this program, run in the demo's folder, so the report shows how to repeat it.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rdmf_model.demo.film import write_film
from rdmf_model.demo.steps import CONFIG, DATA, FILM, Step, all_steps, configuration, first_query
from rdmf_model.doctor import obstacle
from rdmf_model.pages import Picture, Section, page
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.terminal import console

Program = Callable[[Sequence[str]], int]

REPORT, NUMBERS = "report.html", "report.json"
INTRODUCTION = (
    "One line through RDMF, from the equation to a trained and verified model, on data that it generated itself. The "
    "mathematical figures are exact or certified. The figures of the trained model show that the machinery works; they "
    "say nothing about real videos. Every command can be repeated in this folder."
)


class DemoStopped(RuntimeError):
    """A command of the demo failed; it has said why on stderr. `code` is its exit code."""

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f"{command} ended with exit code {code}")
        self.code = code


def demo(folder: Path, program: Program, *, seed: int = 0, epochs: int = 15, force: bool = False) -> dict[str, Any]:
    """Run the whole line and write `report.html` and `report.json` into `folder`.

    Arguments:
        folder: new or empty; with `force` also the folder of an earlier demo, which is replaced.
        program: runs `rdmf` on a list of arguments and returns its exit code.
        seed: of data and training, >= 0.  epochs: of the training, >= 1.

    Returns: {"holds": nothing was violated, "seconds", "report", "seed", "steps": [{"command", "exit", "seconds",
        "result"}]}, which is also what `report.json` holds.
    Raises: ParameterError for a folder that is in use, DemoStopped when a command fails.
    """
    from rdmf_model.data.planted import write_planted_dataset

    if seed < 0 or epochs < 1:
        raise ParameterError(f"--seed must be >= 0 and --epochs >= 1. Got {seed} and {epochs}.")
    folder = prepare_folder(Path(folder), force)
    (folder / CONFIG).write_text(configuration(seed, epochs), encoding="utf-8")
    started = time.perf_counter()
    console.print(f"planted moments, seed {seed}: {folder / DATA}", highlight=False)
    write_planted_dataset(folder / DATA, seed)
    why_not = obstacle("extract")
    if why_not is None:
        console.print(f"a film of known scenes: {folder / FILM}", highlight=False)
        write_film(folder / FILM)
    else:
        console.print(f"without the last step, a video and a sentence: that {why_not}", highlight=False, markup=False)
    steps = all_steps(first_query(folder / DATA), film=why_not is None)
    results, sections = [], []
    with contextlib.chdir(folder):
        for number, step in enumerate(steps, start=1):
            console.print(f"{number}/{len(steps)} {step.title}: {step.command}", highlight=False, markup=False)
            result = run_step(step, program)
            results.append(result)
            sections.append(section(step, result))
        numbers = {
            "holds": all(result["exit"] == 0 for result in results),
            "seconds": round(time.perf_counter() - started, 1),
            "report": str(folder / REPORT),
            "seed": seed,
            "steps": results,
        }
        left_out = "" if why_not is None else f" Left out: a video and a sentence; that {why_not}"
        Path(REPORT).write_text(page("RDMF demo", INTRODUCTION + left_out, sections), encoding="utf-8")
        Path(NUMBERS).write_text(json.dumps(numbers, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return numbers


def prepare_folder(folder: Path, force: bool) -> Path:
    """Make the folder, empty.

    Raises: ParameterError if it is in use, or if `force` would delete something that is no earlier demo.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not force:
            raise ParameterError(f"the demo's folder must be new or empty. Got {folder}. Name another or add --force.")
        if not (folder / CONFIG).is_file():
            raise ParameterError(f"--force replaces an earlier demo only, which {folder} is not. Name another folder.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_step(step: Step, program: Program) -> dict[str, Any]:
    """Run one command with `--json`; returns {"command", "exit", "seconds", "result"}.

    Raises: DemoStopped unless the exit code is 0, or 1 where the step may find a violation.
    """
    started = time.perf_counter()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = program([*step.arguments, "--json"])
    if code != 0 and not (code == 1 and step.may_find_violation):
        raise DemoStopped(step.command, code)
    try:
        result = json.loads(printed.getvalue())
    except ValueError as error:
        raise DataError(f"{step.command} --json: printed no single JSON object ({error}).") from None
    return {
        "command": step.command,
        "exit": code,
        "seconds": round(time.perf_counter() - started, 2),
        "result": result,
    }


def section(step: Step, result: dict[str, Any]) -> Section:
    """How the report tells a step: the selected numbers, the exit code if it is not 0, the pictures."""
    rows = dict(step.numbers(result["result"]))
    if result["exit"] != 0:
        rows["exit code"] = result["exit"]
    rows["seconds"] = result["seconds"]
    pictures = [Picture(Path(name), caption) for name, caption in step.pictures]
    return Section(step.title, step.text, step.command, rows, pictures)
