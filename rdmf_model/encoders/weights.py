"""Find the weights that registry packages ship, and pin them by sha256."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np

from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.extras import install_hint
from rdmf_theory.support.files import replacing


def sha256_of(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def packaged_file(distribution: str, suffix: str) -> Path:
    """The file of an installed package whose path ends in `suffix`, found without importing (running) the package.

    Raises: ParameterError where the package is not installed or has no such file.
    """
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        raise ParameterError(f"the package {distribution} is not installed. {install_hint('encoders')}") from None
    for file in files:
        if str(file).endswith(suffix):
            return Path(str(file.locate()))
    raise ParameterError(
        f"the package {distribution} holds no {suffix}. Install the version that constraints.txt names."
    )


def pinned(path: Path, expected: str | None) -> Path:
    """`path` if its sha256 is the expected one, or none is expected (a path that the user gave).

    Raises: DataError that names the file, for another content.
    """
    if not path.is_file():
        raise DataError(f"{path}: is no file of weights. Check the path.")
    if expected is not None and (found := sha256_of(path)) != expected:
        raise DataError(
            f"{path}: has sha256 {found[:16]}..., not the expected {expected[:16]}.... Install the version that "
            "constraints.txt names, or give the file by its path if another one is meant."
        )
    return path


def cache_folder() -> Path:
    """Folder for what is derived from weights once: $RDMF_CACHE, else rdmf in the user's cache folder."""
    explicit = os.environ.get("RDMF_CACHE")
    if explicit:
        return Path(explicit)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rdmf"


def cached_matrix(key: str, shape: tuple[int, int], compute: Callable[[], np.ndarray]) -> np.ndarray:
    """A float32 matrix that is computed once per `key` and kept in the cache folder.

    A file that is damaged or of another shape is computed again; a folder that cannot be written is no error.
    """
    path = cache_folder() / f"{key}.npy"
    try:
        found = np.load(path, allow_pickle=False)
        if found.shape == shape and found.dtype == np.float32 and np.isfinite(found).all():
            return found
    except (OSError, ValueError, EOFError):
        pass
    matrix = np.ascontiguousarray(compute(), dtype=np.float32)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, matrix)
    return matrix
