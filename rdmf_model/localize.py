"""`rdmf localize`: where in one video is what the text says? Windows, saliency curve, and a picture of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rdmf_theory.errors import DataError, ParameterError

if TYPE_CHECKING:
    import numpy as np

    from rdmf_model.data.batch import Batch
    from rdmf_model.data.feature_files import FeatureFiles
    from rdmf_model.model import MomentModel


@dataclass(frozen=True)
class Localization:
    """What the model says about one video and one query.

    windows: (start, end, score) in seconds, best first; score in [0, 1].
    saliency: one score per clip; only its order and differences mean something.  pattern: per clip, None without one.
    clip_length: seconds.  duration: seconds covered by the features.
    """

    windows: list[tuple[float, float, float]]
    saliency: list[float]
    pattern: list[float] | None
    clip_length: float
    duration: float

    def to_dict(self) -> dict[str, Any]:
        """For `--json` and `-o`, with the field's names for the predictions."""
        return {
            "duration": self.duration,
            "clip_length": self.clip_length,
            "pred_relevant_windows": [list(window) for window in self.windows],
            "pred_saliency_scores": self.saliency,
            "pattern": self.pattern,
        }


def localize(
    run: Path,
    features: Sequence[Path],
    text: Path,
    *,
    clip_length: float | None = None,
    which: str = "best",
    device: str = "cpu",
    block: int | None = None,
    progress: Callable[[int], object] = lambda clips: None,
) -> Localization:
    """Localize one query in one video.

    A video of more than `long_video.LONG_VIDEO` clips is read and fused in windows, which changes what the fusion layer
    says by at most 1e-6, certified, plus rounding; the features of `.npy` files stay on disk.

    Arguments:
        run: run folder or checkpoint file.
        features: the video's feature files, in the order of the training's `data.video_features`.
        text: the query's feature file (`last_hidden_state`).
        clip_length: seconds per clip; None takes the training's.
        block: clips per window, for any video; 0: the whole video at once; None: as above.
        progress: called with the number of clips that were finished, in windows.

    Raises: DataError for files that cannot be read or whose widths are not the model's.
    """
    import torch

    from rdmf_model.checkpoints.checkpoint import load_run
    from rdmf_model.data.feature_files import FeatureFiles
    from rdmf_model.data.features import TEXT_KEYS, load_features
    from rdmf_model.fusion import ReactionDiffusionFusion
    from rdmf_model.long_video import BLOCK, LONG_VIDEO, locate_in_windows
    from rdmf_model.model import predict

    if clip_length is not None and not 0 < clip_length < float("inf"):
        raise ParameterError(f"clip_length must be finite and positive. Got {clip_length}.")
    if block is not None and block < 0:
        raise ParameterError(f"block must be >= 0. Got {block}; 0 runs the whole video at once.")
    model, config, header = load_run(run, which=which, device=device)
    seconds = config.data.clip_length if clip_length is None else clip_length
    video = FeatureFiles(features, header["widths"]["video"])
    words = load_features(Path(text), TEXT_KEYS, unit="tokens")
    if words.shape[1] != header["widths"]["text"]:
        raise DataError(
            f"{text}: text features must have {header['widths']['text']} channels, as in training. Got "
            f"{words.shape[1]}. "
            "Use the same text encoder."
        )
    clips = len(video)
    has_halo = isinstance(model.fusion, ReactionDiffusionFusion)
    if block and not has_halo:
        raise ParameterError(f"block must be 0 with the fusion {config.model.fusion}: it has no certified halo.")
    if block is None:
        block = BLOCK if has_halo and clips > LONG_VIDEO else 0
    outputs: Mapping[str, Any]
    if block:
        # `predict` asks the batch for names and lengths alone
        batch = one_video_batch(video, words, seconds, shown=1).to(device)
        batch = replace(
            batch, video_lengths=torch.full_like(batch.video_lengths, clips), extent=batch.extent * float(clips)
        )
        options: dict[str, Any] = {"block": block, "progress": progress}
        outputs = locate_in_windows(cast("MomentModel", model), video, torch.from_numpy(words).float(), **options)
    else:
        batch = one_video_batch(video, words, seconds, shown=clips).to(device)
        with torch.no_grad():
            outputs = model(batch)
    prediction = predict(outputs, batch)[0]
    pattern = outputs.get("pattern")
    windows = [(float(start), float(end), float(score)) for start, end, score in prediction["pred_relevant_windows"]]
    return Localization(
        windows=sorted(windows, key=lambda window: -window[2]),
        saliency=[float(score) for score in prediction["pred_saliency_scores"][:clips]],
        pattern=None if pattern is None else [float(value) for value in pattern[0, :clips].tolist()],
        clip_length=seconds,
        duration=clips * seconds,
    )


