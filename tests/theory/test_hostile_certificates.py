"""Certificates made to mislead: what is printed is proved, remarks are plain text, and nothing takes long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from rdmf_model.cli import main
from rdmf_theory.certificates import certificate_checker, checkers, competition_checker, pattern_checker, region_checker
from rdmf_theory.certificates.certificate import Certificate, Verdict, digest
from rdmf_theory.certificates.region_certificate import certify_region
from rdmf_theory.errors import DataError
from rdmf_theory.proving.prove import theorems
from tests.theory.certificates import box_content, refused, region_content, written

SECONDS = 5.0
Change = Callable[[dict[str, Any]], Any]


def put(*path_and_value: Any) -> Change:
    """Set one field."""

    def apply(content: dict[str, Any]) -> None:
        *path, last, value = path_and_value
        for key in path:
            content = content[key]
        content[last] = value

    return apply


def together(*changes: Change) -> Change:
    return lambda content: [change(content) for change in changes]


HOSTILE_BOXES = {
    "escapes in the subject": put("subject", "\x1b[2J\x1b[31mrdmf: HOLDS\x1b[0m\x07"),
    "a line break in the subject": put("subject", "model\nholds: everything"),
    "text that turns round": put("subject", "\u202ereversed"),
    "long subject": put("subject", "x" * 100_000),
    "subject is a number": put("subject", 7),
    "lone surrogate": put("subject", "\ud800"),
    "version is true": put("version", True),
    "version is a float": put("version", 1.0),
    "steps is a float": put("region", "steps", 12.0),
    "steps is true": put("region", "steps", True),
    "steps is NaN": put("region", "steps", float("nan")),
    "clips hold true": put("region", "clips", [True, 80]),
    "clips beyond all work": put("region", "clips", [2, 10**9]),
    "soft onset as text": put("region", "soft_onset", "no"),
    "soft onset as null": put("region", "soft_onset", None),
    "soft onset as 0": put("region", "soft_onset", 0),
    "modulation as false": put("region", "modulation", False),
    "digits of another script": put("box", "rate", ["\u0661/\u0662", "1"]),
    "a line break in a number": put("box", "rate", ["1/5", "1/4\n"]),
    "2000 digits": put("box", "rate", ["1/" + "9" * 2000, "1/4"]),
    "exponent": put("box", "rate", ["1/5", "1e-999999999"]),
    "theorems invented": put("theorems", {"turing": "Coq.proves_everything", "world_peace": "Yes"}),
    "theorem exchanged": put("theorems", "turing", "Chart.v_rich_unique"),
    "theorems missing": put("theorems", {}),
    "theorems null": put("theorems", None),
    "made by hand": put("made_with", "hand"),
    "made with escapes": put("made_with", "rdmf", "1\x1b[31m"),
    "made with more": put("made_with", {"python": "3", "rdmf": "1", "python-flint": "1", "Coq": "8.16"}),
    "long powers": together(
        put("proof", "gain", "multiplier", ["1." + "0" * 399 + "1", "2." + "3" * 399]), put("region", "steps", 10000)
    ),
    "huge powers": together(put("proof", "gain", "multiplier", ["1", "9" * 400]), put("region", "steps", 10000)),
    "a million splits": put("proof", "band", "splits", ["0"] * 10**6),
    "a million halvings": put("proof", "band", "splits", "0" * 10**6),
    "deep halvings": put("proof", "band", "splits", "0" * 1000 + "." * 1001),
    "a band that is a hair": together(
        put("proof", "band", "alpha", "999999999/1000000000"), put("proof", "band", "beta", "1000000001/1000000000")
    ),
    "another field in the proof": put("proof", "note", "trust me"),
}


@pytest.mark.parametrize("change", HOSTILE_BOXES.values(), ids=HOSTILE_BOXES)
def test_hostile_boxes_are_refused_in_seconds(
    change: Change, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = box_content()
    change(content)
    content["sha256"] = digest(content)
    start = time.process_time()
    code = main(["certify", str(written(content, tmp_path))])
    assert time.process_time() - start < SECONDS
    said = "".join(capsys.readouterr())
    assert code == (1 if type(content["version"]) is int else 3)
    assert all(character.isprintable() or character == "\n" for character in said)
    assert len(said) < 1000


FILES = {
    "deep": b"[" * 200_000,
    "nested in a certificate": b'{"format": "rdmf-certificate", "kind": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a version of 5000 digits": b'{"format": "rdmf-certificate", "version": ' + b"1" * 5000 + b"}",
    "an infinite version": b'{"format": "rdmf-certificate", "kind": "patterns", "version": 1e309}',
    "empty": b"",
    "not UTF-8": b"\xff\xfe\xff",
    "UTF-16": '{"format": "rdmf-certificate"}'.encode("utf-16"),
    "a list": b"[]",
    "escapes in the kind": b'{"format": "rdmf-certificate", "kind": "\\u001b[31mx"}',
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_hostile_files_are_unreadable(text: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(text)
    # "an infinite version" is of a known kind and has no digest: it was changed
    assert main(["certify", str(file)]) == (1 if b"1e309" in text else 3)
    assert "\x1b" not in "".join(capsys.readouterr())
    for checker in (certificate_checker, region_checker, pattern_checker, competition_checker):
        with pytest.raises((checker.Unreadable, checker.Refused)):
            checker.check(file)
        run = subprocess.run([sys.executable, "-I", str(checker.__file__), str(file)], capture_output=True, text=True)
        assert run.returncode in (1, 3)
        assert "Traceback" not in run.stderr


def test_a_certificate_can_come_from_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = json.dumps(box_content())
    thread = threading.Thread(target=pipe.write_text, args=(text,))
    thread.start()
    assert checkers.check(pipe).startswith("all designs")
    thread.join()


def test_a_file_without_an_end_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (checkers, certificate_checker, region_checker, pattern_checker, competition_checker):
        monkeypatch.setattr(module, "LARGEST_FILE", 1 << 16)
        with pytest.raises(module.Unreadable, match="longer than any certificate"):
            module.check("/dev/zero")


def test_the_theorems_that_are_named_exist() -> None:
    assert set(certificate_checker.THEOREMS.values()) <= set(theorems())


def half(content: dict[str, Any]) -> None:
    content["area"] |= {"decimal": "1/2", "enclosure": ["0", "1"], "inner": "0", "outer": "1"}


FALSE_AREAS = {
    "a fraction": (half, "is no decimal"),
    # each of these is within one unit of its own last place
    "no digits": (together(half, put("area", "decimal", "0.")), "is no exact number"),
    "one digit": (together(half, put("area", "decimal", "0.0")), "fewer than 6 digits"),
    "five digits": (together(half, put("area", "decimal", "0.00002")), "fewer than 6 digits"),
    "one unit off": (together(half, put("area", "decimal", "0.000020695728147510717859")), "wrong in its last digits"),
    "one unit off below": (together(half, put("area", "decimal", "0.0000206956")), "wrong in its last digits"),
    "negative": (together(half, put("area", "decimal", "-0.0000206957")), "wrong in its last digits"),
    "outside its enclosure": (
        together(half, put("area", "decimal", "0.0000206958"), put("area", "enclosure", ["0", "0.00002069575"])),
        "not in its enclosure",
    ),
}


@pytest.mark.parametrize(("change", "reason"), FALSE_AREAS.values(), ids=FALSE_AREAS)
def test_areas_that_are_none(change: Change, reason: str) -> None:
    content = region_content()
    change(content)
    content["sha256"] = digest(content)
    assert reason in str(refused(content))


@pytest.mark.parametrize("decimal", ["0.0000206957", "0.0000206958", "0.000020695728147510717856"])
def test_areas_within_a_unit_of_their_last_place(decimal: str) -> None:
    content = region_content()
    half(content)
    content["area"]["decimal"] = decimal
    content["sha256"] = digest(content)
    assert refused(content) is None


@pytest.mark.parametrize(
    ("d", "s", "F_max"),
    [
        # 2^-96 is far larger than these areas
        ("1.0000001", 1, None),
        ("2", "1e-14", None),
        ("1.0000001", 1, "1/16"),
        ("1.9", "1e40", None),
        ("1.5", 1, "0.01"),
        ("4", "1e30", None),
    ],
)
def test_what_is_written_is_accepted(d: str, s: Any, F_max: str | None, tmp_path: Path) -> None:
    certificate, area = certify_region(d, s, F_max, strips=4)
    certificate.save(tmp_path / "r.json")
    said = region_checker.check(tmp_path / "r.json")
    if area.d <= 2 and area.upper > 0:
        decimal, places = said.removeprefix("the area is ").split(", off by at most 1e-")
        assert abs(Fraction(decimal) - area.lower) <= Fraction(1, 10 ** int(places))
        assert Fraction(decimal) > 10**5 * Fraction(1, 10 ** int(places))
    elif area.upper == 0:
        assert said.startswith("the region is empty")


def test_a_bracket_is_printed_outward() -> None:
    content = certify_region("4", strips=4)[0].to_dict()
    low, high = region_checker.check_content(content).removeprefix("the area is in [").rstrip("]").split(", ")
    assert Fraction(low) <= Fraction(content["area"]["inner"]) < Fraction(content["area"]["outer"]) <= Fraction(high)
    assert Fraction(high) - Fraction(content["area"]["outer"]) < Fraction(1, 10**8)


def test_nothing_that_the_checker_refuses_is_written(tmp_path: Path) -> None:
    content = region_content()
    content["area"]["inner"] = content["area"]["outer"]
    del content["sha256"]
    with pytest.raises(DataError, match="not written, because the independent checker refuses it"):
        Certificate(Verdict.CERTIFIED, content).save(tmp_path / "r.json")
    assert not list(tmp_path.iterdir())
