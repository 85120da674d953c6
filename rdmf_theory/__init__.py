"""Stability theory of the reaction-diffusion layer: derived, exact, and free of torch.

Gray-Scott and its layer are here, the rest is in rooms (docs/theory_map.md): `arithmetic`, `systems`, `schemes`,
`bifurcations`, `patterns`, `regions`, `certificates`, `proving`, and `commands` of the program.

Names are imported on first use, so `import rdmf_theory` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rdmf_theory.chart import Parameters, PatternDesign
    from rdmf_theory.errors import DataError, ParameterError
    from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
    from rdmf_theory.regions.admissible import DEFAULT_REGION, AdmissibleRegion
    from rdmf_theory.regions.area import fixed_ratio_area
    from rdmf_theory.regions.boxes import Paving
    from rdmf_theory.regions.conditions import Conjunction, gray_scott_region
    from rdmf_theory.regions.pave import pave
    from rdmf_theory.regions.screening import screen
    from rdmf_theory.turing import Classification, classify, classify_array
    from rdmf_theory.verdict import Condition

__all__ = [
    "DEFAULT_REGION",
    "GRAY_SCOTT",
    "AdmissibleRegion",
    "Classification",
    "Condition",
    "Conjunction",
    "DataError",
    "ParameterError",
    "Parameters",
    "PatternDesign",
    "Paving",
    "ReactionSystem",
    "classify",
    "classify_array",
    "fixed_ratio_area",
    "gray_scott_region",
    "pave",
    "screen",
]

_HOME = {
    "chart": ("Parameters", "PatternDesign"),
    "errors": ("DataError", "ParameterError"),
    "kinetics": ("GRAY_SCOTT", "ReactionSystem"),
    "regions.admissible": ("DEFAULT_REGION", "AdmissibleRegion"),
    "regions.area": ("fixed_ratio_area",),
    "regions.boxes": ("Paving",),
    "regions.conditions": ("Conjunction", "gray_scott_region"),
    "regions.pave": ("pave",),
    "regions.screening": ("screen",),
    "turing": ("Classification", "Condition", "classify", "classify_array"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
