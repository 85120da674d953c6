"""Signed statements: one bit changed anywhere in a signed run is named, and nothing false is signed."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("securesystemslib", reason="needs securesystemslib: pip install 'rdmf[sign]'")

from rdmf_model.cli import main
from rdmf_model.verification import statement
from rdmf_model.verification.statement import STATEMENT, check_run, new_key, sign_run
from rdmf_theory.errors import DataError, ParameterError
from tests.properties.tiny import tiny_config, write_run

FILES = ("best.safetensors", "certificate.json", "config.json", "data.json", "verify.json")


@pytest.fixture(scope="module")
def signed(tmp_path_factory) -> tuple[Path, Path]:
    """(run, public key): weights, configuration, digests of data, a certificate and a report."""
    folder = tmp_path_factory.mktemp("signed")
    run = write_run(folder / "run")
    assert main(["verify", str(run), "--examples", "1", "--texts", "0"]) == 0
    (run / "config.json").write_text(tiny_config().to_json() + "\n")
    (run / "data.json").write_text("{}\n")
    (run / "verify.json").write_text('{"holds": true}\n')
    public = new_key(folder / "key")
    sign_run(run, folder / "key")
    return run, public


@pytest.fixture
def copy(signed, tmp_path) -> Path:
    return Path(shutil.copytree(signed[0], tmp_path / "run"))


def flip(file: Path, position: int, bit: int = 0) -> None:
    content = bytearray(file.read_bytes())
    content[position % len(content)] ^= 1 << bit
    file.write_bytes(content)


def test_a_run_as_it_was_signed_holds(signed, capsys):
    run, public = signed
    assert check_run(run, public) == []
    capsys.readouterr()
    assert main(["certify", str(run), "--key", str(public), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["holds"] is True
    payload = json.loads(base64.b64decode(json.loads((run / STATEMENT).read_text())["payload"]))
    assert payload["_type"] == "https://in-toto.io/Statement/v1"
    assert [entry["name"] for entry in payload["subject"]] == list(FILES)
    assert payload["predicate"]["certificate"] is True
    assert oct(public.with_suffix("").stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize("name", FILES)
def test_a_changed_bit_of_any_file_is_named(name, copy, signed, capsys):
    size = (copy / name).stat().st_size
    for position in (0, size // 3, size - 1):
        flip(copy / name, position)
        assert check_run(copy, signed[1]) == [f"{name}: was changed after it was signed"]
        flip(copy / name, position)
    (copy / name).unlink()
    assert check_run(copy, signed[1]) == [f"{name}: is gone"]
    assert main(["certify", str(copy), "--key", str(signed[1])]) == 1
    assert f"refused: {name}: is gone" in capsys.readouterr().out


def test_any_byte_of_the_statement_counts(copy, signed):
    size = (copy / STATEMENT).stat().st_size
    for position in range(0, size, 11):
        flip(copy / STATEMENT, position, position % 8)
        (fault,) = check_run(copy, signed[1])
        assert fault.startswith(f"{STATEMENT}: "), position
        flip(copy / STATEMENT, position, position % 8)
    assert check_run(copy, signed[1]) == []


def test_a_field_that_is_respelled_needs_the_key(copy, signed):
    """Each field of the statement, changed and packed again as the program would."""
    envelope = json.loads((copy / STATEMENT).read_text())
    payload = json.loads(base64.b64decode(envelope["payload"]))
    changes = [{**payload, name: "other"} for name in payload]
    changes += [{**payload, "predicate": {**payload["predicate"], name: "other"}} for name in payload["predicate"]]
    for index in range(len(FILES)):
        subject = json.loads(json.dumps(payload["subject"]))
        subject[index]["digest"]["sha256"] = "0" * 64
        changes.append({**payload, "subject": subject})
    for changed in changes:
        content = json.dumps(changed, sort_keys=True, separators=(",", ":")).encode()
        text = json.dumps({**envelope, "payload": base64.b64encode(content).decode()}, indent=2) + "\n"
        (copy / STATEMENT).write_text(text)
        (fault,) = check_run(copy, signed[1])
        assert "is not signed by" in fault


def test_a_statement_of_another_kind_or_key_is_refused(copy, signed, tmp_path, monkeypatch):
    other = new_key(tmp_path / "other")
    (fault,) = check_run(copy, other)
    assert "is not signed by" in fault
    monkeypatch.setattr(statement, "_PREDICATE_TYPE", "urn:somebody:else")
    sign_run(copy, tmp_path / "other")
    monkeypatch.undo()
    (fault,) = check_run(copy, other)
    assert "about something else than a run (urn:somebody:else)" in fault


def test_a_file_that_was_added_is_named(copy, signed):
    (copy / "extra").mkdir()
    (copy / "extra" / "weights.bin").write_bytes(b"x")
    assert check_run(copy, signed[1]) == ["extra/weights.bin: was added after the run was signed"]
    (copy / "link").symlink_to(copy / "config.json")
    with pytest.raises(DataError, match="is a link"):
        check_run(copy, signed[1])


def test_a_certificate_about_other_weights_is_not_signed(copy, signed):
    content = json.loads((copy / "certificate.json").read_text())
    (copy / "certificate.json").write_text(json.dumps(content | {"subject": "sha256:" + "0" * 64}))
    with pytest.raises(DataError, match=r"is not signed: certificate\.json"):
        sign_run(copy, signed[1].with_suffix(""))


def test_keys_and_folders_that_are_none(copy, signed, tmp_path):
    private, public = signed[1].with_suffix(""), signed[1]
    for action, reason in (
        (lambda: check_run(copy, private), "is no public key"),
        (lambda: sign_run(copy, public), "is no private key"),
        (lambda: sign_run(copy, tmp_path / "none"), "cannot be read"),
        (lambda: new_key(private), "exists"),
        (lambda: sign_run(tmp_path, private), "has no best.safetensors, config.json, data.json"),
    ):
        with pytest.raises(ParameterError, match=reason):
            action()
    (copy / STATEMENT).unlink()
    with pytest.raises(DataError, match="Sign the run with"):
        check_run(copy, public)
    assert main(["sign"]) == 2
    assert main(["sign", str(copy), "--new-key", str(tmp_path / "x")]) == 2
    assert main(["certify", str(copy), "--key", str(public), "--kernel"]) == 2
