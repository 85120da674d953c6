"""Properties of the reaction-diffusion layer for every text and every video: admissible parameters, bounded fields.

Those of its operator alone are in `fields.py`, `growth.py`, `symmetry.py` and `derivatives.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rdmf_model.properties.answer import Company, companies
from rdmf_model.properties.base import Margins, Property, Scope
from rdmf_model.properties.fields import ROUNDING, Fields, field_margins
from rdmf_model.properties.inputs import Text, texts
from rdmf_model.properties.model_under_test import ModelUnderTest
from rdmf_model.properties.observe import observe
from rdmf_theory import formulas
from rdmf_theory.certificates.certify import PARAMETER_ERROR
from rdmf_theory.chart import PatternDesign
from rdmf_theory.turing import classify_array
from rdmf_theory.verdict import Condition

# Conditions that are not about the emitted parameters alone.
OF_THE_DESIGN = ("mode_on_axis", "wavelength", "gain", "soft_onset")


def signed(condition: Condition) -> float:
    """The worst margin of a condition on arrays, below 0 where it does not hold: an open one fails at margin 0 too."""
    margin = np.atleast_1d(np.asarray(condition.margin, dtype=float))
    if np.isnan(margin).any():
        return float("nan")
    holds = bool(np.all(condition.holds))
    return float(margin.min()) if holds else min(float(margin.min()), -float(np.finfo(float).tiny))


def stability(F: Any, k: Any, s: Any, D_u: Any, D_v: Any) -> dict[str, float]:
    """Worst margins of v_rich, damped, fed and turing, decided from emitted parameters alone."""
    arrays = (np.asarray(value.detach().double()) for value in (F, k, s, D_u, D_v))
    return {name: signed(condition) for name, condition in classify_array(*arrays).conditions.items()}


@torch.no_grad()
def check_parameters(tested: ModelUnderTest, text: Text) -> Margins:
    """Margins of what the layer emits for a text: by the constraint, inside the box, rounded as certified, stable."""
    layer, region = tested.region_layer, tested.region_layer.constraint.region
    design = layer.design(tested.query(text.tensor(tested)))
    coordinates = design.coordinates().double().reshape(-1, 5)
    lower, upper = (torch.tensor(bound, dtype=torch.float64) for bound in (region.lower, region.upper))
    inside = torch.minimum(coordinates - lower, upper - coordinates).amin()
    point = [column.numpy() for column in coordinates.T]
    exact = np.stack(formulas.parameters_from_design(*point, xp=np))
    emitted = np.stack([getattr(design, name).double().numpy().ravel() for name in ("F", "k", "s", "D_u", "D_v")])
    error = np.abs(emitted / exact - 1).max() / float(PARAMETER_ERROR)
    prop = region.conditions(PatternDesign(*point))
    return {
        # without the constraint nothing keeps the next text inside, however many were
        **({} if tested.constraint == "hard" else {"constraint": -1.0}),
        "inside": float(inside),
        "rounding": 1.0 - float(error),
        **{name: signed(prop[name]) for name in OF_THE_DESIGN if name in prop},
        **stability(design.F, design.k, design.s, design.D_u, design.D_v),
    }


@torch.no_grad()
def check_gain(tested: ModelUnderTest, company: Company) -> Margins:
    """Margins of the frozen state of every clip under the gain that the steps ran with there."""
    seen = observe(tested, company.queries)
    F, k, D_u, D_v = (x[:, None].expand_as(seen.trace.gain)[seen.mask] for x in seen.rates)
    return stability(F, k, seen.trace.gain[seen.mask], D_u, D_v)


@torch.no_grad()
def check_bounds(tested: ModelUnderTest, company: Company) -> Margins:
    """Margins of the bounds on the fields that the layer read, and of the starting fields they need."""
    seen = observe(tested, company.queries)
    trace, worst = seen.trace, {}
    for row, clips in enumerate(seen.lengths.tolist()):
        part = slice(row, row + 1), slice(0, clips)
        u0, v0, u, v = (x[part] for x in (trace.u_0, trace.v_0, trace.u_N, trace.v_N))
        rates = (x[row : row + 1] for x in seen.rates)
        found = field_margins(Fields(u0, v0, *rates, steps=tested.steps, u=u, v=v))
        found |= {"u0": float(torch.minimum(u0, 1 - u0).amin()), "v0": float(v0.amin())}
        for name, margin in found.items():
            # NaN is kept
            worst[name] = margin if not margin >= worst.get(name, margin) else worst.get(name, margin)
    return worst


LAYER_PROPERTIES: tuple[Property, ...] = (
    Property(
        name="admissible",
        statement="For any text, every channel's parameters are admissible, and rounded as the certificate assumes.",
        latex=r"(F, k, s, D_u, D_v)(q) \in \mathcal{A} \quad \forall q",
        theorem="Turing.turing_iff, Chart.stable_without_diffusion_iff, Design.design_positive",
        strategy=texts,
        check=check_parameters,
        tolerance="none on the conditions; the emitted float32 numbers are within 2^-23 of the formulas",
        scope=Scope.REGION,
    ),
    Property(
        name="gain",
        statement="For any text and video, every clip's own gain keeps its frozen state admissible.",
        latex=r"m_{\mathrm{lo}} < m_t < m_{\mathrm{hi}}",
        theorem="ModulatedGain.gain_interval_iff",
        strategy=companies,
        check=check_gain,
        tolerance="none: the layer uses an inner part of the open interval, which leaves room for rounding",
        scope=Scope.LAYER,
    ),
    Property(
        name="bounds",
        statement="For any text and video, u stays in [0, 1], v >= 0 below its bound, and mean(u + v) does not grow.",
        latex=r"0 \le u \le 1,\; v \ge 0,\; \langle u + v\rangle \le \max(1, \langle u_0 + v_0\rangle)",
        theorem="Step.run_admissible, Step.step_v_bound, Step.step_mean_bound",
        strategy=companies,
        check=check_bounds,
        tolerance=ROUNDING,
        scope=Scope.LAYER,
    ),
)
