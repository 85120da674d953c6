"""Designs that the box does not bound, for ablations: `rdmf train --constraint none|penalty`.

The raw numbers choose the same coordinates, from the middle of the box and at the same slope there, but nothing stops
them at its faces: designs may be undamped (z < 1), below threshold (excess < 1) or not fed (z u* > 1). Only what keeps
numbers finite is bounded. A run trained like this says so in its checkpoint, and `rdmf verify` refuses to certify it.
"""

import torch
from torch import Tensor

from rdmf_model.constraints.base import Constraint, Design
from rdmf_theory import formulas

_RAW_LIMIT = 30.0
# u_star, z, excess, wavelength, rate: finite numbers, far outside any region
_LEAST = (1e-3, 1e-2, 1e-2, 2.01, 1e-4)
_MOST = (0.499, 1e2, 1e2, 1e4, 1e1)
# The formulas place the fastest mode of a growing pattern; without growth, that of the onset is placed instead.
_ONSET = 1.0 + 1e-4
# Clip-wise gains modulate by at least these factors where the interval that keeps a state admissible is empty.
_GAINS = (0.9, 1.1)


class Unconstrained(Constraint):
    """A `transform` that does not end at the box; the region is the one that it is judged by.

    Arguments, buffers, errors: those of `Constraint`.
    """

    can_leave = True

    def transform(self, raw: Tensor, backend: str | None = None) -> Design:
        """Designs for any raw tensor, unbounded by the region; finite for every input.

        u_star = 1/2 sigmoid(a + b raw), the others exponentials of a + b raw; a and b such that value and slope are the
        constrained ones at raw = 0.

        Arguments: raw, shape (..., 5), any float type; backend changes nothing: there is no compiled kernel.
        Returns: `Design` of tensors (...).
        """
        raw = raw if raw.dtype == torch.float64 else raw.float()
        raw = torch.nan_to_num(raw, nan=0.0, posinf=_RAW_LIMIT, neginf=-_RAW_LIMIT).clamp(-_RAW_LIMIT, _RAW_LIMIT)
        middle, slope = self._middle(raw.dtype)
        share = 2.0 * middle[0]
        u_star = 0.5 * torch.sigmoid(torch.logit(share) + 2.0 * slope[0] / (share * (1.0 - share)) * raw[..., 0])
        others = middle[1:] * torch.exp((slope[1:] / middle[1:] * raw[..., 1:]).clamp(-_RAW_LIMIT, _RAW_LIMIT))
        coordinates = torch.cat([u_star.unsqueeze(-1), others], dim=-1)
        return self.emit(coordinates.clamp(raw.new_tensor(_LEAST), raw.new_tensor(_MOST)))

    def inverse_transform(self, design: Tensor) -> Tensor:
        """Raw tensor whose transform is `design`, coordinates (..., 5), in or outside the box.

        Designs on or outside the bounds that keep numbers finite are moved just inside, so that the result is finite.
        """
        dtype = design.dtype if design.dtype == torch.float64 else torch.float32
        middle, slope = self._middle(torch.float64)
        least, most = (middle.new_tensor(bounds) for bounds in (_LEAST, _MOST))
        x = torch.minimum(torch.maximum(design.double(), least), most)
        share = 2.0 * middle[0]
        first = (torch.logit(2.0 * x[..., :1]) - torch.logit(share)) * share * (1.0 - share) / (2.0 * slope[0])
        others = torch.log(x[..., 1:] / middle[1:]) * middle[1:] / slope[1:]
        return torch.cat([first, others], dim=-1).clamp(-_RAW_LIMIT, _RAW_LIMIT).to(dtype)

    def _middle(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Coordinates at raw = 0 and their slopes there, (5,) each: those of `DesignConstraint`."""
        lower, upper = self.lower.to(dtype), self.upper.to(dtype)
        shift = torch.zeros_like(lower)
        # geometric in excess - 1 inside the box; here the slope of the excess itself counts
        shift[2] = 1.0
        middle = torch.sqrt((lower - shift) * (upper - shift)) + shift
        middle = torch.cat([0.5 * (lower + upper)[:2], middle[2:]])
        slope = 0.25 * (middle - shift) * torch.log((upper - shift) / (lower - shift))
        slope = torch.cat([0.25 * (upper - lower)[:2], slope[2:]])
        return middle, slope

    def emit(self, coordinates: Tensor, backend: str | None = None) -> Design:
        """F, k, s, D_u, D_v, v* and gains of designs (..., 5), in or outside the region, in float64, rounded once."""
        u_star, z, excess, wavelength, rate = coordinates.unbind(-1)
        exact = [part.double() for part in (u_star, z, excess, wavelength, rate)]
        growing = exact[2].clamp(min=_ONSET)
        F, k, s, _, D_v = formulas.parameters_from_design(exact[0], exact[1], growing, exact[3], exact[4], xp=torch)
        threshold = formulas.turing_threshold(exact[0], exact[1], xp=torch)
        gain_lo, gain_hi = formulas.gain_interval(exact[0], exact[1], growing * threshold, xp=torch)
        emitted = (F, k, s, exact[2] * threshold * D_v, D_v, formulas.steady_v(exact[0], exact[1]))
        gains = (gain_lo.clamp(max=_GAINS[0]), gain_hi.clamp(min=_GAINS[1]))
        return Design(u_star, z, excess, wavelength, rate, *(part.to(coordinates.dtype) for part in (*emitted, *gains)))
