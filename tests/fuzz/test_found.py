"""What fuzzing has found, each as the smallest file or action that once ended in a traceback."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from rdmf_model.checkpoints.checkpoint import VERSION, save_tensors
from rdmf_model.cli import main
from rdmf_model.training.state import FORMAT, Progress, TrainingState
from rdmf_theory.errors import DataError
from tests.fuzz.readers import READERS, judge

BY_NAME = {reader.name: reader for reader in READERS}
TOO_DEEP = 20_000
NO_ARRAY = "is no npz, npy, HDF5 or pt file of plain arrays"


def npz(method: int = 0, flags: int = 0) -> bytes:
    """An archive of features whose directory states another compression method or other flags."""
    stream = io.BytesIO()
    np.savez(stream, features=np.ones((4, 3), np.float32))
    content = bytearray(stream.getvalue())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.index(signature) + place
        content[start : start + 4] = bytes((flags, 0, method, 0))
    return bytes(content)


def npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 48


def region(value: str) -> bytes:
    """The default region with another number in place of the first bound."""
    document = json.loads(BY_NAME["region"].accepted())
    document["lower"][0] = "HERE"
    return json.dumps(document).replace('"HERE"', value).encode()


FILES = {
    "kind is a list": ("certificate's checker", b'{"kind": []}', "its field kind is of type list"),
    "kind is an object": ("certificate's checker", b'{"kind": {}}', "its field kind is of type dict"),
    "bound beyond floats": ("region", region("1" + "0" * 400), "lower must be a sequence of numbers"),
    "deep JSON": ("a run's configuration", b'{"a":' * TOO_DEEP, "is not JSON"),
    "integer of 5000 digits": ("a run's configuration", b'{"version": ' + b"1" * 5000 + b"}", "is not JSON"),
    "deep TOML": ("configuration", b"a = " + b"[" * TOO_DEEP, "is not TOML"),
    "unknown compression": ("video features", npz(method=99), NO_ARRAY),
    "encrypted": ("video features", npz(flags=1), NO_ARRAY),
    "npy header that never ends": ("video features", npy(b"{'descr': ('<f4', "), NO_ARRAY),
    "npy header, mapped": ("bare features", npy(b"{'descr': ('<f4', "), NO_ARRAY),
}


@pytest.mark.parametrize(("name", "content", "message"), FILES.values(), ids=FILES)
def test_a_file_is_refused(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    refused = judge(BY_NAME[name], content, tmp_path)
    assert refused is not None
    assert len(str(refused)) < 1000
    with pytest.raises(type(refused), match=message):
        raise refused


def test_the_archives_differ_by_their_flags_alone(tmp_path: Path) -> None:
    """Otherwise the refusals above would be of something else."""
    assert judge(BY_NAME["video features"], npz(), tmp_path) is None
    assert zipfile.ZipFile(io.BytesIO(npz(method=99))).namelist() == ["features.npy"]


@pytest.mark.parametrize("progress", [[1], None], ids=["list", "null"])
def test_a_training_state_is_refused(progress: object, tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 1)
    state = TrainingState(model, torch.optim.AdamW(model.parameters()), None, Progress())
    whole = {"format": FORMAT, "version": VERSION, "progress": dataclasses.asdict(state.progress), "scaler": None}
    stored = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    save_tensors(tmp_path / "last.state", stored, whole)
    state.restore(tmp_path / "last.state")
    save_tensors(tmp_path / "last.state", stored, whole | {"progress": progress})
    with pytest.raises(DataError, match=r"last\.state: does not fit this run"):
        state.restore(tmp_path / "last.state")


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b'{"a":' * TOO_DEEP], ids=["not UTF-8", "deep"])
def test_a_run_whose_configuration_is_damaged(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_bytes(content)
    assert main(["train", "-o", str(tmp_path), "--resume"]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(f"rdmf: {tmp_path / 'config.json'}: is not ")


READER_LEAVES = """
import sys, typer
from rdmf_model.streaming.report import print_records
try:
    while True:
        print_records([{"clip": 1.0, "saliency": 0.5}] * 100)
except typer.Exit as stop:
    sys.exit(stop.exit_code)
"""


def test_a_reader_of_the_stream_may_leave(repository: Path) -> None:
    """`rdmf stream ... | head -1` ends with 0 and says nothing."""
    writer = subprocess.Popen(
        [sys.executable, "-c", READER_LEAVES], cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    try:
        assert json.loads(writer.stdout.readline()) == {"clip": 1.0, "saliency": 0.5}
        writer.stdout.close()
        assert writer.wait(timeout=60) == 0
        assert writer.stderr.read() == b""
    finally:
        writer.kill()
        writer.wait()
        writer.stderr.close()
