"""`python -m tests.faults`: kill training at random moments and fill the disk; does `--resume` end bit-identically?

On the CPU with one thread. After each fault every file of the run folder that is no temporary one must be readable, the
resumed run must end with the weights, optimiser state, metrics and log of an undisturbed one, and no temporary file may
be left. Exit status 1 if a fault was not survived.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from rdmf_model.checkpoints.checkpoint import FORMAT, read_tensors
from rdmf_model.config.config import Config
from rdmf_model.training.state import FORMAT as STATE_FORMAT
from tests.faults import moments
from tests.model.tiny_data import tiny_config, tiny_document, write_tiny_data
from tests.model.training.test_resume import SETTINGS, assert_same_results

KILLED = -9
# fsyncs and renames of a run of three epochs with a state after every step
WRITES = 24


@dataclass(frozen=True)
class Fault:
    """A way to die, how often it is tried, and what of it is drawn at random."""

    name: str
    times: int
    plant: Callable[[int], None] | None
    most: int
    planted: bool = False


def schedule(kills: int) -> list[Fault]:
    """`kills` deaths: two fifths at any moment, two fifths around a write, a fifth around features."""
    if kills == 0:
        return []
    parts = [max(1, round(kills * share)) for share in (0.15, 0.15, 0.1, 0.1, 0.1)]
    return [
        Fault("kill -9 at a random moment of training", max(1, kills - sum(parts)), None, 0),
        Fault("kill -9 with a half-written file", parts[0], moments.half_written, WRITES),
        Fault("kill -9 before a rename", parts[1], moments.before_rename, WRITES),
        Fault("kill -9 after a rename", parts[2], moments.after_rename, WRITES),
        Fault("kill -9 while features are written", parts[3], moments.while_features_are_written, 20, planted=True),
        Fault("kill -9 while features are read", parts[4], moments.while_features_are_read, 20),
    ]


def read_everything(run: Path) -> None:
    """Read every file of a run folder but temporary ones. Raises if one is cut short."""
    for path in run.rglob("*") if run.exists() else ():
        if path.suffix == ".safetensors":
            read_tensors(path, FORMAT)
        elif path.suffix == ".state":
            read_tensors(path, STATE_FORMAT)
        elif path.suffix == ".json":
            json.loads(path.read_text())


class Trials:
    """Runs to disturb, beside the undisturbed ones."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random, self.number = folder, moments.drawn(seed), 0
        self.log = folder / "log.txt"
        data = write_tiny_data(folder / "data")
        document = tiny_document(data) | {"data": {"planted": 0}}
        document["train"] |= {"epochs": 2, "ema_decay": 0.9, "save_steps": 1}
        from rdmf_model.config.config import parse_config

        self.configs = {False: tiny_config(data, SETTINGS), True: parse_config(document)}
        self.whole: dict[bool, Path] = {}
        self.seconds: dict[bool, float] = {}

    def undisturbed(self, planted: bool) -> Path:
        """The run that nothing happened to."""
        if planted not in self.whole:
            started = time.monotonic()
            self.whole[planted] = self.folder / f"whole_{planted}"
            child = moments.start(self.configs[planted], self.whole[planted], self.log, resume=False)
            self.expect(moments.finish(child), 0)
            self.seconds[planted] = time.monotonic() - started
        return self.whole[planted]

    def expect(self, status: int, *allowed: int) -> None:
        if status not in allowed:
            raise AssertionError(f"the process ended with {status}:\n{self.log.read_text()[-3000:]}")

    def kill(self, fault: Fault) -> bool:
        """Kill one run, check and resume it; False where it had ended before."""
        self.undisturbed(fault.planted)
        self.number += 1
        run = self.folder / f"run_{self.number}"
        config = self.configs[fault.planted]
        if fault.plant is None:
            after = self.random.uniform(0.0, self.seconds[fault.planted])
            child = moments.start(config, run, self.log, resume=False)
            status = moments.finish(child, after)
        else:
            prepare = functools.partial(fault.plant, self.random.randrange(fault.most))
            status = moments.finish(moments.start(config, run, self.log, resume=False, prepare=prepare))
        self.expect(status, KILLED, 0)
        read_everything(run)
        self.resume(run, config, fault.planted)
        return status == KILLED

    def resume(self, run: Path, config: Config, planted: bool) -> None:
        """Go on to the end, and compare."""
        given = None if (run / "config.json").exists() else config
        self.expect(moments.finish(moments.start(given, run, self.log, resume=True)), 0)
        assert_same_results(run, self.undisturbed(planted))
        read_everything(run)
        left = [path.name for path in run.rglob("*.tmp")]
        assert not left, f"temporary files are left: {left}"

    def full_disk(self, size: int) -> str:
        """Train where no file may exceed `size` bytes, then go on where it may."""
        self.undisturbed(False)
        self.number += 1
        run, prepare = self.folder / f"run_{self.number}", functools.partial(moments.little_room, size)
        child = moments.start(self.configs[False], run, self.log, resume=False, prepare=prepare)
        self.expect(moments.finish(child), 3)
        read_everything(run)
        assert not list(run.rglob("*.tmp")), "a temporary file keeps the disk full"
        self.resume(run, self.configs[False], False)
        return "file-size limit"

    def full_tmpfs(self, size: int) -> str:
        """The same on a tmpfs of `size` KiB, which is then enlarged; needs the right to mount."""
        self.undisturbed(False)
        self.number += 1
        disk = self.folder / f"disk_{self.number}"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], check=True, capture_output=True)
        try:
            child = moments.start(self.configs[False], disk / "run", self.log, resume=False)
            self.expect(moments.finish(child), 3)
            read_everything(disk / "run")
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True, capture_output=True)
            self.resume(disk / "run", self.configs[False], False)
        finally:
            subprocess.run(["umount", disk], check=True)
        return "tmpfs"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--disks", type=int, default=6, help="full disks of random sizes")
    parser.add_argument("--no-mount", action="store_true", help="limit the size of files instead of mounting a tmpfs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print("| fault | tried | in time | outcome |\n|---|---|---|---|")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(Path(folder), options.seed)
        for fault in schedule(options.kills):
            outcome, in_time = "same bits after `--resume`, all files readable", 0
            for _ in range(fault.times):
                try:
                    in_time += trials.kill(fault)
                except Exception as error:
                    outcome, failed = f"LOST: {error!r}", True
            print(f"| {fault.name} | {fault.times} | {in_time} | {outcome} |", flush=True)
        outcome, kind = "exit 3, same bits after `--resume` with more room", "file-size limit"
        whole = trials.undisturbed(False)
        largest = max(path.stat().st_size for path in whole.iterdir())
        total = sum(path.stat().st_size for path in whole.iterdir())
        for _ in range(options.disks):
            try:
                if options.no_mount:
                    kind = trials.full_disk(trials.random.randrange(64, largest))
                else:
                    # a disk of less than a page is no disk
                    kind = trials.full_tmpfs(trials.random.randrange(8, total // 1024))
            except Exception as error:
                outcome, failed = f"LOST: {error!r}", True
        print(f"| full disk ({kind}) of a random size | {options.disks} | {options.disks} | {outcome} |")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
