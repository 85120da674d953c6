"""Packed runs: what is in the folder, that it is used like a run, and that a file which is not as packed is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from rdmf_model.checkpoints.card import model_card, write_card
from rdmf_model.checkpoints.checkpoint import load_run
from rdmf_model.checkpoints.pack import pack_run
from rdmf_model.checkpoints.packed import PACK
from rdmf_model.cli import main
from rdmf_model.training.train import train
from rdmf_theory.errors import DataError, ParameterError
from tests.model.tiny_data import tiny_config, write_tiny_data


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A trained and verified run whose features have an encoder's manifest beside them."""
    folder = tmp_path_factory.mktemp("packed")
    data = write_tiny_data(folder / "data")
    config = tiny_config(data, {"train.epochs": 2})
    kinds = {source.name: 4 for source in config.data.video_features}
    encoder = {"clip_length": 2.0, "kinds": kinds, "encoder": {"weights": "abc"}, "videos": {"v": {}}}
    manifest = {"encoders": {"other": {"kinds": {"else": 1}}, "lite": encoder}}
    (config.data.video_features[0].parent / "manifest.json").write_text(json.dumps(manifest))
    train(config, folder / "run")
    assert main(["verify", str(folder / "run"), "--examples", "1", "--texts", "0"]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def packed(run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "model"
    assert main(["pack", str(run), "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def copy(packed, tmp_path) -> Path:
    return Path(shutil.copytree(packed, tmp_path / "model"))


def test_the_folder_holds_what_a_user_needs_and_its_digests(run, packed):
    names = {path.name for path in packed.iterdir()}
    expected = {"best.safetensors", "config.json", "data.json", "statistics.json", "certificate.json", "card.md"}
    assert names == expected | {"encoder.json", PACK}
    assert set(json.loads((packed / PACK).read_text())["files"]) == names - {PACK}
    for name in expected - {"card.md"}:
        assert (packed / name).read_bytes() == (run / name).read_bytes()
    encoder = json.loads((packed / "encoder.json").read_text())
    assert encoder["name"] == "lite"
    assert encoder["encoder"] == {"weights": "abc"}
    assert "videos" not in encoder


def test_it_is_used_like_a_run(run, packed, tmp_path, capsys):
    first, second = (load_run(path) for path in (run, packed))
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True))
    assert main(["verify", str(packed), "--examples", "1", "--texts", "0"]) == 0
    # a packed folder stays as it is: the certificate lies beside it
    assert packed.with_name("model.certificate.json").is_file()
    assert main(["evaluate", str(packed), "--split", "val"]) == 0
    assert main(["pack", str(packed), "-o", str(tmp_path / "again")]) == 0
    for name in ("encoder.json", "best.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (packed / name).read_bytes()


def test_a_certificate_is_not_written_into_it(packed, capsys):
    inside = packed / "certificate.json"
    before = inside.read_bytes()
    assert main(["verify", str(packed), "--examples", "1", "--texts", "0", "-o", str(inside)]) == 2
    assert "must not lie in a packed folder" in capsys.readouterr().err
    assert inside.read_bytes() == before
    load_run(packed)


@pytest.mark.parametrize("position", [0, -1, 40])
def test_a_changed_file_is_named(copy, position, capsys):
    for name in json.loads((copy / PACK).read_text())["files"]:
        content = (copy / name).read_bytes()
        changed = bytearray(content)
        changed[position % len(content)] ^= 1
        (copy / name).write_bytes(bytes(changed))
        with pytest.raises(DataError, match=f"{name}: was changed after it was packed"):
            load_run(copy)
        (copy / name).write_bytes(content + b" ")
        assert main(["evaluate", str(copy), "--split", "val"]) == 3
        assert f"{name}: was changed" in capsys.readouterr().err
        (copy / name).unlink()
        with pytest.raises(DataError, match=f"{name}: is gone"):
            load_run(copy)
        (copy / name).write_bytes(content)
    load_run(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:40], "is not what `rdmf pack` wrote"),
        (lambda text: text.replace("rdmf-pack", "other"), "is not what `rdmf pack` wrote"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "is not what `rdmf pack` wrote"),
        (lambda text: text.replace("card.md", "../card.md"), "names a file outside the folder"),
        (lambda text: "[]", "is not what `rdmf pack` wrote"),
    ],
    ids=["cut", "format", "version", "outside", "array"],
)
def test_a_spoilt_list_is_refused(copy, change, message):
    (copy / PACK).write_text(change((copy / PACK).read_text()))
    with pytest.raises(DataError, match=message):
        load_run(copy)


def test_what_cannot_be_packed_is_refused_and_nothing_is_left(run, packed, tmp_path):
    with pytest.raises(ParameterError, match=r"has no best\.safetensors"):
        pack_run(tmp_path, tmp_path / "new")
    with pytest.raises(ParameterError, match="must be a new folder"):
        pack_run(run, packed)
    with pytest.raises(ParameterError, match="must lie in a folder that exists"):
        pack_run(run, tmp_path / "none" / "new")
    broken = Path(shutil.copytree(run, tmp_path / "broken"))
    (broken / "best.safetensors").write_bytes(b"no")
    with pytest.raises(DataError):
        pack_run(broken, tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_the_card_says_what_the_files_say(run):
    card, header = (run / "card.md").read_text(), load_run(run).header
    # written by the training, and again by `rdmf verify`
    assert "Nothing yet" not in card
    for name, value in header["metrics"].items():
        assert value is None or f"| {name} | {value:.2f} |" in card
    record = json.loads((run / "data.json").read_text())["files"]
    assert record["train annotations"]["sha256"] in card
    assert "claims that no text can drive" in card
    assert "rdmf certify run/certificate.json" in card
    (certificate := run / "certificate.json").rename(run / "aside")
    try:
        assert "Nothing yet" in model_card(run)
    finally:
        (run / "aside").rename(certificate)


def test_the_card_says_what_is_not_known(run, tmp_path):
    bare = Path(shutil.copytree(run, tmp_path / "bare"))
    (bare / "data.json").unlink()
    (bare / "certificate.json").write_text(json.dumps({"subject": "sha256:" + 64 * "0"}))
    card = write_card(bare).read_text()
    assert "Unknown: the folder has no `data.json`" in card
    assert "is about other weights" in card
