"""A trained model on a data set: predictions in the field's format, and their metrics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rdmf_model.checkpoints.checkpoint import load_run
from rdmf_model.config.config import Config, parse_config
from rdmf_model.data.feature_sources import check_kinds, trained_kinds
from rdmf_model.evaluation.pictures import draw_answers
from rdmf_model.evaluation.predict import predict_dataset
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.files import write_atomically
from rdmf_theory.support.terminal import console


def evaluate_run(
    run: Path,
    split: str = "val",
    *,
    which: str = "best",
    output: Path | None = None,
    overrides: Sequence[str] = (),
    data: Path | None = None,
    device: str = "cpu",
    batch_size: int | None = None,
    no_moment_threshold: float | None = None,
    without: Sequence[str] = (),
    pictures: Path | None = None,
) -> dict[str, Any]:
    """Predict a split with a trained model, write the predictions, measure them.

    Arguments:
        run: run folder or checkpoint file.
        split: "train", "val" or "test", as in the run's configuration.
        which: "best" or "last" checkpoint of a folder.
        output: predictions file, jsonl; None writes none.
        overrides: "data.KEY=VALUE", where the data lies now.
        data: a folder with SPLIT.jsonl and the feature folders under the names that they had in training.
        device: "cpu" or "cuda".  batch_size: None takes the training's.
        pictures: folder for `pictures.draw_answers`; None draws none.
        without: names of kinds of video features that are taken away.
        no_moment_threshold: score below which "no moment" is answered; None takes the one that the validation chose.

    Returns: the evaluator's metrics, "brief" holds the headlines; empty where the split has nothing to compare with.
    Raises: DataError for a checkpoint or data that cannot be used; ParameterError for a split or override that does
        not exist.
    """
    from rdmf_model.data.digests import changed_since_training, say_changed
    from rdmf_model.data.splits import load_split
    from rdmf_model.evaluation.metrics import can_be_measured, evaluate_predictions

    model, config, header = load_run(run, which=which, device=device)
    if data is not None:
        overrides = [*in_folder(config, split, data), *overrides]
    config = relocate(config, overrides)
    if output is not None and not output.absolute().parent.is_dir():
        raise ParameterError(f"--output must lie in a folder that exists. Got {output}.")
    dataset = load_split(config, split)
    if not overrides and (changed := changed_since_training(run, config.data, split, dataset.annotations)):
        console.print(f"not the data of the training: {say_changed(changed)}", highlight=False, soft_wrap=True)
    for kind, found in (("video", dataset.video_channels), ("text", dataset.text_channels)):
        expected = header["widths"][kind]
        if found != expected:
            raise DataError(
                f"{config.data.annotations(split)}: its {kind} features have {found} channels, the model was trained "
                f"on {expected}. Extract them alike."
            )
    if kinds := trained_kinds(header):
        check_kinds(dataset.video_kinds, kinds, str(config.data.annotations(split)))
    predictions = predict_dataset(model, dataset, batch_size or config.train.batch_size, device, without)
    if output is not None:
        lines = "".join(json.dumps(line, allow_nan=False) + "\n" for line in predictions)
        write_atomically(output, lines.encode())
    if pictures is not None:
        draw_answers(predictions, model.cpu(), dataset, pictures, without)
    if not any(map(can_be_measured, dataset.records)):
        return {}
    if no_moment_threshold is None:
        no_moment_threshold = header.get("metrics", {}).get("NM-threshold")
    return evaluate_predictions(
        predictions, dataset.records, dataset.annotation_clip_length, no_moment_threshold=no_moment_threshold
    )


def in_folder(config: Config, split: str, folder: Path) -> list[str]:
    """Overrides that take a split and its features from another folder in the layout of the training's.

    Feature folders keep their names, or are called video_features and text_features where there is one of each.
    Raises: ParameterError for a split that does not exist; DataError where the folder lacks a file.
    """
    if split not in ("train", "val", "test"):
        raise ParameterError(f"--split must be train, val or test. Got {split!r}.")
    videos, text = config.data.video_features, config.data.text_features

    def there(kind: str, trained: str, alone: bool) -> str:
        names = [Path(trained).name]
        if alone and kind not in names:
            names.append(kind)
        for name in names:
            if (folder / name).exists():
                return str((folder / name).resolve())
        raise DataError(f"{folder}: has no {' or '.join(names)}, where the features of the split are looked for.")

    annotations = folder / f"{split}.jsonl"
    if not annotations.is_file():
        raise DataError(f"{folder}: has no {split}.jsonl. Give a folder with the annotations of the split, or --split.")
    found = [there("video_features", str(path), len(videos) == 1) for path in videos]
    return [
        f"data.{split}={json.dumps(str(annotations.resolve()))}",
        f"data.video_features={json.dumps(found)}",
        f"data.text_features={json.dumps(there('text_features', str(text or 'text_features'), True))}",
    ]


def relocate(config: Config, overrides: Sequence[str]) -> Config:
    """The configuration with other data. Raises ParameterError for an override that would change the trained model."""
    for override in overrides:
        if not override.startswith("data."):
            raise ParameterError(f"--set of a trained run may change data.* only. Got {override!r}.")
    return parse_config(config.to_dict(), overrides, source="--set") if overrides else config
