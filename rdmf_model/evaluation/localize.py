"""`rdmf localize`: where in one video is what the text says? Windows, saliency curve, and a picture of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdmf_theory.errors import DataError, ParameterError

if TYPE_CHECKING:
    import numpy as np

    from rdmf_model.data.batch import Batch
    from rdmf_model.data.feature_files import FeatureFiles
    from rdmf_model.model.base import MomentOutputs


@dataclass(frozen=True)
class Localization:
    """What the model says about one video and one query.

    windows: (start, end, score) in seconds, best first; score in [0, 1].
    saliency: one score per clip; only its order and differences mean something.  pattern: per clip, None without one.
    clip_length: seconds.  duration: seconds covered by the features.
    threshold: best score below which the answer is "not in this video", as the validation chose it; None where the
        training data had no query that matches nothing.
    missing: kinds of features that the video lacks.
    conductances: between neighbouring clips, in [0, 1], small at cuts; None where diffusion does not stop at cuts.
    """

    windows: list[tuple[float, float, float]]
    saliency: list[float]
    pattern: list[float] | None
    clip_length: float
    duration: float
    threshold: float | None = None
    missing: tuple[str, ...] = ()
    conductances: list[float] | None = None

    @property
    def no_moment(self) -> bool:
        """Whether the best window scores below the threshold: what the text says is probably not in this video."""
        return self.threshold is not None and max((score for *_, score in self.windows), default=0.0) < self.threshold

    def to_dict(self) -> dict[str, Any]:
        """For `--json` and `-o`, with the field's names for the predictions."""
        return {
            "duration": self.duration,
            "clip_length": self.clip_length,
            "pred_relevant_windows": [list(window) for window in self.windows],
            "pred_saliency_scores": self.saliency,
            "pattern": self.pattern,
            "no_moment": self.no_moment if self.threshold is not None else None,
            "no_moment_threshold": self.threshold,
            "missing_kinds": list(self.missing),
            "conductances": self.conductances,
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
        features: the video's feature files, in the order of the training's `data.video_features`, or NAME=FILE by the
            names of its kinds; a kind that is named by none is missing (`model.kinds`), and the answer says so.
        text: the query's feature file (`last_hidden_state`).
        clip_length: seconds per clip; None takes the training's.
        block: clips per window, for any video; 0: the whole video at once; None: as above.
        progress: called with the number of clips that were finished, in windows.

    Raises: DataError for files that cannot be read or whose widths are not the model's.
    """
    import torch

    from rdmf_model.checkpoints.checkpoint import load_run
    from rdmf_model.data.feature_files import FeatureFiles
    from rdmf_model.data.feature_sources import trained_kinds
    from rdmf_model.data.features import TEXT_KEYS, load_features
    from rdmf_model.evaluation.predict import predict
    from rdmf_model.model.moment_model import MomentModel
    from rdmf_model.streaming.long_video import BLOCK, LONG_VIDEO, locate_in_windows

    if clip_length is not None and not 0 < clip_length < float("inf"):
        raise ParameterError(f"clip_length must be finite and positive. Got {clip_length}.")
    if block is not None and block < 0:
        raise ParameterError(f"block must be >= 0. Got {block}; 0 runs the whole video at once.")
    model, config, header = load_run(run, which=which, device=device)
    seconds = config.data.clip_length if clip_length is None else clip_length
    mean = model.video_projection.mean.cpu().numpy()
    video = FeatureFiles(features, header["widths"]["video"], trained_kinds(header), mean)
    words = load_features(Path(text), TEXT_KEYS, unit="tokens")
    if words.shape[1] != header["widths"]["text"]:
        raise DataError(
            f"{text}: text features must have {header['widths']['text']} channels, as in training. Got "
            f"{words.shape[1]}. "
            "Use the same text encoder."
        )
    clips = len(video)
    # the span table looks at all candidates of the video at once
    has_halo = model.fusion.supports_chunks and isinstance(model, MomentModel)
    if block and not has_halo:
        head = config.model.moment_head
        raise ParameterError(
            f"block must be 0 with the fusion {config.model.fusion} and the head {head}: it has no certified halo."
        )
    if block is None:
        block = BLOCK if has_halo and clips > LONG_VIDEO else 0
    outputs: MomentOutputs
    if block:
        # `predict` asks the batch for names and lengths alone
        batch = one_video_batch(video, words, seconds, shown=1).to(device)
        batch = replace(
            batch, video_lengths=torch.full_like(batch.video_lengths, clips), extent=batch.extent * float(clips)
        )
        options: dict[str, Any] = {"block": block, "progress": progress}
        assert isinstance(model, MomentModel)
        outputs = locate_in_windows(model, video, torch.from_numpy(words).float(), **options)
    else:
        batch = one_video_batch(video, words, seconds, shown=clips).to(device)
        with torch.no_grad():
            outputs = model(batch)
    prediction = predict(outputs, batch)[0]
    pattern, kappa = outputs.get("pattern"), outputs.get("conductances")
    windows = [(float(start), float(end), float(score)) for start, end, score in prediction["pred_relevant_windows"]]
    return Localization(
        windows=sorted(windows, key=lambda window: -window[2]),
        saliency=[float(score) for score in prediction["pred_saliency_scores"][:clips]],
        pattern=None if pattern is None else [float(value) for value in pattern[0, :clips].tolist()],
        clip_length=seconds,
        duration=clips * seconds,
        threshold=header.get("metrics", {}).get("NM-threshold"),
        missing=video.missing,
        conductances=None if kappa is None else [float(value) for value in kappa[0, : clips - 1].tolist()],
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
