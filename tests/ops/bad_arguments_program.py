"""Every entry of the compiled kernels, and every fusion layer, called with one argument that is wrong, or only unusual.

Run as a program: a JSON line per case. The cases of one argument run in a child of their own (`os.fork`, so that torch
is imported once), and each by itself where that child crashes; or, with `--together`, all of them in this process, as
the sanitizers want it. An outcome is one of

    refused     a Python exception that names the argument's rule
    right       the answer of the definition in torch, in float64, on plain contiguous tensors
    WRONG       another answer, or an exception without a word
    CRASHED     the process ended
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.fusion.baselines import ConvolutionFusion, CrossAttentionFusion, NoFusion, SelfAttentionFusion
from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion
from rdmf_model.ops import designs
from rdmf_model.ops.reaction_diffusion import reaction_diffusion
from rdmf_model.ops.reaction_diffusion.driven import (
    Drive,
    Rates,
    Readout,
    driven_reaction_diffusion,
    driven_readout,
)
from rdmf_model.ops.scores.local_contrast import local_contrast
from rdmf_model.ops.scores.scaled_tanh import scaled_tanh
from rdmf_model.ops.scores.text_match import text_match

B, T, C, H, K, L = 2, 5, 12, 3, 7, 4
TOLERANCE = 1e-4
REFUSALS = (ValueError, TypeError, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class Entry:
    """A function of tensors and numbers by name, and the same by its definition (None: only layouts may change)."""

    call: Callable[..., Any]
    arguments: dict[str, Any]
    definition: Callable[..., Any] | None = None
    numbers: dict[str, tuple[Any, ...]] = field(default_factory=dict)


def positive(*shape: int) -> Tensor:
    return 0.1 + 0.4 * torch.rand(shape)


def entries() -> dict[str, Entry]:
    """All of them, by name."""
    torch.manual_seed(0)
    clips = {"video": torch.randn(B, T, C), "query": torch.randn(B, C)}
    match = clips | {"scale": torch.randn(H), "weight": torch.randn(K, C)}
    mask = torch.tensor([[True] * T, [True, True] + [False] * (T - 2)])
    contrast = {"x": torch.randn(B, T, K), "mask": mask, "radius": 2, "floor": 0.01, "offset": torch.randn(K)}
    bad_radius, bad_floor = (0, -1, 2.5, None), (0.0, -1.0, float("nan"), None)
    squash = {"x": torch.randn(B, T, K), "scale": torch.randn(K)}
    constraint = DesignConstraint()
    box = {
        "raw": torch.randn(B, C, 5),
        "lower": constraint.lower.clone(),
        "upper": constraint.upper.clone(),
        "limit": 88.0,
    }
    emit = {"coordinates": constraint.transform(box["raw"]).coordinates().detach()}
    rates = {name: positive(B, C) for name in ("F", "k", "D_u", "D_v")}
    fields = {name: positive(B, T, C) for name in ("u0", "v0", "gain")}
    lengths, steps, step_size = torch.tensor([T, 2]), 3, 1.0
    bad_steps, bad_size = (-1, 2.5, None, True, "3"), (0.0, -1.0, float("nan"), float("inf"), None)
    run = fields | rates | {"lengths": lengths, "steps": steps, "step_size": step_size}
    operator = {"lengths": lengths, "steps": steps}
    drive = dict(zip(Drive._fields, (positive(B, C) for _ in range(6)), strict=True))
    drive["log_lo"] = -drive["log_lo"]
    weights = {name: torch.randn(C) for name in Readout._fields}
    rows, more = torch.stack([*drive.values(), *rates.values()]), torch.stack([positive(B, C) for _ in range(13)])
    tilt = {"tilt": torch.randn(B, T, C)}
    numbers = {"steps": bad_steps}

    def rd(backend: str | None) -> Callable[..., Any]:
        return lambda **a: reaction_diffusion(**a, backend=backend)

    def driven(backend: str | None) -> Callable[..., Any]:
        def call(tilt: Any, lengths: Any, steps: Any, **named: Any) -> Any:
            parts = Drive(*(named[n] for n in Drive._fields)), Rates(*(named[n] for n in Rates._fields))
            return driven_reaction_diffusion(tilt, *parts, lengths, steps=steps, backend=backend)

        return call

    def readout(backend: str | None) -> Callable[..., Any]:
        def call(tilt: Any, video: Any, lengths: Any, steps: Any, **named: Any) -> Any:
            parts = Drive(*(named[n] for n in Drive._fields)), Rates(*(named[n] for n in Rates._fields))
            read = Readout(*(named[f"{n}_weight"] for n in Readout._fields))
            return driven_readout(tilt, *parts, read, video, lengths, steps=steps, backend=backend)

        return call

    ops = torch.ops.rdmf
    read_weights = {f"{name}_weight": x for name, x in weights.items()}
    found = {
        "text_match": Entry(text_match, match, lambda **a: text_match(**a, backend="reference")),
        "local_contrast": Entry(
            local_contrast,
            contrast,
            lambda **a: local_contrast(**a, backend="reference"),
            {"radius": bad_radius, "floor": bad_floor},
        ),
        "scaled_tanh": Entry(scaled_tanh, squash, lambda x, scale: torch.tanh(scale * x)),
        "box_coordinates": Entry(designs.box_coordinates, box, None, {"limit": (-1.0, float("nan"), None)}),
        "emit": Entry(designs.emit, emit),
        "reaction_diffusion": Entry(rd(None), run, rd("reference"), numbers | {"step_size": bad_size}),
        "driven_reaction_diffusion": Entry(driven(None), tilt | drive | rates | operator, driven("reference"), numbers),
        "driven_readout": Entry(
            readout(None),
            tilt | clips | drive | rates | read_weights | operator,
            readout("reference"),
            numbers,
        ),
        "rdmf::text_match": Entry(ops.text_match, match),
        "rdmf::text_match_backward": Entry(ops.text_match_backward, {"match_bar": torch.randn(B, T, K)} | match),
        "rdmf::local_contrast": Entry(ops.local_contrast, contrast, None, {"radius": bad_radius, "floor": bad_floor}),
        "rdmf::local_contrast_backward": Entry(
            ops.local_contrast_backward, {"cotangent": torch.randn(B, T, K)} | contrast, None, {"radius": bad_radius}
        ),
        "rdmf::scaled_tanh": Entry(ops.scaled_tanh, squash),
        "rdmf::scaled_tanh_backward": Entry(ops.scaled_tanh_backward, {"y_bar": torch.randn(B, T, K)} | squash),
        "rdmf::box_coordinates": Entry(ops.box_coordinates, box, None, {"limit": (-1.0, float("nan"))}),
        "rdmf::box_coordinates_backward": Entry(ops.box_coordinates_backward, {"bar": torch.randn(B, C, 5)} | box),
        "rdmf::emit_designs": Entry(ops.emit_designs, emit),
        "rdmf::emit_designs_backward": Entry(ops.emit_designs_backward, {"bar": torch.randn(8, B, C)} | emit),
        "rdmf::reaction_diffusion": Entry(ops.reaction_diffusion, run, None, numbers | {"step_size": bad_size}),
        "rdmf::reaction_diffusion_backward": Entry(
            ops.reaction_diffusion_backward, {"u_bar": torch.randn(B, T, C), "v_bar": torch.randn(B, T, C)} | run
        ),
        "rdmf::driven_reaction_diffusion": Entry(
            ops.driven_reaction_diffusion, tilt | {"rows": rows} | operator, None, numbers
        ),
        "rdmf::driven_reaction_diffusion_backward": Entry(
            ops.driven_reaction_diffusion_backward,
            {"activator_bar": torch.randn(B, T, C), "substrate_bar": torch.randn(B, T, C)}
            | tilt
            | {"rows": rows}
            | operator,
        ),
        "rdmf::driven_readout": Entry(
            ops.driven_readout, tilt | {"rows": more, "video": clips["video"]} | operator, None, numbers
        ),
        "rdmf::driven_readout_backward": Entry(
            ops.driven_readout_backward,
            {"fused_bar": torch.randn(B, T, C), "pattern_bar": torch.randn(B, T)}
            | tilt
            | {"rows": more, "video": clips["video"]}
            | operator,
        ),
    }
    del found["driven_readout"].arguments["query"]
    words = torch.ones(B, L, dtype=torch.bool)
    inputs = clips | {"text": torch.randn(B, L, C), "video_mask": mask, "text_mask": words}
    layers = {
        "none": NoFusion(C),
        "convolution": ConvolutionFusion(C, 0.1),
        "cross_attention": CrossAttentionFusion(C, 3, 16, 0.1),
        "self_attention": SelfAttentionFusion(C, 3, 16, 0.1),
        "reaction_diffusion": ReactionDiffusionFusion(C, constraint, 3, heads=3, probes=2, feedforward=16),
    }
    for name, layer in layers.items():
        for parameter in layer.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        found[f"fusion {name}"] = Entry(layer.eval(), inputs)
    return found


def negated(x: Tensor) -> Any:
    """The same numbers, their sign in a flag of the view."""
    return torch._neg_view(-x) if x.is_floating_point() else x


def scattered(x: Tensor) -> Tensor:
    """The same numbers, no two of them neighbours."""
    return torch.stack([x, torch.zeros_like(x)], dim=-1)[..., 0]


CHANGES: dict[str, Callable[[Tensor], Any]] = {
    "None": lambda x: None,
    "a list": lambda x: x.tolist(),
    "a number": lambda x: 1.0,
    "int64": lambda x: x.long(),
    "int32": lambda x: x.int(),
    "bool": lambda x: x > 0,
    "float64": lambda x: x.double(),
    "float16": lambda x: x.half(),
    "first axis of 1": lambda x: x[:1],
    "first axis longer": lambda x: torch.cat([x, x[:1]]),
    "last axis shorter": lambda x: x[..., :-1],
    "last axis longer": lambda x: torch.cat([x, x[..., :1]], dim=-1),
    "an axis less": lambda x: x[0],
    "an axis more": lambda x: x[None],
    "empty": lambda x: x[:0],
    "sparse": lambda x: x.to_sparse(),
    "meta": lambda x: x.to("meta"),
    "scattered": scattered,
    "negated": negated,
    "turned": lambda x: x.transpose(0, -1).contiguous().transpose(0, -1),
}
OF_LENGTHS: dict[str, Callable[[Tensor], Any]] = {
    "beyond": lambda x: x + 1,
    "far beyond": lambda x: x + (1 << 40),
    "negative": lambda x: x - 3,
}
OF_MASKS: dict[str, Callable[[Tensor], Any]] = {
    "a hole": lambda x: torch.cat([x[:, :1], ~x[:, 1:2], x[:, 2:]], dim=1),
    "left padding": lambda x: x.flip(1),
}


def cases() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(entry, argument, change, arguments)."""
    for name, entry in entries().items():
        for argument, value in entry.arguments.items():
            changes: dict[str, Any] = {}
            if isinstance(value, Tensor):
                changes = CHANGES | (OF_LENGTHS if argument == "lengths" else {})
                changes |= OF_MASKS if argument == "video_mask" else {}
            for change, make in changes.items():
                yield name, argument, change, entry.arguments | {argument: make(value)}
            for wrong in entry.numbers.get(argument, ()):
                yield name, argument, repr(wrong), entry.arguments | {argument: wrong}


def plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """Contiguous copies; what is no strided tensor stays as it is."""
    return {
        name: x.clone(memory_format=torch.contiguous_format) if isinstance(x, Tensor) and not x.is_sparse else x
        for name, x in arguments.items()
    }


def tensors(answer: Any) -> list[Tensor]:
    parts = answer if isinstance(answer, tuple) else (answer,)
    return [x for x in parts if isinstance(x, Tensor)]


def agree(found: list[Tensor], expected: list[Tensor]) -> bool:
    return len(found) == len(expected) and all(
        x.shape == y.shape and torch.allclose(x.double(), y.double(), rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        for x, y in zip(found, expected, strict=True)
    )


def judge(entry: Entry, arguments: dict[str, Any]) -> str:
    """The outcome of one case; see the module."""
    try:
        with torch.no_grad():
            found = tensors(entry.call(**arguments))
    except REFUSALS as error:
        said = str(error).strip()
        return (
            f"refused: {type(error).__name__}: {said.splitlines()[0][:200]}" if len(said) > 20 else f"WRONG: {error!r}"
        )
    with torch.no_grad():
        if any(x.device.type == "meta" for x in found):
            return "right: nothing was computed"
        try:
            # an entry without a definition beside it is compared with itself, on the same numbers in plain memory
            expected = tensors((entry.definition or entry.call)(**plain(arguments)))
        except REFUSALS as error:
            return f"WRONG: answered what its definition refuses ({error})"
    return "right" if agree(found, expected) else "WRONG: other numbers than the definition's"


def in_a_child(entry: Entry, changed: list[dict[str, Any]]) -> list[str]:
    """`judge` of several cases in a process of their own; one by one where that process crashes."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        outcomes = [judge(entry, arguments) for arguments in changed]
        with os.fdopen(write, "w") as pipe:
            json.dump(outcomes, pipe)
        # without running what the parent registered for its end
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if status == 0 and text:
        return json.loads(text)
    if len(changed) == 1:
        return [f"CRASHED: status {status}"]
    return [outcome for arguments in changed for outcome in in_a_child(entry, [arguments])]


def main() -> None:
    torch.set_num_threads(1)
    table = entries()
    for (name, argument), group in groupby(cases(), lambda case: case[:2]):
        rows = list(group)
        changed = [arguments for *_, arguments in rows]
        together = "--together" in sys.argv
        outcomes = [judge(table[name], x) for x in changed] if together else in_a_child(table[name], changed)
        for (_, _, change, _), outcome in zip(rows, outcomes, strict=True):
            print(json.dumps([name, argument, change, outcome]), flush=True)


if __name__ == "__main__":
    main()
