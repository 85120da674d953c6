"""Is a certificate about this checkpoint? Stale, foreign, narrowed and unreadable ones are told apart."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from rdmf_theory.certificates.checkers import CHECKERS, Unreadable, checker_of
from rdmf_theory.certificates.subject import mismatch, read_checkpoint
from rdmf_theory.errors import DataError
from tests.theory.certificates import SMALL, box_content, region_content


def write(path: Path, changes: dict[str, Any] | None = None, upper: tuple[float, ...] = SMALL.upper) -> Path:
    """A safetensors file with a door and the header of a run, written by hand."""
    tensors = {"lower": SMALL.lower, "upper": upper, "modulation_fraction": (0.5,)}
    entries, data = {}, b""
    for name, values in tensors.items():
        raw = struct.pack(f"<{len(values)}f", *values)
        shape = [5] if len(values) == 5 else []
        entries[f"fusion.constraint.{name}"] = {
            "dtype": "F32",
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    document = {"region": SMALL.to_dict()} | (changes or {})
    header = json.dumps({"__metadata__": {"rdmf": json.dumps(document)}, **entries}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path


def about(path: Path) -> dict[str, Any]:
    """A certificate about a file, its box a little wider than float32 rounding of the door."""
    content = box_content()
    content["box"] = {
        name: [str(low * 0.999), str(high * 1.001)]
        for name, low, high in zip(content["box"], SMALL.lower, SMALL.upper, strict=True)
    }
    content["emission"]["modulation_fraction"] = "1/2"
    return content | {"subject": f"sha256:{read_checkpoint(path).sha256}"}


def test_a_fitting_certificate_is_about_its_checkpoint(tmp_path: Path) -> None:
    file = write(tmp_path / "best.safetensors")
    assert mismatch(about(file), read_checkpoint(file)) is None


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    file = write(tmp_path / "best.safetensors")
    content = about(file)
    other = write(tmp_path / "later.safetensors", {"epoch": 2})
    cases = [
        (content, other, "stale: same region, other weights"),
        (content, write(tmp_path / "wide", upper=(0.45, *SMALL.upper[1:])), "foreign: another model"),
        (content, write(tmp_path / "clips", {"region": SMALL.to_dict() | {"clips": [12, 301]}}), "foreign"),
        (content, write(tmp_path / "gain", {"region": SMALL.to_dict() | {"gain": [1.0, 2.0]}}), "foreign"),
        (content, write(tmp_path / "bare", {"region": None}), "foreign"),
        (content, write(tmp_path / "free", {"constraint": "none"}), "trained with constraint 'none'"),
        (region_content(), file, "foreign: it is about a fixed-ratio-region"),
        (content | {"box": content["box"] | {"u_star": ["37/100", "1/2"]}}, file, "foreign: its box"),
        (content | {"emission": content["emission"] | {"modulation_fraction": "1/3"}}, file, "foreign: its box"),
    ]
    for certificate, checkpoint, reason in cases:
        assert reason in str(mismatch(certificate, read_checkpoint(checkpoint))), reason


@pytest.mark.parametrize(
    "content",
    [b"", b"12345678", struct.pack("<Q", 1 << 60) + b"{}", struct.pack("<Q", 2) + b"{}", b"\x02" + b"\0" * 7 + b"[]"],
    ids=["empty", "header only", "huge header", "no run", "no object"],
)
def test_what_is_no_checkpoint(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "foreign.safetensors"
    file.write_bytes(content)
    with pytest.raises(DataError, match="is no checkpoint of `rdmf train`"):
        read_checkpoint(file)


def test_every_kind_has_its_checker() -> None:
    for kind in CHECKERS:
        assert checker_of({"kind": kind}).check_content
    with pytest.raises(Unreadable, match="its field kind is None"):
        checker_of([])
