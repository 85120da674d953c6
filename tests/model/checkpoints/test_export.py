"""`rdmf export`: the ONNX file agrees with the model for any batch, clips and words, and says what it is."""

import importlib.util
import json

import pytest
import torch

from rdmf_model.checkpoints import onnx as export
from rdmf_model.checkpoints.checkpoint import save_checkpoint
from rdmf_model.cli import main
from rdmf_model.config.config import Config, DataConfig, ModelConfig, RegionConfig
from rdmf_model.model.build import build_model

WIDTHS = (10, 6)
needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="the extra is not installed: pip install '.[onnx]'",
)


@pytest.fixture
def checkpoint(tmp_path):
    """An untrained model with two steps, its pattern made visible."""
    torch.manual_seed(0)
    region = RegionConfig(wavelength=(6.0, 36.0), clips=(4, 75))
    config = ModelConfig(channels=8, heads=2, feedforward=8, moment_queries=2, steps=2, region=region)
    model = build_model(config, *WIDTHS)
    torch.nn.init.normal_(model.fusion.activator_weight, std=0.3)
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, model, Config(data=DataConfig(planted=0), model=config), widths=WIDTHS, epoch=1, metrics={})
    return path


@needs_onnx
def test_the_file_agrees_with_the_model(checkpoint, tmp_path, capsys):
    file = tmp_path / "model.onnx"
    assert main(["export", str(checkpoint), "-o", str(file), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["holds"]
    assert result["bytes"] == file.stat().st_size
    assert len(result["checks"]) == len(export.TRIALS)
    assert {path.name for path in tmp_path.iterdir()} == {"best.safetensors", "model.onnx"}

    # no stack traces of the machine it was made on
    assert b".py" not in file.read_bytes()

    import onnx

    proto = onnx.load(file)
    assert [x.name for x in proto.graph.input] == list(export.INPUTS)
    assert [x.name for x in proto.graph.output] == list(export.OUTPUTS)
    described = json.loads({entry.key: entry.value for entry in proto.metadata_props}["rdmf"])
    assert described["widths"] == {"video": 10, "text": 6}
    assert described["config"]["model"]["steps"] == 2
    # the comparison notices another model
    model, _, _ = export.load_run(checkpoint)
    with torch.no_grad():
        model.fusion.gain_scale += 0.1
    (check,) = export.compare(model, file, *WIDTHS, trials=export.TRIALS[:1])
    assert check["difference"]["saliency_scores"] > export.TOLERANCE


def test_a_missing_extra_is_named(checkpoint, tmp_path, capsys, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else real(name))
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "model.onnx")]) == 2
    assert "pip install '.[onnx]'" in capsys.readouterr().err


@needs_onnx
def test_a_folder_that_does_not_exist(checkpoint, tmp_path, capsys):
    assert main(["export", str(checkpoint), "-o", str(tmp_path / "no" / "model.onnx")]) == 2
    assert "--output must lie in a folder that exists" in capsys.readouterr().err
