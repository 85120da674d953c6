"""Style and writer of all figures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.files import replacing

if TYPE_CHECKING:
    pass


FORMATS = ("png", "pdf", "svg")


# Blue, orange and a grey of clearly different lightness.
DARK, MIDDLE, LIGHT = "#1b4f8a", "#d9772b", "#b8c7d9"


STYLE: Any = {
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.4,
    "mathtext.fontset": "cm",
    "svg.hashsalt": "rdmf",
}


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure under a temporary name and rename it; the format follows the suffix (png, pdf, svg).

    Raises: ParameterError for another suffix, DataError if the file cannot be written.
    """
    target = Path(path)
    kind = target.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise ParameterError(f"--plot must end in one of .{', .'.join(FORMATS)}. Got {target.name!r}.")
    try:
        with replacing(target) as temporary:
            figure.savefig(temporary, format=kind, dpi=200)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error
