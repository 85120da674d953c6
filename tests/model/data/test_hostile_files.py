"""Files made to do harm: the command says what is wrong in one line and exits with 3, without a traceback."""

import io
import json
import struct
import time
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from rdmf_model.cli import main
from rdmf_model.data.feature_formats.base import LARGEST_UNPACKED
from rdmf_model.data.features import load_features
from tests.model.tiny_data import tiny_document, write_tiny_data
from tests.properties.tiny import write_run


@pytest.fixture
def data(tmp_path):
    """A data set and the TOML file that trains on it; tests spoil one thing."""
    write_tiny_data(tmp_path / "data", train=3, val=2)
    document = tiny_document(tmp_path / "data")
    lines = ["version = 1"]
    for section in ("data", "model", "train"):
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in document[section].items())]
    (tmp_path / "config.toml").write_text("\n".join(lines))
    return tmp_path / "data"


def refused(capsys, *arguments):
    """What the program says; it must exit with 3 and one line."""
    assert main([str(argument) for argument in arguments]) == 3
    said = capsys.readouterr().err.strip().splitlines()
    assert said[-1].startswith("rdmf: ")
    assert not any("Traceback" in line for line in said)
    return said[-1]


def train(capsys, data):
    return refused(capsys, "train", data.parent / "config.toml", "-o", data.parent / "run")


def edit(data, **fields):
    """Change the first record of the training set."""
    lines = (data / "train.jsonl").read_text().splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | fields)
    (data / "train.jsonl").write_text("\n".join(lines))


def bomb(path, size):
    """A small npz whose one array unpacks to `size` bytes of zeros."""
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (size // 400, 100)})
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("features.npy", "w", force_zip64=True) as stream,
    ):
        stream.write(header.getvalue())
        for _ in range(size // 2**20):
            stream.write(b"\0" * 2**20)


def test_a_zip_bomb_is_not_unpacked(data, capsys):
    bomb(data / "video" / "video_1.npz", 2 * LARGEST_UNPACKED)
    assert (data / "video" / "video_1.npz").stat().st_size < 2**18
    started = time.process_time()
    assert "features.npy would unpack from" in train(capsys, data)
    assert time.process_time() - started < 5


def test_an_array_that_claims_terabytes(data, capsys):
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 100)})
    with zipfile.ZipFile(data / "video" / "video_1.npz", "w") as archive:
        archive.writestr("features.npy", header.getvalue() + b"\0" * 400)
    assert "is no npz, npy, HDF5 or pt file of plain arrays" in train(capsys, data)
    (data / "video" / "video_1.npz").unlink()
    (data / "video" / "video_1.npy").write_bytes(header.getvalue() + b"\0" * 400)
    assert "is no npz, npy, HDF5 or pt file of plain arrays" in train(capsys, data)


def test_compressed_features_are_read(tmp_path):
    """Constant channels compress well; that alone is no harm."""
    np.savez_compressed(tmp_path / "a.npz", features=np.zeros((1000, 500), np.float32))
    assert load_features(tmp_path / "a.npz").shape == (1000, 500)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9], ids=str)
def test_a_truncated_npz(data, capsys, keep):
    path = data / "text" / "qid1.npz"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    assert "qid1.npz: is no npz, npy, HDF5 or pt file of plain arrays" in train(capsys, data)


def test_a_truncated_jsonl(data, capsys):
    path = data / "train.jsonl"
    path.write_text(path.read_text()[:-40])
    assert "train.jsonl:3: malformed JSON" in train(capsys, data)


@pytest.mark.parametrize("vid", ["../secret", "/etc/passwd", "a/../../secret"])
def test_a_vid_that_climbs(data, capsys, vid):
    edit(data, vid=vid)
    assert "train.jsonl:1: vid must name a file below the feature folder" in train(capsys, data)


@pytest.mark.parametrize("link", ["file", "folder"])
def test_a_link_out_of_the_folder(data, capsys, link):
    secret = data.parent / "secret"
    secret.mkdir()
    np.savez(secret / "b.npz", features=np.ones((10, 6), np.float32))
    if link == "file":
        (data / "video" / "b.npz").symlink_to(secret / "b.npz")
        edit(data, vid="b")
    else:
        (data / "video" / "inner").symlink_to(secret)
        edit(data, vid="inner/b")
    assert "is a link out of its folder" in train(capsys, data)


def test_a_link_inside_the_folder_is_followed(data):
    (data / "video" / "again.npz").symlink_to(data / "video" / "video_1.npz")
    from rdmf_model.data.features import feature_path

    assert feature_path(data / "video", "again", source="here").name == "again.npz"


def header_of(content):
    (size,) = struct.unpack_from("<Q", content)
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def with_header(header, tensors):
    encoded = json.dumps(header).encode() if isinstance(header, dict) else header
    return struct.pack("<Q", len(encoded)) + encoded + tensors


HEADERS = {
    "longer than the file": lambda header, tensors: struct.pack("<Q", 2**62) + b"{}",
    "no JSON": lambda header, tensors: with_header(b"{" * 64, tensors),
    "nested too deep": lambda header, tensors: with_header(b'{"a":' * 10_000, tensors),
    "offsets beyond the file": lambda header, tensors: with_header(
        header | {"cuts.bias": {"dtype": "F32", "shape": [4], "data_offsets": [2**40, 2**40 + 16]}}, tensors
    ),
    "no description": lambda header, tensors: with_header(
        {key: value for key, value in header.items() if key != "__metadata__"}, tensors
    ),
    "description nested too deep": lambda header, tensors: with_header(
        header | {"__metadata__": {"rdmf": '{"a":' * 10_000}}, tensors
    ),
    "a model of terabytes": lambda header, tensors: with_header(
        header
        | {"__metadata__": {"rdmf": header["__metadata__"]["rdmf"].replace('"channels": 16', '"channels": 4000000')}},
        tensors,
    ),
    "a million layers": lambda header, tensors: with_header(
        header
        | {
            "__metadata__": {
                "rdmf": header["__metadata__"]["rdmf"].replace('"decoder_layers": 1', '"decoder_layers": 1000000')
            }
        },
        tensors,
    ),
}


@pytest.mark.parametrize("spoil", HEADERS.values(), ids=HEADERS)
def test_a_hostile_safetensors_header(tmp_path, capsys, spoil):
    file = write_run(tmp_path / "run") / "best.safetensors"
    file.write_bytes(spoil(*header_of(file.read_bytes())))
    said = refused(capsys, "verify", tmp_path / "run")
    assert "best.safetensors: " in said


def test_a_full_disk_is_one_line(data, capsys, monkeypatch):
    import errno

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device", "best.safetensors")

    monkeypatch.setattr("os.fsync", full)
    said = train(capsys, data)
    assert said == (
        "rdmf: best.safetensors: No space left on device. Make room, then repeat the command; go on with a training by "
        "--resume."
    )
    assert not list((data.parent / "run").glob("*.tmp"))


def test_an_array_under_the_name_of_another_kind_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", features=np.ones((2, 2)))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    from rdmf_model.data.features import map_features

    np.testing.assert_array_equal(map_features(tmp_path / "a.npy"), np.ones((2, 2)))
