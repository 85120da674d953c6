"""Faults planted where the layer answers: each is named by a property, whatever type, row or backend it is in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rdmf_model.ops.reaction_diffusion import available_backends
from rdmf_model.properties import PROPERTIES, ModelUnderTest, run_property
from tests.properties.mutants import LAYER, Patch, Scaled, spoilt
from tests.properties.tiny import tiny_model

BY_NAME = {prop.name: prop for prop in PROPERTIES}


def row_only(x: Tensor, row: int, factor: float) -> Tensor:
    """One row of a batch times a factor; a batch without that row is left alone."""
    scale = torch.ones(len(x), *[1] * (x.ndim - 1), dtype=x.dtype)
    scale[row : row + 1] = factor
    return scale * x


def rates(name: str, change: Callable[[Tensor], Tensor]) -> Patch:
    return spoilt(lambda t, d, r, *rest: (t, d, r._replace(**{name: change(getattr(r, name))}), *rest))


def drive(name: str, change: Callable[[Tensor], Tensor]) -> Patch:
    return spoilt(lambda t, d, *rest: (t, d._replace(**{name: change(getattr(d, name))}), *rest))


def options(change: Callable[..., dict]) -> Patch:
    """The keywords of the call that answers, changed."""

    def patch(monkeypatch: pytest.MonkeyPatch, model: object) -> None:
        true = LAYER.driven_readout
        monkeypatch.setattr(LAYER, "driven_readout", lambda *x, **named: true(*x, **change(*x, **named)))

    return patch


def one_backend(name: str) -> Patch:
    """Only where this backend answers: the feed rate doubled."""

    def patch(monkeypatch: pytest.MonkeyPatch, model: object) -> None:
        true = LAYER.driven_readout

        def driven_readout(tilt, drive, rates, *rest, backend=None, **named):
            if (backend or available_backends("cpu")[-1]) == name:
                rates = rates._replace(F=2 * rates.F)
            return true(tilt, drive, rates, *rest, backend=backend, **named)

        monkeypatch.setattr(LAYER, "driven_readout", driven_readout)

    return patch


def outputs(change: Callable[..., tuple[Tensor, Tensor]]) -> Patch:
    def patch(monkeypatch: pytest.MonkeyPatch, model: object) -> None:
        true = LAYER.driven_readout
        monkeypatch.setattr(LAYER, "driven_readout", lambda *x, **named: change(*true(*x, **named), *x))

    return patch


def part(name: str, change: Callable[[Tensor], Tensor]) -> Patch:
    """A compiled score, changed: text_match, local_contrast or scaled_tanh."""

    def patch(monkeypatch: pytest.MonkeyPatch, model: object) -> None:
        true = getattr(LAYER, name)
        monkeypatch.setattr(LAYER, name, lambda *x, **named: change(true(*x, **named)))

    return patch


def float32_only(x: Tensor, factor: float) -> Tensor:
    return factor * x if x.dtype == torch.float32 else x


FAULTS: dict[str, tuple[Patch, str]] = {
    "gain 3 x": (drive("s", lambda s: 3 * s), "gain"),
    "feed 5 x": (rates("F", lambda F: 5 * F), "layer_steps"),
    "no step at all": (options(lambda *_, **named: named | {"steps": 0}), "layer_steps"),
    "one step less": (options(lambda *_, **named: named | {"steps": max(named["steps"] - 1, 0)}), "layer_steps"),
    "float32 only: kill rate off by 1e-3": (rates("k", lambda k: float32_only(k, 1.001)), "layer_steps"),
    "float32 only: gain off by 1e-4": (drive("s", lambda s: float32_only(s, 1.0001)), "start"),
    "float32 only: half-precision tilt": (spoilt(lambda t, *rest: (t.half().to(t.dtype), *rest)), "tilt"),
    "second row only: D_v off by 1 %": (rates("D_v", lambda D: row_only(D, 1, 1.01)), "layer_steps"),
    "fifth row only: feed off by 1 %": (rates("F", lambda F: row_only(F, 4, 1.01)), "layer_steps"),
    "last channel only: start": (drive("v_star", lambda v: torch.cat([v[:, :-1], 1.01 * v[:, -1:]], 1)), "start"),
    "one backend only: feed doubled": (one_backend(available_backends("cpu")[-1]), "layer_steps"),
    "lengths forgotten": (spoilt(lambda *x: (*x[:5], None)), "layer_steps"),
    "upper gain beyond its interval": (drive("log_hi", lambda x: 2 * x), "start"),
    "readout of the first row only": (outputs(lambda c, p, *_: (row_only(c, 1, 0.999), p)), "readout"),
    "pattern of the last row off by 1e-3": (outputs(lambda c, p, *_: (c, row_only(p, len(p) - 1, 1.001))), "readout"),
    "video added twice": (outputs(lambda c, p, *x: (c + x[4], p)), "readout"),
    "other bits without a trace": (
        options(lambda *_, **named: named | ({} if named.get("trace") is not None else {"steps": named["steps"] + 1})),
        "readout",
    ),
    "scores of the first clip off by 1 %": (
        part("text_match", lambda x: torch.cat([1.01 * x[:, :1], x[:, 1:]], 1)),
        "tilt",
    ),
    "contrast of the first row only": (part("local_contrast", lambda x: row_only(x, 1, 0.99)), "tilt"),
    "tanh of float32 off by 1e-3": (part("scaled_tanh", lambda x: float32_only(x, 0.999)), "tilt"),
    "slope of the video lost": (spoilt(lambda t, d, r, w, v, n: (t, d, r, w, v.detach(), n)), "layer_gradients"),
    "slope of D_u halved": (rates("D_u", lambda D: Scaled.apply(D, 0.5)), "layer_gradients"),
    "slope of a score halved": (part("text_match", lambda x: Scaled.apply(x, 0.5)), "layer_gradients"),
}


@pytest.mark.parametrize(("patch", "name"), FAULTS.values(), ids=FAULTS)
def test_a_fault_on_the_path_that_answers_is_named(patch: Patch, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    patch(monkeypatch, model)
    result = run_property(BY_NAME[name], ModelUnderTest(model), 12 * BY_NAME[name].effort, shrink=False)
    assert not result.holds
    assert "margin -" in (result.detail or "")


@pytest.mark.parametrize("backend", [name for name in available_backends("cpu") if name != "triton"])
def test_every_backend_answers_as_it_should(backend: str) -> None:
    model = tiny_model()
    model.fusion.backend = backend  # type: ignore[assignment]
    for name in ("gain", "bounds", "tilt", "start", "layer_steps", "readout"):
        result = run_property(BY_NAME[name], ModelUnderTest(model), 60)
        assert result.holds, f"{name}: {result.detail} at {result.counter_example}"


def test_no_verifier_looks_at_another_path(repository) -> None:
    """Nothing that judges a model patches it, or names a backend of its own."""
    patterns = ("properties/*.py", "verification/*.py", "doctor.py", "testing.py", "pytest_plugin.py")
    files = [file for pattern in patterns for file in (repository / "rdmf_model").glob(pattern)]
    assert len(files) > 20
    for file in files:
        text = file.read_text(encoding="utf-8")
        for forbidden in ("unittest", "mock", "monkeypatch", "fused = False", '"fused"', ".fused"):
            assert forbidden not in text, f"{file.name}: {forbidden}"
        # the doctor compares every backend with the reference; what judges a model has no backend but the model's own
        assert file.name == "doctor.py" or 'backend="reference"' not in text, file.name
