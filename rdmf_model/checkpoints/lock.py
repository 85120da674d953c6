"""One writer per run folder: a lock that the operating system lets go when its process ends, also by `kill -9`."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rdmf_theory.errors import ParameterError

LOCK = ".lock"


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run folder while it is written; its file goes with the last holder.

    Raises: ParameterError if another process holds it, with one line that says which.
    """
    path = folder / LOCK
    stream = _acquire(path)
    try:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        stream.truncate(0)
        stream.write(json.dumps(holder))
        stream.flush()
        yield
    finally:
        # before it is let go: whoever waits for this file finds that it is gone, and makes its own
        path.unlink(missing_ok=True)
        stream.close()


def refuse_if_locked(folder: Path) -> None:
    """ParameterError if a process is writing this run folder."""
    path = folder / LOCK
    if path.is_file():
        _acquire(path).close()


def _acquire(path: Path) -> IO[str]:
    """The lock's file, locked. A file that was removed while it was waited for is none."""
    while True:
        stream = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            who = _holder(stream.read(1000))
            stream.close()
            raise ParameterError(
                f"{path.parent} is being written by another training{who}. Wait until it has ended, or give another "
                "--output."
            ) from None
        except BaseException:
            stream.close()
            raise
        try:
            same = os.fstat(stream.fileno()).st_ino == path.stat().st_ino
        except FileNotFoundError:
            same = False
        if same:
            return stream
        stream.close()


def _holder(text: str) -> str:
    """Who holds a lock, as its file says; nothing where it says nothing yet."""
    try:
        found = json.loads(text)
        return f" (process {int(found['pid'])} on {str(found['host'])[:60]!a}, since {str(found['since'])[:19]!a})"
    except (ValueError, TypeError, KeyError):
        return ""
