"""When does a training process die? A moment is planted in a forked child, which is killed by SIGKILL there."""

from __future__ import annotations

import functools
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rdmf_model.config.config import Config
from rdmf_model.data import planted
from rdmf_model.training.train import train

Act = Callable[[], None]


def die() -> None:
    """kill -9 of the own process."""
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(number: int, honest: Callable, before: Act = die, after: Act | None = None) -> Callable:
    """`honest`, except that its call `number` (from 0) is preceded by `before`, or followed by `after`."""
    calls = 0

    @functools.wraps(honest)
    def wrapped(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls == number + 1 and after is None:
            before()
        result = honest(*arguments, **options)
        if calls == number + 1 and after is not None:
            after()
        return result

    return wrapped


def half_written(number: int) -> None:
    """The file of fsync `number` ends in the middle, and so does the process."""
    honest = os.fsync
    calls = 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == number + 1:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            die()
        honest(descriptor)

    os.fsync = fsync


def before_rename(number: int) -> None:
    """The temporary file is whole, the old one still in place."""
    Path.replace = at_call(number, Path.replace)


def after_rename(number: int) -> None:
    """The new file is in place, and what was to follow is not."""
    Path.replace = at_call(number, Path.replace, after=die)


def while_features_are_written(number: int) -> None:
    """Of the planted data set, `number` feature files exist."""
    np.savez = at_call(number, np.savez)


def while_features_are_read(number: int) -> None:
    """`number` feature files have been loaded."""
    np.load = at_call(number, np.load)


def small_planted_set() -> None:
    """The planted data set with a few queries, in this process."""
    planted.write_planted_dataset = functools.partial(planted.write_planted_dataset, train=8, val=4)


def little_room(size: int) -> None:
    """No file may grow beyond `size` bytes: the write fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def start(config: Config | None, run: Path, log: Path, *, resume: bool, prepare: Act | None = None) -> int:
    """Train in a child process, after `prepare`; returns its id. What it says goes to `log`."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        with log.open("a") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        small_planted_set()
        if prepare is not None:
            prepare()
        train(config, run, resume=resume)
        status = 0
    except OSError as error:
        print(error)
        status = 3
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def finish(child: int, kill_after: float | None = None) -> int:
    """Wait for a child; its exit status, or minus the signal that ended it."""
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def drawn(seed: int) -> random.Random:
    """The generator of the moments."""
    return random.Random(seed)
