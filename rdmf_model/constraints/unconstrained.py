"""What does a layer learn without the box? The door left open, for ablations: `rdmf train --constraint none|penalty`.

The raw numbers choose the same coordinates, from the middle of the box and at the same slope there, but nothing stops
them at its faces: designs may be undamped (z < 1), below threshold (excess < 1) or not fed (z u* > 1). Only what keeps
numbers finite is bounded. A run trained like this says so in its checkpoint, and `rdmf verify` refuses to certify it.
"""

import torch
from torch import Tensor

from rdmf_model.constraints.constraint import Design, DesignConstraint
from rdmf_theory import formulas

_RAW_LIMIT = 30.0
# u_star, z, excess, wavelength, rate: finite numbers, far outside any region
_LEAST = (1e-3, 1e-2, 1e-2, 2.01, 1e-4)
_MOST = (0.499, 1e2, 1e2, 1e4, 1e1)
# The formulas place the fastest mode of a growing pattern; without growth, that of the onset is placed instead.
_ONSET = 1.0 + 1e-4
# Clip-wise gains modulate by at least these factors where the interval that keeps a state admissible is empty.
_GAINS = (0.9, 1.1)


class OpenDoor(DesignConstraint):
    """`DesignConstraint` whose `transform` does not end at the box; its region is the one that it is judged by.

    The arguments, buffers and other verbs are those of `DesignConstraint`.
    """

    def transform(self, raw: Tensor, backend: str | None = None) -> Design:
        """Designs for any raw tensor, unbounded by the region; finite for every input.

        u_star = 1/2 sigmoid(a + b raw), the others exponentials of a + b raw; a and b such that value and slope are the
        constrained ones at raw = 0.

        Arguments: raw, shape (..., 5), any float type; backend, of the door that it stands in for, changes nothing:
            there is no compiled kernel.  Returns: `Design` of tensors (...).
        """
        raw = raw if raw.dtype == torch.float64 else raw.float()
        raw = torch.nan_to_num(raw, nan=0.0, posinf=_RAW_LIMIT, neginf=-_RAW_LIMIT).clamp(-_RAW_LIMIT, _RAW_LIMIT)
        lower, upper = self.lower.to(raw.dtype), self.upper.to(raw.dtype)
        shift = torch.zeros_like(lower)
        # geometric in excess - 1 inside the box; here the slope of the excess itself counts
        shift[2] = 1.0
        middle = torch.sqrt((lower - shift) * (upper - shift)) + shift
        middle = torch.cat([0.5 * (lower + upper)[:2], middle[2:]])
        slope = 0.25 * (middle - shift) * torch.log((upper - shift) / (lower - shift))
        slope = torch.cat([0.25 * (upper - lower)[:2], slope[2:]])
        share = 2.0 * middle[0]
        u_star = 0.5 * torch.sigmoid(torch.logit(share) + 2.0 * slope[0] / (share * (1.0 - share)) * raw[..., 0])
        others = middle[1:] * torch.exp((slope[1:] / middle[1:] * raw[..., 1:]).clamp(-_RAW_LIMIT, _RAW_LIMIT))
        coordinates = torch.cat([u_star.unsqueeze(-1), others], dim=-1)
        return self.emit(coordinates.clamp(raw.new_tensor(_LEAST), raw.new_tensor(_MOST)))

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

    def penalty(self, design: Design) -> Tensor:
        """Mean distance of the designs from the box, relative to its widths: 0 exactly where all are inside."""
        x = design.coordinates()
        lower, upper = self.lower.to(x.dtype), self.upper.to(x.dtype)
        outside = torch.relu(lower - x) + torch.relu(x - upper)
        return (outside / (upper - lower).clamp_min(1e-12)).sum(-1).mean()
