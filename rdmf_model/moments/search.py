"""`VideoSearch`: encode a video once, then ask it sentences."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rdmf_model.data.feature_sources import trained_kinds
from rdmf_model.encoders.base import Encoder
from rdmf_model.encoders.registry import DEFAULT, load_encoder
from rdmf_model.evaluation.localize import Localization, localize
from rdmf_model.moments.answer import ZERO_SHOT, Answer
from rdmf_model.moments.selection import Selection, conductances, find_windows, select
from rdmf_model.video.frames import ClipFrame, read_frames
from rdmf_model.video.probe import VideoFile, probe
from rdmf_theory.errors import DataError, ParameterError

GROUP = 16
THUMBNAILS, THUMBNAIL_WIDTH = 12, 160


@dataclass(frozen=True)
class VideoSearch:
    """An encoded video that answers sentences.

    video: the file and its clips.  encoder: what made the features, and encodes the sentences.
    features: kind -> (T, width) float32.
    thumbnails: up to `THUMBNAILS` frames (height, width, 3) uint8, evenly spaced over the clips.
    """

    video: VideoFile
    encoder: Encoder
    features: dict[str, np.ndarray]
    thumbnails: list[np.ndarray]

    @classmethod
    def open(
        cls,
        path: str | Path,
        encoder: str | Encoder = DEFAULT,
        clip_length: float = 2.0,
        *,
        keep_truncated: bool = False,
        progress: Callable[[int, int], object] = lambda done, total: None,
    ) -> VideoSearch:
        """Read and encode a video file.

        Arguments:
            encoder: specification (`lite`, `clip:FOLDER`) or an encoder.
            progress: called with the number of finished clips and of all clips.

        Raises: DataError for a file that is no video; ParameterError for an encoder without a text side.
        """
        chosen = load_encoder(encoder) if isinstance(encoder, str) else encoder
        if chosen.source != "frames" or not chosen.text_width:
            raise ParameterError(f"encoder {chosen.name} has no text side. Use lite or clip to find what a text says.")
        video = probe(Path(path), clip_length, keep_truncated=keep_truncated)
        rows: dict[str, list[np.ndarray]] = {kind: [] for kind in chosen.kinds}
        waiting: list[np.ndarray] = []
        thumbnails: list[np.ndarray] = []
        shown = np.linspace(0, video.plan.num_clips, THUMBNAILS, endpoint=False).astype(int).tolist()
        previous = None
        for done, frame in enumerate(read_frames(video, chosen.picture), start=1):
            waiting.append(frame.pixels)
            if done - 1 in shown:
                thumbnails.append(_thumbnail(frame, chosen.picture.fit == "squeeze"))
            if len(waiting) == GROUP or done == video.plan.num_clips:
                for kind, values in chosen.encode(np.stack(waiting), previous).items():
                    rows[kind].append(values)
                previous, waiting = waiting[-1], []
                progress(done, video.plan.num_clips)
        return cls(video, chosen, {kind: np.concatenate(parts) for kind, parts in rows.items()}, thumbnails)

    @property
    def edges(self) -> np.ndarray:
        """(T + 1,) seconds: half way between the frames of neighbouring clips, and the ends of the video.

        The frame of a clip need not be its middle, and what a clip says is known of its frame alone.
        """
        plan = self.video.plan
        times = (plan.targets - plan.start) * float(plan.time_base)
        return np.concatenate([[0.0], (times[1:] + times[:-1]) / 2, [plan.duration]])

    def ask(self, query: str, run: Path | None = None, *, selection: Selection | None = None, top: int = 10) -> Answer:
        """Where is what the sentence says?

        Arguments:
            run: run folder or checkpoint that was trained on this encoder's features; None: zero-shot.
            selection: settings of the zero-shot selection.
            top: largest number of windows.

        Raises: ParameterError for an empty sentence; DataError for a run that was trained on other features.
        """
        return self._zero_shot(query, selection, top) if run is None else self._by_run(query, run, top)

    def _zero_shot(self, query: str, selection: Selection | None, top: int) -> Answer:
        similarity = self.encoder.match(self.features, self.encoder.encode_text(query))
        content = self.features[self.encoder.content_kind]
        pattern = select(similarity, content, selection)
        plan = self.video.plan
        found = Localization(
            windows=find_windows(pattern, self.edges, top),
            saliency=[float(value) for value in similarity],
            pattern=[float(value) for value in pattern],
            clip_length=plan.clip_length,
            duration=plan.duration,
            conductances=[float(value) for value in conductances(content, (selection or Selection()).sharpness)],
        )
        return Answer(query, self.video.path, found, ZERO_SHOT)

    def _by_run(self, query: str, run: Path, top: int) -> Answer:
        kinds = kinds_of_run(run, self.encoder)
        text = self.encoder.encode_text(query)
        # the trained model reads files: those that `rdmf extract` would have written, float16
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for kind in kinds:
                paths.append(Path(folder) / f"{kind}.npy")
                np.save(paths[-1], self.features[kind].astype(np.float16))
            words = Path(folder) / "text.npz"
            np.savez(words, last_hidden_state=text.tokens, pooler_output=text.pooled)
            found = localize(run, paths, words, clip_length=self.video.plan.clip_length)
        duration = self.video.plan.duration
        windows = [(start, min(end, duration), score) for start, end, score in found.windows if start < duration]
        return Answer(
            query, self.video.path, replace(found, windows=windows[:top], duration=duration), f"run {Path(run).name}"
        )


def _thumbnail(frame: ClipFrame, squeezed: bool) -> np.ndarray:
    """A small copy of an encoder's frame, in the proportions of the video where the encoder distorts it."""
    from PIL import Image

    proportion = frame.proportion if squeezed else frame.pixels.shape[0] / frame.pixels.shape[1]
    size = (THUMBNAIL_WIDTH, max(1, round(THUMBNAIL_WIDTH * proportion)))
    return np.asarray(Image.fromarray(frame.pixels).resize(size))


def kinds_of_run(run: Path, encoder: Encoder) -> list[str]:
    """Kinds of features that a run was trained on, by the names of its feature folders.

    Raises: DataError if the encoder does not make one of them, or their widths are not the run's.
    """
    from rdmf_model.checkpoints.checkpoint import load_run

    _, config, header = load_run(run)
    # a checkpoint from before kinds were stored names them by its configuration
    stored = [kind.name for kind in trained_kinds(header)]
    kinds = stored or [Path(folder).name for folder in config.data.video_features]
    widths = header["widths"]
    unknown = [kind for kind in kinds if kind not in encoder.kinds]
    if unknown:
        raise DataError(
            f"{run}: was trained on {', '.join(kinds)}; the encoder {encoder.name} makes {', '.join(encoder.kinds)}. "
            "Train on folders of `rdmf extract`, or give ready features by --features and --text."
        )
    found = sum(encoder.kinds[kind] for kind in kinds)
    if found != widths["video"] or encoder.text_width != widths["text"]:
        raise DataError(
            f"{run}: was trained on {widths['video']} video and {widths['text']} text channels; the encoder "
            f"{encoder.name} gives {found} and {encoder.text_width}. Use the encoder of the training."
        )
    return kinds


def clip_length_of_run(run: Path) -> float:
    """Seconds per clip of a run's training."""
    from rdmf_model.checkpoints.checkpoint import load_run

    return load_run(run).config.data.clip_length
