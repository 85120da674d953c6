"""What does the demo show, and in which order? A table of commands, with what the report says about each."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdmf_model.demo.film import SCENES, scene_windows

Numbers = Mapping[str, Any]

CONFIG, DATA, RUN, FILM = "demo.toml", "data", "run", "film.mp4"

# One design throughout the theory part: the layer's pictures are comparable.
DESIGN = ("--u-star", "0.4", "--z", "1.2", "--excess", "2", "--wavelength", "12", "--rate", "0.3")


@dataclass(frozen=True)
class Step:
    """One command of the demo and how the report tells it.

    Arguments:
        title, text: heading and explanation.
        arguments: of `rdmf`, without `--json`.
        numbers: from the command's JSON to the rows of the table.
        pictures: (file name in the demo's folder, caption).
        may_find_violation: exit code 1 goes into the report and does not stop the demo.
    """

    title: str
    text: str
    arguments: tuple[str, ...]
    numbers: Callable[[Numbers], Numbers]
    pictures: tuple[tuple[str, str], ...] = ()
    may_find_violation: bool = False

    @property
    def command(self) -> str:
        return shlex.join(("rdmf", *self.arguments))


def configuration(seed: int, epochs: int) -> str:
    """The training's configuration, TOML: small enough for a minute on one core."""
    return f"""\
# Written by `rdmf demo`.
version = 1

[data]
train = "{DATA}/train.jsonl"
val = "{DATA}/val.jsonl"
video_features = ["{DATA}/video_features"]
text_features = "{DATA}/text_features"

[model]
channels = 32
feedforward = 64
dropout = 0.0
input_dropout = 0.1

[train]
learning_rate = 3e-3
seed = {seed}
epochs = {epochs}
device = "cpu"
threads = 1
"""


def first_query(data: Path) -> dict[str, Any]:
    """The first validation query, not a chosen one."""
    with (data / "val.jsonl").open(encoding="utf-8") as lines:
        return json.loads(lines.readline())


def all_steps(query: Mapping[str, Any], *, film: bool) -> list[Step]:
    """The demo, in order.

    Arguments:
        query: the annotation record that is localized by the trained model.
        film: whether there is a film, and what encodes it.
    """
    return [*theory_steps(), *model_steps(query), *(video_steps() if film else ())]


def theory_steps() -> list[Step]:
    """From the equation to a region and its certificate, and the layer's step beside the theory."""
    return [
        Step(
            "Derive",
            "Every formula follows from the two equations by computer algebra; nothing is typed in twice.",
            ("derive",),
            lambda r: {row["name"]: row["text"] for row in r["rows"]},
        ),
        Step(
            "Check a point",
            "Is this point admissible? Decimals are taken as the exact fractions that they write.",
            ("check", "--F", "0.055", "--k", "0.062", "--s", "1", "--D-u", "2", "--D-v", "1"),
            lambda r: {
                "classification": r["classification"],
                "d": r["d"],
                "threshold d_T": r["d_T"],
                **{f"margin of {name}": value["margin"] for name, value in r["conditions"].items()},
            },
        ),
        Step(
            "Region",
            "All admissible feed and kill rates at the textbook ratio of diffusivities: a thin sliver beside the "
            "saddle-node, whose area has a closed form. The layer is free to use larger ratios.",
            ("region", "--d", "2", "--s", "1", "--plot", "region.png", "-o", "region.json"),
            lambda r: {
                "area": r["area"]["exact"],
                "closed form": r["area"]["closed_form"],
                "Turing-Hopf point (F, k)": ", ".join(r["exact_points"]["turing_hopf"]),
                "Bogdanov-Takens point (F, k)": ", ".join(r["exact_points"]["bogdanov_takens"]),
            },
            (("region.png", "The region at d = 2; on the right as seen from the saddle-node curve."),),
        ),
        Step(
            "Certificate of the region",
            "A second program, which shares no code with the first, checks the area in exact arithmetic.",
            ("certify", "region.json"),
            lambda r: {"certificate": r["holds"], "detail": r["detail"]},
        ),
        Step(
            "Dispersion",
            "Which wavelengths grow, in the equation and in the layer's step: the same ones, at every step size.",
            ("dispersion", *DESIGN, "--plot", "dispersion.png"),
            lambda r: {
                "growing modes": f"{len(r['growing_modes'])} of {r['clips']}",
                "fastest wavelength (clips)": r["fastest_mode"]["wavelength"],
                "its multiplier per step": r["fastest_mode"]["multiplier"],
            },
            (("dispersion.png", "Growth of every mode of 75 clips."),),
        ),
        Step(
            "Simulate",
            "The nonlinear step from a perturbation of one part in a million: growth as predicted, then a pattern.",
            ("simulate", *DESIGN, "--plot", "simulation.png"),
            lambda r: {
                "multiplier per step, predicted": r["multiplier_predicted"],
                "multiplier per step, measured": r["multiplier_measured"],
                "relative error": r["relative_error"],
            },
            (("simulation.png", "The activator in space and time, and the amplitude of its fastest mode."),),
        ),
    ]


def model_steps(query: Mapping[str, Any]) -> list[Step]:
    """Train, measure, verify, localize."""
    windows = ", ".join(f"{start:g} to {end:g} s" for start, end in query["relevant_windows"])
    return [
        Step(
            "Train",
            "A small reaction-diffusion model on planted moments: correlated noise, known windows, and single-clip "
            "spikes that are no moments. The range of wavelengths comes from the training windows.",
            ("train", CONFIG, "-o", RUN),
            lambda r: {
                "parameters": r["parameters"],
                "best epoch": f"{r['best_epoch']} of {r['epochs']}",
            },
        ),
        Step(
            "Evaluate",
            "The field's own metrics on the validation split, in percent.",
            ("evaluate", RUN),
            lambda r: {name: r["brief"][f"MR-full-{name}"] for name in ("R1@0.5", "R1@0.7", "mAP")},
        ),
        Step(
            "Verify",
            "Stability properties of the stored weights, and a certificate for all texts: whatever the sentence is, "
            "the layer's parameters stay admissible.",
            ("verify", RUN, "-o", "certificate.json"),
            lambda r: {
                "certificate for all texts": r["certificate"]["verdict"],
                **{item["statement"]: item["verdict"] == "holds" for item in r["properties"]},
            },
            may_find_violation=True,
        ),
        Step(
            "Certificate of the model",
            "The independent program accepts the model's certificate too.",
            ("certify", "certificate.json"),
            lambda r: {"certificate": r["holds"], "detail": r["detail"]},
            may_find_violation=True,
        ),
        Step(
            "Localize",
            f"The first validation query, not a chosen one: “{query['query']}”. Planted at {windows}.",
            (
                "localize",
                RUN,
                "--features",
                f"{DATA}/video_features/{query['vid']}.npz",
                "--text",
                f"{DATA}/text_features/qid{query['qid']}.npz",
                "--title",
                f"planted at {windows}",
                "--plot",
                "timeline.png",
            ),
            lambda r: {
                f"window {rank}": f"{start:.1f} to {end:.1f} s, score {score:.2f}"
                for rank, (start, end, score) in enumerate(r["pred_relevant_windows"][:3], start=1)
            },
            (("timeline.png", "Saliency, pattern and the best windows along the video."),),
        ),
    ]


def video_steps() -> list[Step]:
    """From a video file and a sentence to the moment."""
    sentence = "a spider web"
    start, end = scene_windows()[sentence.removeprefix("a ")]
    return [
        Step(
            "A video and a sentence",
            f"A film of {len(SCENES)} scenes, drawn for this demo: {', '.join(SCENES)}. No trained model is involved: "
            "an offline encoder compares clips with the sentence, and the reaction-diffusion selection over the whole "
            f"film decides. The spider web was drawn from {start:g} to {end:g} s. moment.html has the film beside it.",
            ("localize", FILM, sentence, "--plot", "moment.png", "--html", "moment.html"),
            lambda r: {
                f"window {rank}": f"{start:.1f} to {end:.1f} s, score {score:.2f}"
                for rank, (start, end, score) in enumerate(r["pred_relevant_windows"][:3], start=1)
            },
            (("moment.png", "Frames, similarity, selected pattern and windows along the film."),),
        )
    ]
