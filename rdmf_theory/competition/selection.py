"""Who wins: the laws of leads and segments, and what a run of the shadow system did to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from rdmf_theory.competition.conductances import segments


def lead_factor(u_next: Any, stronger: Any, weaker: Any, h: float = 1.0) -> Any:
    """Factor of one step on the lead `a_i/a_j` without diffusion, `(1 + h u' a_i)/(1 + h u' a_j)`.

    Arguments:
        u_next: u', the substrate after the step, in (0, 1].
        stronger, weaker: matches a_i, a_j = s_t v_t before the step, >= 0, 1/step.
    Proof: proofs/Selection.v, `lead_step`, `selection`.
    """
    return (1 + h * u_next * stronger) / (1 + h * u_next * weaker)


def intensities(v: np.ndarray, gain: Any, conductances: Any) -> np.ndarray:
    """`sum s_t v_t^2 / sum v_t` of every segment between cuts, 1/step: what a segment's mass competes with.

    A mass ratio of two segments changes in one step by `lead_factor` of their intensities, whatever diffusion does
    inside.  Proof: proofs/Selection.v, `segment_law`.

    Arguments: v, shape (T,), with a positive sum in every segment; gain s_t, (T,) or scalar; conductances, (T - 1,).
    """
    reacting = np.broadcast_to(np.asarray(gain, dtype=float), v.shape) * v**2
    return np.array([reacting[part].sum() / v[part].sum() for part in segments(conductances)])


def dominance_factor(u_next: float, lead: float, match: float, h: float = 1.0) -> float:
    """Least growth of a lead clip by clip, `(1 + h u' lead match)/(1 + h u' match)`, between two equal segments.

    Arguments:
        lead: v_1 >= lead v_2 at every clip, >= 1, with s_1 >= s_2.
        match: lower bound of s_2 v_2 over the weaker segment, >= 0.
    Proof: proofs/Selection.v, `dominance_kept`.
    """
    return (1 + h * u_next * lead * match) / (1 + h * u_next * match)
