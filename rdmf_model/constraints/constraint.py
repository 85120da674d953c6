"""Raw network outputs become admissible designs, whatever the weights are.

`DesignConstraint.transform` maps any real tensor into the design box of an `AdmissibleRegion` and emits F, k, s, D_u,
D_v from the generated formulas.

Why the result is inside for every float32 input, not just for the usual ones: `sigmoid(x) * (u - l) + l` leaves the
interval by one rounding for about one random interval in a hundred, so the bounds are rounded inward to float32, the
result is clamped to them, and NaN and infinities are replaced first. F, k, s, D_u, D_v are evaluated in float64 from
the float32 design and rounded once, so each is within the `PARAMETER_ERROR` of `rdmf_theory.certificates.certify`,
whose certificate covers exactly that error. Where there are compiled kernels they do both (`ops.designs`), by formulas
transcribed from the generated ones; what is written here in torch is their definition.
"""

import torch
from torch import Tensor

from rdmf_model.constraints.base import COORDINATES, Constraint, Design
from rdmf_model.ops import designs
from rdmf_theory import formulas
from rdmf_theory.errors import ParameterError

# sigmoid(+-88) is 0 or 1 in float32 and its gradient underflows: larger inputs change nothing but overflow later.
_RAW_LIMIT = 88.0


class DesignConstraint(Constraint):
    """Maps raw tensors into the design box of an admissible region, and back: no raw tensor leaves it.

    Arguments, buffers, errors: those of `Constraint`.
    """

    def transform(self, raw: Tensor, backend: str | None = None) -> Design:
        """Designs inside the box for any raw tensor, infinities and NaN included.

        u_star and z are affine in sigmoid(raw); excess - 1, wavelength and rate are geometric in it, so that equal
        steps of raw are equal ratios. raw = 0 is the middle of the box.

        Arguments:
            raw: shape (..., 5), any float type; computed in float32 at least, in float64 for float64.
            backend: of `ops.reaction_diffusion`; the compiled kernels run where that one would.
        Returns: `Design` of tensors (...). NaN counts as 0, and has gradient 0 like the infinities.
        """
        if raw.shape[-1:] != (5,):
            raise ParameterError(f"transform needs raw of shape (..., 5), {COORDINATES}. Got {tuple(raw.shape)}.")
        raw = raw if raw.dtype == torch.float64 else raw.float()
        return self.emit(self._place(raw, backend), backend)

    def _place(self, raw: Tensor, backend: str | None) -> Tensor:
        """Coordinates (..., 5) of raw numbers, float32 or float64, inside the box."""
        lower, upper = self.lower.to(raw.dtype), self.upper.to(raw.dtype)
        if designs.compiled(raw, backend):
            return designs.box_coordinates(raw, lower, upper, _RAW_LIMIT)
        raw = torch.nan_to_num(raw, nan=0.0, posinf=_RAW_LIMIT, neginf=-_RAW_LIMIT).clamp(-_RAW_LIMIT, _RAW_LIMIT)
        share = torch.sigmoid(raw)
        affine = lower[:2] + share[..., :2] * (upper[:2] - lower[:2])
        excess = 1.0 + _geometric(share[..., 2], lower[2] - 1.0, upper[2] - 1.0)
        geometric = _geometric(share[..., 3:], lower[3:], upper[3:])
        coordinates = torch.cat([affine, excess.unsqueeze(-1), geometric], dim=-1)
        return torch.clamp(coordinates, lower, upper)

    def emit(self, coordinates: Tensor, backend: str | None = None) -> Design:
        """F, k, s, D_u, D_v, v* and the gain interval of designs, shape (..., 5), by the generated formulas.

        Evaluated in float64 and rounded once to the type of `coordinates`; `backend` as in `transform`.
        """
        if designs.compiled(coordinates, backend):
            return Design(*coordinates.unbind(-1), *designs.emit(coordinates).unbind(0))
        u_star, z, excess, wavelength, rate = coordinates.unbind(-1)
        exact = [part.double() for part in (u_star, z, excess, wavelength, rate)]
        emitted = formulas.parameters_from_design(*exact, xp=torch)
        d = exact[2] * formulas.turing_threshold(exact[0], exact[1], xp=torch)
        v_star = formulas.steady_v(exact[0], exact[1])
        gain_lo, gain_hi = formulas.gain_interval(exact[0], exact[1], d, xp=torch)
        rounded = (part.to(coordinates.dtype) for part in (*emitted, v_star, gain_lo, gain_hi))
        return Design(u_star, z, excess, wavelength, rate, *rounded)

    def inverse_transform(self, design: Tensor) -> Tensor:
        """Raw tensor whose transform is `design`, shape (..., 5).

        Designs on or outside the bounds are moved just inside, so that the result is finite.
        """
        dtype = design.dtype if design.dtype == torch.float64 else torch.float32
        lower, upper = self.lower.double(), self.upper.double()
        x = design.double()
        affine = (x[..., :2] - lower[:2]) / (upper[:2] - lower[:2]).clamp_min(1e-12)
        excess = _geometric_share(x[..., 2:3] - 1.0, lower[2:3] - 1.0, upper[2:3] - 1.0)
        share = torch.cat([affine, excess, _geometric_share(x[..., 3:], lower[3:], upper[3:])], dim=-1)
        return torch.logit(share, eps=1e-7).to(dtype)


def _geometric(share: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """lower^(1 - share) upper^share, for positive bounds."""
    return torch.exp(torch.log(lower) + share * (torch.log(upper) - torch.log(lower)))


def _geometric_share(x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The inverse of `_geometric`; x at or below 0 counts as the lower bound."""
    return torch.log(torch.maximum(x, lower) / lower) / torch.log(upper / lower).clamp_min(1e-12)
