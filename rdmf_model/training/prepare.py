"""What a configuration's data come to: data sets in memory, the planted set, the region's numbers."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rdmf_model.checkpoints.run_folder import STATE
from rdmf_model.config.config import Config, DataConfig
from rdmf_model.data.feature_sources import check_kinds
from rdmf_theory.errors import DataError, ParameterError

if TYPE_CHECKING:
    from rdmf_model.data.dataset import MomentDataset
    from rdmf_model.data.moment_lengths import WindowStatistics


def planted_paths(data: DataConfig, output: Path) -> DataConfig:
    """The paths of the planted data set in a run folder; other data is returned as it is."""
    if data.planted is None:
        return data
    folder = output.resolve() / "data"
    return DataConfig(
        train=folder / "train.jsonl",
        val=folder / "val.jsonl",
        video_features=(folder / "video_features",),
        text_features=folder / "text_features",
        clip_length=data.clip_length,
    )


def write_planted(output: Path, seed: int, clip_length: float) -> None:
    """Write the planted data set into a run folder, unless it is there."""
    from rdmf_model.data.planted import write_planted_dataset

    final = output / "data"
    if final.exists():
        return
    # written beside and renamed, so that a half-written data set is never taken for the whole
    temporary = output / ".data.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    write_planted_dataset(temporary, seed, clip_length=clip_length)
    temporary.rename(final)


def check_widths(config: Config, train_set: MomentDataset, val_set: MomentDataset) -> None:
    """Raises DataError where training and validation features differ in width, in all or in one kind."""
    for kind in ("video", "text"):
        first, second = getattr(train_set, f"{kind}_channels"), getattr(val_set, f"{kind}_channels")
        if first != second:
            path = config.data.annotations("val")
            raise DataError(
                f"{path}: its {kind} features have {second} channels, the training set's have {first}. Extract "
                "both alike."
            )
    check_kinds(val_set.video_kinds, train_set.video_kinds, str(config.data.annotations("val")))


def check_kind_dropout(config: Config, train_set: MomentDataset) -> None:
    """Raises ParameterError where kinds of features are to be dropped, and there is only one."""
    kinds = [kind.name for kind in train_set.video_kinds]
    if config.train.kind_dropout > 0 and len(kinds) < 2:
        raise ParameterError(
            f"train.kind_dropout needs two kinds of video features or more. Got one ({', '.join(kinds)}); set it to 0, "
            "or name several folders in data.video_features."
        )


def record_data(config: Config, output: Path, resume: bool, datasets: Sequence[MomentDataset]) -> None:
    """Write what a new run is trained on; raise DataError where a resumed one's data are other ones now."""
    from rdmf_model.data.digests import changed_files, read_record, say_changed, split_files, write_record

    files: dict[str, Path] = {}
    for split, dataset in zip(("train", "val"), datasets, strict=True):
        files |= split_files(config.data, split, dataset.annotations)
    if not resume or not (output / STATE).exists():
        write_record(output, files)
    elif changed := changed_files(read_record(output), files):
        raise DataError(
            f"{output}: was trained on other data: {say_changed(changed)}. Put back what it was trained on, or train "
            "into another folder."
        )


def resolve_region(
    config: Config, train_set: MomentDataset, val_set: MomentDataset
) -> tuple[Config, WindowStatistics | None]:
    """Replace every "auto" of the region by the data set's numbers; returns the statistics too.

    The wavelength prior comes from the training windows alone; the clip range covers both splits, since the region has
    to answer for every video that the run sees. Statistics are None where there is no window and none is needed.
    """
    from rdmf_model.data.moment_lengths import window_statistics

    region = config.model.region
    try:
        statistics = window_statistics(train_set)
    except DataError:
        if region.wavelength == "auto":
            raise
        statistics = None
    if statistics is not None and region.wavelength == "auto":
        region = dataclasses.replace(region, wavelength=statistics.wavelength)
    if region.clips == "auto":
        clips = [len(video) for dataset in (train_set, val_set) for video in dataset.videos.values()]
        region = dataclasses.replace(region, clips=(min(clips), max(clips)))
    return config.override(model={"region": region}), statistics


def resolve_epochs(config: Config, train_set: MomentDataset) -> Config:
    """Raise the epochs until there are `train.min_steps` steps; the steps per epoch are ceil(queries / batch_size)."""
    per_epoch = math.ceil(len(train_set) / config.train.batch_size)
    epochs = max(config.train.epochs, math.ceil(config.train.min_steps / per_epoch))
    return config.override(train={"epochs": epochs})


def discard_planted(output: Path, data: DataConfig) -> None:
    """Remove what `write_planted` wrote, where it did."""
    if data.planted is not None:
        shutil.rmtree(output / "data", ignore_errors=True)
