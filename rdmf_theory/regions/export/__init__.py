"""One region in other people's languages: a scipy constraint, SMT-LIB text, a LaTeX document.

JSON is `AdmissibleRegion.to_dict`; certificates are made by `certify` and `region_certificate`. A torch module is made
on the side of the network: `rdmf_model.constraints.constraint.DesignConstraint(region)`.
"""

from __future__ import annotations

from rdmf_theory.regions.admissible import AdmissibleRegion
from rdmf_theory.regions.conditions import Conjunction
from rdmf_theory.regions.design_conditions import design_region


def as_conjunction(region: AdmissibleRegion | Conjunction) -> Conjunction:
    """The conditions of either kind of region as formulas."""
    return design_region(region) if isinstance(region, AdmissibleRegion) else region
