"""`--resume`: a run that was cut anywhere ends as an undisturbed one, to the bit (CPU, one thread)."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from rdmf_model.checkpoints.checkpoint import FORMAT, read_tensors
from rdmf_model.training import trainer
from rdmf_model.training.state import FORMAT as STATE_FORMAT
from rdmf_model.training.train import train
from rdmf_theory.errors import DataError, ParameterError
from tests.model.tiny_data import tiny_config, write_tiny_data

# dropout and averaging on: random numbers and averaged weights have to survive the cut too
SETTINGS = {"train.epochs": 3, "train.ema_decay": 0.9, "train.save_steps": 1, "model.dropout": 0.3}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tiny_data(tmp_path_factory.mktemp("resume"))


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    return train(tiny_config(data, SETTINGS), tmp_path_factory.mktemp("undisturbed") / "run").run


def results(run):
    """What must be equal: the log without its times, and every tensor that was saved."""
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    for row in rows:
        del row["seconds"]
    best, best_header = read_tensors(run / "best.safetensors", FORMAT)
    last, last_header = read_tensors(run / "last.safetensors", FORMAT)
    state, header = read_tensors(run / "last.state", STATE_FORMAT)
    header["progress"]["seconds"] = 0
    for each in (best_header, last_header, header):
        # the runs lie in different folders, and take different times
        each.pop("config")
        each.pop("digest")
    return rows, best, best_header, last, last_header, state, header


def assert_same_results(run, other):
    for mine, theirs in zip(results(run), results(other), strict=True):
        if isinstance(mine, dict) and mine and isinstance(next(iter(mine.values())), torch.Tensor):
            assert mine.keys() == theirs.keys()
            different = [name for name in mine if not torch.equal(mine[name], theirs[name])]
            assert not different
        else:
            assert mine == theirs


class Cut(Exception):
    """Stands for the power cut."""


# each epoch has four steps; the cut comes before the parameters of that step change
@pytest.mark.parametrize("step", [0, 1, 3, 4, 6, 11])
def test_a_run_cut_at_any_step_ends_the_same(data, undisturbed, tmp_path, monkeypatch, step):
    calls = 0
    original = trainer.Trainer._step

    def cut(self, batch):
        nonlocal calls
        calls += 1
        if calls == step + 1:
            raise Cut
        return original(self, batch)

    monkeypatch.setattr(trainer.Trainer, "_step", cut)
    with pytest.raises(Cut):
        train(tiny_config(data, SETTINGS), tmp_path / "run")
    monkeypatch.undo()
    # whatever the generators held at the cut is not needed
    torch.manual_seed(99)
    result = train(tiny_config(data, SETTINGS), tmp_path / "run", resume=True)
    assert not result.resumed_finished
    assert_same_results(tmp_path / "run", undisturbed)


@pytest.mark.parametrize("method", ["_checkpoint", "_save_state"])
def test_a_run_cut_between_the_writes_of_an_epoch_ends_the_same(data, undisturbed, tmp_path, monkeypatch, method):
    """The checkpoint is there and the state is not, or the log line is there twice: the epoch is repeated."""
    original = getattr(trainer.Trainer, method)

    def cut(self, *arguments):
        original(self, *arguments)
        if self.state.progress.epoch == 2:
            raise Cut

    def cut_before(self, *arguments):
        if self.state.progress.epoch == 2:
            raise Cut
        original(self, *arguments)

    monkeypatch.setattr(trainer.Trainer, method, cut if method == "_checkpoint" else cut_before)
    with pytest.raises(Cut):
        train(tiny_config(data, SETTINGS), tmp_path / "run")
    monkeypatch.undo()
    train(None, tmp_path / "run", resume=True)
    assert_same_results(tmp_path / "run", undisturbed)


def test_kill_9_in_the_middle_of_an_epoch(data, undisturbed, tmp_path):
    """Acceptance: the process dies without a word, `rdmf train --resume` ends with the same metrics."""
    # a slow step gives the killer time; it changes nothing else
    script = f"""
import json, pathlib, sys, time
from rdmf_model.training import trainer
from tests.model.tiny_data import tiny_config
from rdmf_model.training.train import train
original = trainer.Trainer._step
def slow(self, batch):
    time.sleep(0.4)
    return original(self, batch)
trainer.Trainer._step = slow
train(tiny_config(pathlib.Path({str(data)!r}), {SETTINGS!r}), pathlib.Path(sys.argv[1]))
"""
    run = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", script, str(run)], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and process.poll() is None:
            if (run / "last.state").exists():
                # a copy: the file may be replaced between the header and the tensors
                shutil.copyfile(run / "last.state", tmp_path / "seen.state")
                progress = read_tensors(tmp_path / "seen.state", STATE_FORMAT)[1]["progress"]
                if progress["epoch"] >= 1 and progress["step"] in (1, 2):
                    break
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    progress = read_tensors(run / "last.state", STATE_FORMAT)[1]["progress"]
    assert 0 < progress["epoch"] < 3
    assert 0 < progress["step"] < 4, "the kill was to come in the middle of an epoch"
    command = [sys.executable, "-m", "rdmf_model.cli", "train", "--resume", "-o", str(run), "--json"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["epochs"] == 3
    assert_same_results(run, undisturbed)


def test_a_finished_run_says_so(data, undisturbed):
    before = (undisturbed / "log.jsonl").read_bytes()
    result = train(None, undisturbed, resume=True)
    assert result.resumed_finished
    assert result.epochs == 3
    assert (undisturbed / "log.jsonl").read_bytes() == before


def test_resume_refuses_another_configuration(data, undisturbed):
    with pytest.raises(
        ParameterError, match=r"train\.learning_rate must stay as in the resumed run \(0\.003\)\. Got 0\.1"
    ):
        train(tiny_config(data, {**SETTINGS, "train.learning_rate": 0.1}), undisturbed, resume=True)
    with pytest.raises(ParameterError, match=r"model\.dropout must stay"):
        train(tiny_config(data, {**SETTINGS, "model.dropout": 0.1}), undisturbed, resume=True)


def test_resume_takes_another_way_of_saving(data, undisturbed):
    assert train(tiny_config(data, {**SETTINGS, "train.save_steps": 3}), undisturbed, resume=True).resumed_finished


def test_resume_of_nothing_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"--resume needs a run folder with a config\.json"):
        train(None, tmp_path / "absent", resume=True)


def test_a_damaged_state_is_refused(data, undisturbed, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.json", "data.json", "log.jsonl"):
        (run / name).write_bytes((undisturbed / name).read_bytes())
    (run / "last.state").write_bytes((undisturbed / "last.state").read_bytes()[:-100])
    with pytest.raises(DataError, match=r"last\.state: is not a readable safetensors file"):
        train(None, run, resume=True)