def one_video_batch(video: FeatureFiles, words: np.ndarray, seconds: float, shown: int) -> Batch:
    """A batch of one query and the first `shown` clips of one video."""
    import torch

    from rdmf_model.data.batch import Sample, collate

    sample = Sample(
        qid=0,
        vid=video.paths[0].stem,
        query="",
        video=torch.from_numpy(video.rows(0, shown)),
        text=torch.from_numpy(words),
        windows=torch.zeros(0, 2),
        relevance=torch.zeros(shown, dtype=torch.bool),
        saliency=torch.full((shown,), torch.nan),
        clip_length=seconds,
    )
    return collate([sample])


def draw_timeline(result: Localization, path: Path, *, title: str = "", top: int = 5) -> None:
    """Draw saliency, pattern and the best windows against time; the suffix of `path` (.png, .pdf, .svg) picks the
    format.

    Raises: ParameterError for a suffix that matplotlib cannot write, or a folder that does not exist.
    """
    import numpy as np
    from matplotlib.figure import Figure

    shown = result.windows[:top]
    figure = Figure(figsize=(9, 3.2 + 0.22 * max(len(shown), 1)), layout="constrained")
    heights = [3, 0.6 + 0.35 * max(len(shown), 1)]
    curve_axes, window_axes = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    edges = np.arange(len(result.saliency) + 1) * result.clip_length
    curve_axes.stairs(result.saliency, edges, baseline=None, color="#1f4e79", linewidth=1.6, label="saliency")
    curve_axes.set_ylabel("saliency score", color="#1f4e79")
    if result.pattern is not None:
        other = curve_axes.twinx()
        other.stairs(result.pattern, edges, baseline=None, color="#c0504d", linewidth=1.2, label="pattern")
        other.set_ylabel("pattern above base state", color="#c0504d")
        other.spines["top"].set_visible(False)
    for row, (start, end, score) in enumerate(shown):
        # the best window also shades the curve, so that the eye finds the moment at once
        if row == 0:
            curve_axes.axvspan(start, end, color="#f2c14e", alpha=0.25, linewidth=0)
        window_axes.barh(
            row, end - start, left=start, height=0.66, color="#f2c14e" if row == 0 else "#9db4c0", zorder=2
        )
        # the label stands right of the bar, near the right end left of it, and inside a bar that leaves no room
        near_end, near_start = end > 0.8 * result.duration, start < 0.25 * result.duration
        left = near_end and not near_start
        window_axes.annotate(
            f"{start:.1f} to {end:.1f} s, score {score:.2f}",
            (start if near_end else end, row),
            xytext=(-4 if left else 4, 0),
            textcoords="offset points",
            va="center",
            ha="right" if left else "left",
            fontsize=8,
        )
    if not shown:
        window_axes.text(0.5, 0.5, "no window", transform=window_axes.transAxes, ha="center", va="center")
    window_axes.set(xlabel="time (s)", ylabel="windows", yticks=[], xlim=(0, result.duration))
    window_axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    window_axes.grid(axis="x", color="#dddddd", linewidth=0.6, zorder=0)
    for axes in (curve_axes, window_axes):
        axes.spines["top"].set_visible(False)
    window_axes.spines["right"].set_visible(False)
    if title:
        curve_axes.set_title(title, loc="left", fontsize=11)
    try:
        figure.savefig(path, dpi=150)
    except (ValueError, OSError) as error:
        raise ParameterError(
            f"--plot must be a file that can be written (.png, .pdf, .svg). Got {path} ({error})."
        ) from None
