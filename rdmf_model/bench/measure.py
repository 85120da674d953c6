"""How figures are taken: interleaved repetitions, median times, peak memory of a run of its own, what machine it was.

On the CPU times are CPU time of the process and the peak is taken in a fork; on a GPU they are CUDA events and the
allocator's own peak. There torch keeps the memory that was freed; `kept_memory` makes the C library do so, too.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

Case = Callable[[], object]
Tick = Callable[[str], None]
"""Called with the name of each case before it runs: drives a progress bar."""

SHORT = 0.5
"""Seconds below which a case is short."""

HERE = Path(__file__).resolve().parent

# glibc's names for what `mallopt` sets, their defaults, and what keeps everything that was freed. By itself glibc moves
# its thresholds with what it has seen; set like this they stay.
_MMAP_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -4, -3, -1
_USUAL = {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 128 * 1024, _TRIM_THRESHOLD: 128 * 1024}
_KEPT = {_MMAP_MAX: 0, _TRIM_THRESHOLD: -1}


def silent(name: str) -> None:
    """The tick that shows nothing."""


@contextmanager
def kept_memory() -> Iterator[bool]:
    """Memory that is freed meanwhile stays with the process: whether the C library can do that.

    By itself glibc gives every block of 32 MiB or more back at once, and the next one is handed over page by page,
    zeroed: a cost of the system, which hides that of the cases and moves by a factor of ten on a virtual machine.
    Caching allocators (jemalloc, tcmalloc, torch's own on a GPU) keep memory.
    """
    kept = _tell_allocator(_KEPT)
    try:
        yield kept
    finally:
        _release_memory()


def _tell_allocator(options: Mapping[int, int]) -> bool:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(*option) for option in options.items())


def _release_memory() -> None:
    """Back to the usual: what is free goes back to the system."""
    if _tell_allocator(_USUAL):
        ctypes.CDLL(None).malloc_trim(0)


def seconds(case: Case, device: str = "cpu") -> float:
    """One run: CPU time of the process, or the time between two CUDA events."""
    if device == "cpu":
        start = time.process_time()
        case()
        return time.process_time() - start
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    case()
    end.record()
    end.synchronize()
    return 1e-3 * begin.elapsed_time(end)


def interleaved_milliseconds(
    cases: Mapping[str, Case], repeats: int, device: str = "cpu", tick: Tick = silent
) -> dict[str, float]:
    """Median time of each case; the cases take turns, so a busy spell of the machine meets all of them.

    A short case runs once before it is timed: what the one before it left behind, in caches and in the allocator's
    lists, is not its own (a loop's hundred thousand tensors doubled the time of what came next).
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    warm = {name: seconds(case, device) for name, case in cases.items()}
    for _ in range(repeats):
        for name, case in cases.items():
            tick(name)
            if warm[name] < SHORT:
                case()
            times[name].append(seconds(case, device))
    return {name: 1e3 * statistics.median(values) for name, values in times.items()}


def peak_bytes(case: Case, device: str = "cpu") -> int | None:
    """Most memory that one run of `case` adds to what there was; None on a CPU where there is no Linux /proc."""
    if device != "cpu":
        case()
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        case()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    if not Path("/proc/self/clear_refs").exists():
        return None
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send_peak, args=(case, sender))
    child.start()
    sender.close()  # so that a child that dies ends the wait
    try:
        peak = receiver.recv()
    except EOFError:
        peak = None
    child.join()
    return peak


def _send_peak(case: Case, sender: Any) -> None:
    gc.freeze()  # what the parent holds is not looked through
    _release_memory()
    case()  # once before, so that the pages of the program's own code do not count
    gc.collect()
    _release_memory()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = _status_bytes("VmRSS")
    case()
    sender.send(_status_bytes("VmHWM") - before)


def _status_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def machine(device: str = "cpu") -> dict[str, str]:
    """Processor, cores, load, versions and commit that a table of figures needs beside it."""
    found = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "threads": str(torch.get_num_threads()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": _commit(),
    }
    if device != "cpu":
        properties = torch.cuda.get_device_properties(0)
        found |= {"gpu": properties.name, "multiprocessors": str(properties.multi_processor_count)}
    return found


def _commit() -> str:
    """Commit of the checkout that this package is imported from, "-dirty" with changes; "unknown" where it is none."""
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    try:
        # the package's folder must be git's own, not an ignored folder inside someone else's checkout
        tracked = ["git", "-C", str(HERE), "ls-files", "--error-unmatch", "measure.py"]
        if subprocess.run(tracked, capture_output=True, check=False).returncode:
            return "unknown"
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
