"""A few of the deaths of `python -m tests.faults`, and a full disk; the whole table is in docs/faults.md."""

import os
import subprocess
import sys

from tests.faults.__main__ import schedule


def test_killed_and_full_runs_end_with_the_same_bits(repository):
    command = [sys.executable, "-m", "tests.faults", "--kills", "6", "--disks", "1", "--no-mount", "--seed", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=280)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "LOST" not in found.stdout
    assert found.stdout.count("same bits after `--resume`") == 7


def test_the_schedule_tries_what_it_says():
    faults = schedule(20)
    assert sum(fault.times for fault in faults) == 20
    assert all(fault.times > 0 for fault in faults)
