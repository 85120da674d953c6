"""How well each clip matches the text, head by head, plus what scores see in the clip alone.

    score g < H/2:   α_g cos(x_t, q) + w_g · x_t                 whole vectors
    score g < H:     α_g cos(x_t, q on slice g) + w_g · x_t      slices of C / H channels
    other scores k:  w_k · x_t

The compiled kernel (`reaction_diffusion/match.hpp`) reads the clips once for all of it, and once more for the gradient.
"""

import ctypes

import torch
from torch import Tensor, nn

from rdmf_model.ops.autograd import once_differentiable
from rdmf_model.ops.exporting import exporting
from rdmf_model.ops.native.call import NativeCall
from rdmf_model.ops.reaction_diffusion import _load
from rdmf_model.ops.scores.direction import TINY, direction
from rdmf_model.ops.signature import Signature, mixed_types

SIGNATURE = Signature("text_match", video="B T C", query="B C", scale="H", weight="K C")
BACKWARD = SIGNATURE.extended(match_bar="B T K")


def text_match(video: Tensor, query: Tensor, scale: Tensor, weight: Tensor, backend: str | None = None) -> Tensor:
    """Scores of every clip, shape (B, T, K): match with the text (heads) plus the clip's own salience.

    Arguments:
        video: clips (B, T, C).
        query: texts (B, C).
        scale: α of the H heads, (H,); H divides C, H <= K.
        weight: w of all scores, (K, C).
        backend: of `reaction_diffusion`; the compiled kernel runs where that one would.

    A clip's scores depend on it and its text alone, to the bit, for any number of threads.
    Raises: ValueError for tensors of other shapes or types, and heads that do not divide the channels.
    """
    inputs = (video, query, scale, weight)
    tensors = dict(zip(SIGNATURE.arguments, inputs, strict=True))
    mixed = isinstance(video, Tensor) and mixed_types(video.device)
    _check_heads(SIGNATURE, SIGNATURE.check(tensors, mixed=mixed))
    known = video.dtype in (torch.float32, torch.float64) and all(x.dtype == video.dtype for x in inputs)
    if known and not exporting() and _load(backend, video.device.type) == "cpu":
        return _forward(*inputs)
    return text_match_reference(*inputs)


def _check_heads(signature: Signature, sizes: dict[str, int]) -> None:
    channels, heads, scores = sizes["C"], sizes["H"], sizes["K"]
    if heads < 1 or channels % heads or heads > scores:
        raise signature.refuse(
            "scale must have H >= 1 entries, H a divisor of C, and weight K >= H rows. "
            f"Got H = {heads}, C = {channels}, K = {scores}: change one of them."
        )


def text_match_reference(video: Tensor, query: Tensor, scale: Tensor, weight: Tensor) -> Tensor:
    """The definition in torch, any device and precision."""
    (batch, clips, channels), heads = video.shape, len(scale)
    unit = direction(video)
    slices = direction(query).view(batch, heads, channels // heads)
    # One product for all slices; that of whole vectors is the sum of theirs.
    words = torch.einsum("bgc,gh->bgch", slices, torch.eye(heads).to(query)).flatten(1, 2)
    dots = unit @ words
    sizes = torch.linalg.vector_norm(unit.view(batch, clips, heads, channels // heads), dim=-1)
    lengths = torch.linalg.vector_norm(slices, dim=-1)[:, None]
    sliced = dots / (sizes * lengths).clamp(min=TINY)
    whole = dots.sum(-1)
    half = heads // 2
    similarity = torch.cat([whole[..., None].expand(-1, -1, half), sliced[..., half:]], dim=-1)
    salient, probes = nn.functional.linear(video, weight).split([heads, len(weight) - heads], dim=-1)
    return torch.cat([scale * similarity + salient, probes], dim=-1)


class _Call(ctypes.Structure):
    """`Match` of scores.hpp."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("video", "query", "scale", "weight", "match")),
        *((name, ctypes.c_void_p) for name in ("video_bar", "query_bar", "scale_bar", "weight_bar")),
        *((name, ctypes.c_int64) for name in ("batch", "clips", "channels", "heads", "scores")),
        ("tiny", ctypes.c_double),
    )


def _run(call: NativeCall, match: str, backward: bool) -> None:
    _check_heads(call.signature, call.sizes)
    names = ("video", "query", "scale", "weight", match, "video_bar", "query_bar", "scale_bar", "weight_bar")
    filled = _Call(*call.pointers(*names), *(call.sizes[axis] for axis in "BTCHK"), TINY)
    call.run("rdmf_match", filled, backward)


@torch.library.custom_op("rdmf::text_match", mutates_args=(), device_types="cpu")
def _forward(video: Tensor, query: Tensor, scale: Tensor, weight: Tensor) -> Tensor:
    call = NativeCall(SIGNATURE, {"video": video, "query": query, "scale": scale, "weight": weight})
    match = call.new("match", (*video.shape[:2], len(weight)))
    _run(call, "match", False)
    return match


@torch.library.custom_op("rdmf::text_match_backward", mutates_args=(), device_types="cpu")
def _backward(
    match_bar: Tensor, video: Tensor, query: Tensor, scale: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    inputs = {"video": video, "query": query, "scale": scale, "weight": weight}
    call = NativeCall(BACKWARD, {"match_bar": match_bar} | inputs)
    bars = tuple(call.new(f"{name}_bar", x.shape) for name, x in inputs.items())
    _run(call, "match_bar", True)
    return bars  # type: ignore[return-value]


def _outputs(video: Tensor, query: Tensor, scale: Tensor, weight: Tensor) -> Tensor:
    return video.new_empty(*video.shape[:2], len(weight))


once_differentiable(_forward, _backward, _outputs, 4, "text_match")
