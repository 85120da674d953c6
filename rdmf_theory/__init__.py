"""Stability theory of the reaction-diffusion layer: derived, exact, and free of torch.

What most users need is named here and imported on first use; the rooms behind it are in docs/theory_map.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdmf_theory.support.lazy import lazy_names

if TYPE_CHECKING:
    __version__: str
    from rdmf_theory.certificates.certificate import Certificate
    from rdmf_theory.certificates.certify import certify_box
    from rdmf_theory.chart import Parameters, PatternDesign
    from rdmf_theory.dispersion import growth_rate
    from rdmf_theory.errors import DataError, ParameterError
    from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
    from rdmf_theory.layer.bandwidth import bandwidth
    from rdmf_theory.layer.simulate import simulate
    from rdmf_theory.layer.step import clip_eigenvalues, growing_modes, multiplier, pattern_gain, semi_implicit_step
    from rdmf_theory.regions.admissible import DEFAULT_REGION, AdmissibleRegion
    from rdmf_theory.regions.area import fixed_ratio_area
    from rdmf_theory.regions.boxes import Paving
    from rdmf_theory.regions.conditions import Conjunction, gray_scott_region
    from rdmf_theory.regions.design_conditions import design_region
    from rdmf_theory.regions.distance import distance_to_boundary
    from rdmf_theory.regions.export.scipy_constraint import scipy_bounds, scipy_constraint
    from rdmf_theory.regions.pave import pave
    from rdmf_theory.regions.robust import judge_box, largest_scaling
    from rdmf_theory.regions.sampling import sample_region
    from rdmf_theory.regions.screening import screen
    from rdmf_theory.schemes.artefacts import flip
    from rdmf_theory.schemes.definition import SCHEMES
    from rdmf_theory.schemes.limits import largest_step
    from rdmf_theory.systems.classification import classify_point
    from rdmf_theory.systems.point import SystemPoint
    from rdmf_theory.systems.text import parse_system
    from rdmf_theory.turing import Classification, classify, classify_array
    from rdmf_theory.verdict import Condition, Verdict

__all__ = [
    "DEFAULT_REGION",
    "GRAY_SCOTT",
    "SCHEMES",
    "AdmissibleRegion",
    "Certificate",
    "Classification",
    "Condition",
    "Conjunction",
    "DataError",
    "ParameterError",
    "Parameters",
    "PatternDesign",
    "Paving",
    "ReactionSystem",
    "SystemPoint",
    "Verdict",
    "__version__",
    "bandwidth",
    "certify_box",
    "classify",
    "classify_array",
    "classify_point",
    "clip_eigenvalues",
    "design_region",
    "distance_to_boundary",
    "fixed_ratio_area",
    "flip",
    "gray_scott_region",
    "growing_modes",
    "growth_rate",
    "judge_box",
    "largest_scaling",
    "largest_step",
    "multiplier",
    "parse_system",
    "pattern_gain",
    "pave",
    "sample_region",
    "scipy_bounds",
    "scipy_constraint",
    "screen",
    "semi_implicit_step",
    "simulate",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "certificates.certificate": ("Certificate",),
        "certificates.certify": ("certify_box",),
        "chart": (
            "Parameters",
            "PatternDesign",
        ),
        "dispersion": ("growth_rate",),
        "errors": (
            "DataError",
            "ParameterError",
        ),
        "kinetics": (
            "GRAY_SCOTT",
            "ReactionSystem",
        ),
        "layer.bandwidth": ("bandwidth",),
        "layer.simulate": ("simulate",),
        "layer.step": (
            "clip_eigenvalues",
            "growing_modes",
            "multiplier",
            "pattern_gain",
            "semi_implicit_step",
        ),
        "regions.admissible": (
            "AdmissibleRegion",
            "DEFAULT_REGION",
        ),
        "regions.area": ("fixed_ratio_area",),
        "regions.boxes": ("Paving",),
        "regions.conditions": (
            "Conjunction",
            "gray_scott_region",
        ),
        "regions.design_conditions": ("design_region",),
        "regions.distance": ("distance_to_boundary",),
        "regions.export.scipy_constraint": (
            "scipy_bounds",
            "scipy_constraint",
        ),
        "regions.pave": ("pave",),
        "regions.robust": (
            "judge_box",
            "largest_scaling",
        ),
        "regions.sampling": ("sample_region",),
        "regions.screening": ("screen",),
        "schemes.artefacts": ("flip",),
        "schemes.definition": ("SCHEMES",),
        "schemes.limits": ("largest_step",),
        "systems.classification": ("classify_point",),
        "systems.point": ("SystemPoint",),
        "systems.text": ("parse_system",),
        "turing": (
            "Classification",
            "classify",
            "classify_array",
        ),
        "verdict": (
            "Condition",
            "Verdict",
        ),
    },
)
