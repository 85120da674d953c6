"""A run is one run: its data and its folder stay what and whose they were."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from rdmf_model.checkpoints.lock import LOCK, run_lock
from rdmf_model.cli import main
from rdmf_model.data.digests import RECORD, changed_files, digest
from rdmf_model.training.train import train
from rdmf_theory.errors import DataError, ParameterError
from tests.model.tiny_data import tiny_config, write_tiny_data


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identity")
    config = tiny_config(write_tiny_data(folder / "data"), {"train.epochs": 1})
    train(config, folder / "run")
    return folder, config


@pytest.fixture
def place(trained, tmp_path):
    """A copy of data and run, to be spoilt."""
    folder, _ = trained
    shutil.copytree(folder, tmp_path / "copy")
    run = tmp_path / "copy" / "run"
    return tmp_path / "copy" / "data", run


@pytest.mark.parametrize("which", ["features", "text", "annotations", "missing", "shorter"])
def test_a_changed_file_is_named(place, which, capsys):
    data, run = place
    features = sorted((data / "video").iterdir())[0]
    file = {"annotations": data / "val.jsonl", "text": sorted((data / "text").iterdir())[0]}.get(which, features)
    if which == "missing":
        file.unlink()
    elif which == "annotations":
        # the same size and time: annotations are read whatever they say
        status = file.stat()
        text = file.read_text()
        file.write_text(text.replace('"query": "', '"query":" ', 1))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content[:-1] if which == "shorter" else content)
        os.utime(file, ns=(1, 1))
    recorded = json.loads((run / RECORD).read_text())["files"]
    text = sorted((data / "text").iterdir())[0]
    files = {"val annotations": data / "val.jsonl", f"video 0/{features.stem}": features, f"text/{text.stem}": text}
    found = changed_files(recorded, files)
    assert len(found) == 1
    assert found[0].startswith(str(file))


def test_an_untouched_run_is_quiet(trained, capsys):
    folder, _ = trained
    assert main(["evaluate", str(folder / "run")]) == 0
    assert "not the data" not in capsys.readouterr().err
    assert train(None, folder / "run", resume=True).resumed_finished


def test_evaluate_and_verify_name_the_changed_file(tmp_path, capsys):
    data = write_tiny_data(tmp_path / "data")
    run = train(tiny_config(data, {"train.epochs": 1}), tmp_path / "run").run
    file = data / "text" / "qid14.npz"
    with np.load(file) as stored:
        np.savez(file, **{name: 2 * stored[name] for name in stored.files})
    capsys.readouterr()
    assert main(["evaluate", str(run)]) == 0
    assert f"not the data of the training: {file}" in capsys.readouterr().err.replace("\n", "")
    assert main(["verify", str(run), "--examples", "1", "--texts", "0", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["data_changed"]) == 1
    assert report["data_changed"][0].startswith(str(file))
    with pytest.raises(DataError, match="was trained on other data"):
        train(None, run, resume=True)
    (run / RECORD).unlink()
    with pytest.raises(DataError, match="nothing says what this run was trained on"):
        train(None, run, resume=True)


def test_digests_are_those_of_sha256sum(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert digest(tmp_path / "x")["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(DataError, match="cannot be read"):
        digest(tmp_path / "absent")


def test_a_second_trainer_is_refused(trained, tmp_path):
    folder, config = trained
    with run_lock(folder / "run"):
        for resume in (True, False):
            with pytest.raises(
                ParameterError, match=rf"run is being written by another training \(process {os.getpid()} "
            ):
                train(config, folder / "run", resume=resume)
    assert train(None, folder / "run", resume=True).resumed_finished
    # a lock that a killed process left behind holds nobody up, and is no content of the folder
    new = tmp_path / "new"
    new.mkdir()
    (new / LOCK).write_text("{}")
    with pytest.raises(DataError):
        train(dataclasses.replace(config, data=dataclasses.replace(config.data, val=tmp_path / "absent.jsonl")), new)
    assert not new.exists()


def test_a_killed_process_lets_go(tmp_path):
    program = (
        "import sys, time, pathlib\nfrom rdmf_model.checkpoints.lock import run_lock\n"
        "with run_lock(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with pytest.raises(ParameterError, match=f"process {process.pid} on"), run_lock(tmp_path):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    began = time.monotonic()
    with run_lock(tmp_path):
        assert time.monotonic() - began < 5
    assert not (tmp_path / LOCK).exists()
