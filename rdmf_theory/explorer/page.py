"""Put the explorer together: one self-contained HTML page."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.support.files import write_text

FIELDS = ("u_star", "z", "excess", "wavelength", "rate")


def explorer_page(design: PatternDesign, clips: int = 96) -> str:
    """The HTML text.

    Arguments:
        design: where the page starts, scalars.
        clips: T of the modes and of the running layer, 8 to 256.

    Raises: ParameterError for another number of clips.
    """
    if not 8 <= clips <= 256:
        raise ParameterError(f"clips must be 8 to 256. Got {clips}.")
    folder = resources.files("rdmf_theory.explorer")
    parts = {name: (folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css")}
    scripts = [(folder / name).read_text(encoding="utf-8") for name in ("formulas.js", "step.js", "page.js")]
    start = {**{name: float(getattr(design, name)) for name in FIELDS}, "clips": clips}
    script = f"const START = {json.dumps(start)};\n" + "\n".join(scripts)
    return parts["page.html"].replace("/* STYLE */", parts["page.css"]).replace("/* SCRIPT */", script)


def write_explorer(target: Path, design: PatternDesign, clips: int = 96) -> Path:
    """Write the page. Raises ParameterError for a name that does not end in .html."""
    if target.suffix.lower() not in (".html", ".htm"):
        raise ParameterError(f"the page must end in .html. Got {target.name}.")
    write_text(target, explorer_page(design, clips))
    return target
