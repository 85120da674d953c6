"""How long may an answer take? A computation in its own process, with a bound on wall-clock time that always holds.

Computer algebra has no useful bound beforehand: two polynomials of one size can take milliseconds or days. The bound is
an alarm of the operating system that ends the process, also inside of compiled code.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from rdmf_theory.errors import DataError, ParameterError

# the parent waits this much longer than the child's alarm, s
_GRACE = 2.0


class TimeLimit(ParameterError):
    """A computation did not end within its time; the message says what and how long."""


class OutOfTime(BaseException):
    """The processor time of `processor_limit` is spent. No `Exception`, so that no library takes it for its own."""


@contextmanager
def processor_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after `seconds` of processor time of this process.

    It stops between two steps of the interpreter, which suits symbolic algebra in Python. Outside of the main thread,
    without such alarms, or for an infinite time, it does nothing; `within` is the bound that always holds.
    """
    main = threading.current_thread() is threading.main_thread()
    if seconds == float("inf") or not main or not hasattr(signal, "SIGPROF"):
        yield
        return

    def late(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def within(seconds: float, what: str, function: Callable[..., Any], *arguments: Any, remedy: str = "") -> Any:
    """`function(*arguments)`, or TimeLimit after `seconds`.

    Arguments:
        seconds: wall-clock time, > 0.
        what: the computation in words, as it reads in "WHAT did not end within 60 s".
        function: at the top level of a module; its arguments and result can be pickled. What it prints is lost.
        remedy: what else to do than to wait longer, as it reads in "raise --timeout, or REMEDY."
    Raises: TimeLimit; ParameterError if `seconds` is not positive or the process died; a ParameterError or DataError
        of `function`, whose other exceptions are named in a ParameterError.
    """
    if not 0 < seconds < float("inf"):
        raise ParameterError(f"--timeout must be a finite number of seconds above 0. Got {seconds}.")
    late = f"{what} did not end within {seconds:g} s; raise --timeout{remedy and f', or {remedy}'}."
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(  # pyright: ignore[reportAttributeAccessIssue]
        target=_work, args=(sender, seconds, function, arguments), daemon=True
    )
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds + _GRACE):
            raise TimeLimit(late)
        kind, value = receiver.recv()
    except EOFError:
        process.join(_GRACE)
        if hasattr(signal, "SIGALRM") and process.exitcode == -signal.SIGALRM:
            raise TimeLimit(late) from None
        raise ParameterError(
            f"{what} was ended from outside with code {process.exitcode}, perhaps for want of memory; "
            "take a smaller problem."
        ) from None
    finally:
        process.kill()
        process.join()
        receiver.close()
    if kind == "error":
        raise value
    if kind == "fault":
        raise ParameterError(f"{what} failed with {value}.")
    return value


def _work(sender: Connection, seconds: float, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """The child: its answer goes through the pipe; the alarm's default action ends it, whatever it does."""
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        message = ("value", function(*arguments))
    except (ParameterError, DataError) as error:
        # a subclass may not survive pickling; its message does
        base = DataError if isinstance(error, DataError) else ParameterError
        message = ("error", base(str(error)))
    except MemoryError:
        message = ("fault", "memory ran out; take a smaller problem")
    except Exception as error:
        message = (
            "fault",
            f"{type(error).__name__}: {error}; this is a fault of the program, report it with its input",
        )
    sender.send(message)
    sender.close()
