"""Is there a library of compiled kernels, does it belong to this source, and for which instruction set was it built?

`RDMF_LIBRARY` names another file than `build.LIBRARY`, for instance the one that `build --sanitize` wrote.
"""

import ctypes
import os
from functools import cache
from pathlib import Path

from . import build


@cache
def _library() -> tuple[ctypes.CDLL | None, str]:
    file = Path(os.environ.get("RDMF_LIBRARY") or build.LIBRARY)
    if not file.is_file():
        return None, "it was not built: the installation found no working C++ compiler (set CXX and install again)"
    try:
        library = ctypes.CDLL(str(file))
        library.rdmf_source.restype = library.rdmf_variant.restype = ctypes.c_char_p
        library.rdmf_lanes.restype = ctypes.c_int64
        if library.rdmf_source().decode() != build.source_hash():
            return None, f"it is older than its source: run python -m {build.__name__}"
    except (OSError, AttributeError) as error:
        return None, f"{file.name} cannot be loaded: {error}"
    return library, f"built for {library.rdmf_variant().decode()}"


def missing() -> str | None:
    """Why there are no kernels and what to do about it; None if there are."""
    library, reason = _library()
    return None if library is not None else reason


def status() -> str:
    """One line: the instruction set in use, or why there are no kernels."""
    return _library()[1]


def library() -> ctypes.CDLL:
    """The compiled kernels. Raises RuntimeError, with the reason, where there are none."""
    found, reason = _library()
    if found is None:
        raise RuntimeError(f"The compiled CPU kernels are not available: {reason}.")
    return found
