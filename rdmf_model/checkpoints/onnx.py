"""A trained model as one ONNX file, by the operator's reference: what it takes and gives, and whether it agrees.

Inputs: video (B, T, Cv) float32, video_lengths (B,) int64, text (B, L, Ct) float32, text_lengths (B,) int64; batch,
clips (3 or more) and words vary. Shorter videos are padded: clips beyond `video_lengths` count for nothing.
Outputs: pred_logits (B, Q), pred_spans (B, Q, 2) as centre and width in [0, 1], saliency_scores (B, T).
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rdmf_model.checkpoints.checkpoint import load_run, program_versions
from rdmf_model.fusion.base import Fusion
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.extras import install_hint
from rdmf_theory.support.files import replacing

if TYPE_CHECKING:
    from rdmf_model.data.batch import Batch

INPUTS = ("video", "video_lengths", "text", "text_lengths")
OUTPUTS = ("pred_logits", "pred_spans", "saliency_scores")
TOLERANCE = 1e-5
FEWEST_CLIPS = 3
# (lengths, words) of the batches that the exported model is compared on.
TRIALS = (((9, 14, 5), (3, 1, 4)), ((FEWEST_CLIPS,), (1,)), ((75, 40), (12, 5)), ((150,), (2,)))


class TensorModel(nn.Module):
    """The model as a function of tensors alone, (video, video_lengths, text, text_lengths) -> OUTPUTS."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, video: Tensor, video_lengths: Tensor, text: Tensor, text_lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        outputs = self.model(_batch(video, video_lengths, text, text_lengths))
        return outputs["pred_logits"], outputs["pred_spans"], outputs["saliency_scores"]


def _batch(video: Tensor, video_lengths: Tensor, text: Tensor, text_lengths: Tensor) -> Batch:
    from rdmf_model.data.batch import Batch

    # what the losses and the predictions in seconds need is not there: nothing asks for it
    absent: Any = torch.zeros(0)
    return Batch(video, video_lengths, text, text_lengths, [], absent, absent, absent, 1.0, [], [], [])


def export_run(run: Path, output: Path, *, which: str = "best", seed: int = 0) -> dict[str, Any]:
    """Write a trained model to an ONNX file and compare the two on random features.

    Arguments:
        run: run folder or checkpoint file.  which: "best" or "last" checkpoint of a folder.
        output: the file, replaced whole.
        seed: of the features they are compared on.

    Returns: output, bytes, opset, widths, steps; `checks`, one entry per batch with its shape and the largest
        difference of each output; `holds`, whether all are within TOLERANCE. Without onnxruntime `checks` is empty and
        `holds` None.
    Raises: ParameterError where the extra is missing or the folder does not exist; DataError for the checkpoint.
    """
    for name in ("onnx", "onnxscript"):
        if importlib.util.find_spec(name) is None:
            raise ParameterError(f"rdmf export needs {name}, which is not installed. {install_hint('onnx')}")
    if not output.absolute().parent.is_dir():
        raise ParameterError(f"--output must lie in a folder that exists. Got {output}.")
    model, config, header = load_run(run, which=which)
    if config.model.moment_head == "spans":
        raise ParameterError(
            'model.moment_head must be "decoder" for an ONNX file. Got "spans": its table of candidate spans changes '
            "shape with the video; answer with `rdmf localize` instead."
        )
    widths = header["widths"]["video"], header["widths"]["text"]
    program = export_model(model, *widths)
    description = {key: header[key] for key in ("config", "widths", "epoch", "metrics")}
    description["versions"] = program_versions()
    _forget_origins(program.model)
    program.model.metadata_props["rdmf"] = json.dumps(description, allow_nan=False)
    with replacing(output) as temporary:
        program.save(temporary)
    checks = [] if importlib.util.find_spec("onnxruntime") is None else compare(model, output, *widths, seed=seed)
    return {
        "output": str(output),
        "bytes": output.stat().st_size,
        "opset": program.model.opset_imports[""],
        "widths": header["widths"],
        "steps": config.model.steps,
        "checks": checks,
        "holds": all(max(check["difference"].values()) <= TOLERANCE for check in checks) if checks else None,
    }


def export_model(model: nn.Module, video_width: int, text_width: int) -> Any:
    """The `torch.onnx.ONNXProgram` of a model in evaluation mode; its operator is set to the reference.

    Its size grows with the number of steps, which are unrolled; its loops over clips are Scan operators.
    """
    for module in model.modules():
        if isinstance(module, Fusion):
            module.use_reference()
    Dim = torch.export.Dim
    batch, clips, words = Dim("batch", max=1 << 16), Dim("clips", min=FEWEST_CLIPS, max=1 << 20), Dim("words")
    # a dimension of 1 would be taken for a constant
    example = _features((5, 4), (3, 2), video_width, text_width, seed=0)
    shapes = ({0: batch, 1: clips}, {0: batch}, {0: batch, 1: words}, {0: batch})
    with torch.no_grad(), _quiet(), _without_fast_attention():
        program = torch.export.export(TensorModel(model), tuple(example.values()), dynamic_shapes=shapes, strict=False)
        # not optimised: that takes as long as all the rest, and runtimes do it on loading
        onnx_program = torch.onnx.export(
            program, (), input_names=INPUTS, output_names=OUTPUTS, dynamo=True, verbose=False, optimize=False
        )
    if onnx_program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    return onnx_program


def compare(
    model: nn.Module,
    file: Path,
    video_width: int,
    text_width: int,
    *,
    trials: Sequence[tuple[tuple[int, ...], tuple[int, ...]]] = TRIALS,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Largest absolute difference of every output between a model and its ONNX file, on random ragged batches."""
    import onnxruntime  # pyright: ignore[reportMissingImports]

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    results = []
    for number, (lengths, words) in enumerate(trials):
        features = _features(lengths, words, video_width, text_width, seed=seed + number)
        with torch.no_grad():
            expected = TensorModel(model)(**features)
        got = session.run(list(OUTPUTS), {name: x.numpy() for name, x in features.items()})
        difference = {
            name: float((torch.from_numpy(x) - y).abs().max())
            for name, x, y in zip(OUTPUTS, got, expected, strict=True)
        }
        results.append({"clips": list(lengths), "words": list(words), "difference": difference})
    return results


def _features(
    lengths: tuple[int, ...], words: tuple[int, ...], video_width: int, text_width: int, *, seed: int
) -> Mapping[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    video = torch.randn(len(lengths), max(lengths), video_width, generator=generator)
    text = torch.randn(len(words), max(words), text_width, generator=generator)
    return dict(zip(INPUTS, (video, torch.tensor(lengths), text, torch.tensor(words)), strict=True))


def _forget_origins(model: Any) -> None:
    """Drop the exporter's notes on every node: stack traces with this machine's paths, most of the file."""
    from onnxscript import ir  # pyright: ignore[reportMissingImports]

    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        for noted in (node, *node.inputs, *node.outputs):
            if noted is not None:
                noted.metadata_props.clear()
    model.graph.metadata_props.clear()


@contextlib.contextmanager
def _without_fast_attention() -> Iterator[None]:
    """The fused inference path of nn.MultiheadAttention has no counterpart in ONNX."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's own messages go to stderr, its remarks on what it does not fold nowhere."""
    loggers = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
