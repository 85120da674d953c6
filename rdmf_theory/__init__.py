"""Stability theory of the reaction-diffusion layer: derived, exact, and free of torch.

Names are imported on first use, so `import rdmf_theory` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_EXPORTS = {
    "ParameterError": "errors",
    "DataError": "errors",
    "GRAY_SCOTT": "kinetics",
    "ReactionSystem": "kinetics",
    "Parameters": "chart",
    "PatternDesign": "chart",
    "classify": "turing",
    "classify_array": "turing",
    "Condition": "turing",
    "Classification": "turing",
    "AdmissibleRegion": "regions",
    "DEFAULT_REGION": "regions",
    "fixed_ratio_area": "area",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
