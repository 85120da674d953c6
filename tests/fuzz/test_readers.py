"""No bytes make a reader do anything but accept or refuse with one of our errors."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.readers import READERS, Reader, judge

by_name = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
ODD = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"NaN",
    b"1e999",
    b"null",
    b"{}",
    b"[]",
    b'""',
    b"a = [" * 9999,
]
ODD += [b'\x08\0\0\0\0\0\0\0{"a":1}', b"\xff" * 16, b"PK\x03\x04" + b"\0" * 40, b"\x93NUMPY\x01\x00v\x00{'descr':'<f4'"]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.just("\0"), st.just(10**400)
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@cache
def accepted(reader: Reader) -> bytes:
    return reader.accepted()


@by_name
def test_the_seed_is_accepted(reader: Reader, tmp_path: Path) -> None:
    """Otherwise the search would only meet the first check."""
    refused = judge(reader, accepted(reader), tmp_path)
    assert refused is None or reader.name == "foreign tensors"


@by_name
def test_odd_files(reader: Reader, tmp_path: Path) -> None:
    for content in ODD:
        judge(reader, content, tmp_path)


@by_name
def test_changed_bytes(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, seed = tmp_path_factory.mktemp("fuzz"), accepted(reader)

    @settings(max_examples=30)
    @given(st.lists(st.tuples(st.integers(0, len(seed)), st.binary(max_size=4), st.integers(0, 8)), max_size=4))
    def search(edits: list[tuple[int, bytes, int]]) -> None:
        content = seed
        for place, inserted, cut in edits:
            content = content[:place] + inserted + content[place + cut :]
        judge(reader, content, folder)

    search()


@pytest.mark.parametrize(
    "reader", [reader for reader in READERS if reader.suffix in (".json", ".jsonl")], ids=lambda reader: reader.name
)
def test_changed_values(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any JSON in the place of any value."""
    folder = tmp_path_factory.mktemp("fuzz")
    line = accepted(reader).splitlines()[0] if reader.suffix == ".jsonl" else accepted(reader)

    @settings(max_examples=40)
    @given(st.data())
    def search(data: st.DataObject) -> None:
        document = json.loads(line)
        part = document
        while True:
            key = data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
            if isinstance(part[key], dict | list) and part[key] and data.draw(st.booleans()):
                part = part[key]
                continue
            part[key] = data.draw(VALUES)
            break
        judge(reader, json.dumps(document).encode() + b"\n", folder)

    search()


def test_changed_headers_of_a_checkpoint(tmp_path: Path) -> None:
    """Any JSON in the place of any value of the header, the tensors untouched."""
    reader = next(reader for reader in READERS if reader.name == "checkpoint")
    content = accepted(reader)
    size = int.from_bytes(content[:8], "little")
    tensors = content[8 + size :]

    @settings(max_examples=60)
    @given(st.data())
    def search(data: st.DataObject) -> None:
        header = json.loads(content[8 : 8 + size])
        document = json.loads(header["__metadata__"]["rdmf"])
        part = document
        while True:
            key = data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
            if isinstance(part[key], dict | list) and part[key] and data.draw(st.integers(0, 3)):
                part = part[key]
                continue
            part[key] = data.draw(VALUES)
            break
        header["__metadata__"]["rdmf"] = json.dumps(document)
        encoded = json.dumps(header).encode()
        judge(reader, len(encoded).to_bytes(8, "little") + encoded + tensors, tmp_path)

    search()
