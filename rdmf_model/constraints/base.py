"""Designs as tensors, and the base class of what maps raw network outputs to them.

`transform` maps raw tensors to designs and emits F, k, s, D_u, D_v; `inverse_transform` goes back; `check` judges
designs with the region's own conditions. A layer asks this object and holds no inequality of its own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from rdmf_model.ops.reaction_diffusion.driven import relative_gain
from rdmf_theory.chart import Parameters, PatternDesign
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.regions.admissible import DEFAULT_REGION, AdmissibleRegion
from rdmf_theory.verdict import Condition

COORDINATES = ("u_star", "z", "excess", "wavelength", "rate")

# Conditions that depend on the emitted parameters; the others bound the coordinates themselves.
STABILITY = ("v_rich", "damped", "fed", "turing", "mode_on_axis")


@dataclass(frozen=True)
class Design:
    """Designs and what they emit, tensors of one shape (...).

    Coordinates u_star, z, excess, wavelength (clips), rate (1/step); parameters F, k (1/step), s, D_u, D_v
    (clip^2/step); v_star, the base state of the activator; gain_lo < 1 < gain_hi, the open interval of the relative
    gain m_t = s_t/s that keeps the frozen state of every clip admissible.
    """

    u_star: Tensor
    z: Tensor
    excess: Tensor
    wavelength: Tensor
    rate: Tensor
    F: Tensor
    k: Tensor
    s: Tensor
    D_u: Tensor
    D_v: Tensor
    v_star: Tensor
    gain_lo: Tensor
    gain_hi: Tensor

    def coordinates(self) -> Tensor:
        """The five coordinates stacked, shape (..., 5)."""
        return torch.stack([getattr(self, name) for name in COORDINATES], dim=-1)

    def map(self, function: Any) -> "Design":
        """The design with `function` applied to every tensor, for instance an indexing or `Tensor.detach`."""
        return Design(**{field.name: function(getattr(self, field.name)) for field in fields(self)})


def _round_inward(lower: Sequence[float], upper: Sequence[float]) -> tuple[Tensor, Tensor]:
    """The largest float32 box inside [lower, upper], as two tensors of shape (5,)."""
    low64, high64 = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    low, high = low64.astype(np.float32), high64.astype(np.float32)
    low = np.where(low < low64, np.nextafter(low, np.float32(np.inf)), low)
    high = np.where(high > high64, np.nextafter(high, np.float32(-np.inf)), high)
    return torch.from_numpy(low.copy()), torch.from_numpy(high.copy())


class Constraint(nn.Module):
    """Maps raw tensors to designs that an admissible region judges, and back. Base of the two kinds.

    `DesignConstraint` ends at the box, `Unconstrained` does not. A subclass defines `transform`, `inverse_transform`
    and `emit`; `check` and `modulate` are the same for both.

    Arguments:
        region: the conditions that every emitted design satisfies.
        lower, upper: a narrower box of (u_star, z, excess, wavelength, rate), for instance with wavelengths that suit
            a data set; must lie in the region's box. Default: the region's box.
        modulation_fraction: part of the admissible gain interval, in log, that `modulate` may use, in (0, 0.999]. The
            rest is the margin for rounding.

    Buffers: lower, upper (5,) float32; modulation_fraction (); region, the judged region as JSON in uint8, so
    that a checkpoint knows the region it was trained under and refuses to be loaded under another.
    Raises: ParameterError for a box that is empty, not finite or not inside the region.
    """

    can_leave: ClassVar[bool] = False
    """Whether `transform` may emit designs outside the box."""

    lower: Tensor
    upper: Tensor
    modulation_fraction: Tensor
    region_json: Tensor

    def __init__(
        self,
        region: AdmissibleRegion = DEFAULT_REGION,
        lower: Sequence[float] | None = None,
        upper: Sequence[float] | None = None,
        modulation_fraction: float = 0.9,
    ) -> None:
        super().__init__()
        if not 0.0 < modulation_fraction <= 0.999:
            raise ParameterError(
                f"Constraint.modulation_fraction must be in (0, 0.999]. Got {modulation_fraction!r}; use 0.9."
            )
        self.region = region
        low, high = _round_inward(region.lower if lower is None else lower, region.upper if upper is None else upper)
        self._check_box(low, high)
        self.register_buffer("lower", low)
        self.register_buffer("upper", high)
        self.register_buffer("modulation_fraction", torch.tensor(modulation_fraction))
        self.register_buffer("region_json", _encode(region))

    def _check_box(self, lower: Tensor, upper: Tensor) -> None:
        """Refuse a box that is not five finite ordered intervals inside the region's box."""
        if lower.shape != (5,) or upper.shape != (5,):
            raise ParameterError(
                f"Constraint.lower and upper must have 5 entries {COORDINATES}. "
                f"Got {tuple(lower.shape)} and {tuple(upper.shape)}."
            )
        for index, name in enumerate(COORDINATES):
            low, high = float(lower[index]), float(upper[index])
            region_low, region_high = self.region.lower[index], self.region.upper[index]
            # Written so that NaN fails.
            if not (region_low <= low <= high <= region_high):
                raise ParameterError(
                    f"Constraint bounds of {name} must satisfy lower <= upper inside the region's "
                    f"[{region_low}, {region_high}] after inward rounding to float32. Got [{low}, {high}]; "
                    "narrow the box or widen the region."
                )

    def transform(self, raw: Tensor, backend: str | None = None) -> Design:
        """Designs of any raw tensor (..., 5), infinities and NaN included.

        Arguments: raw, any float type; backend of `ops.reaction_diffusion`, None for the best.
        Returns: `Design` of tensors (...).
        """
        raise NotImplementedError(f"{type(self).__name__} must define transform.")

    def inverse_transform(self, design: Tensor) -> Tensor:
        """Raw tensor (..., 5) whose transform is `design`, coordinates (..., 5)."""
        raise NotImplementedError(f"{type(self).__name__} must define inverse_transform.")

    def emit(self, coordinates: Tensor, backend: str | None = None) -> Design:
        """F, k, s, D_u, D_v, v* and the gain interval of designs (..., 5), by the generated formulas."""
        raise NotImplementedError(f"{type(self).__name__} must define emit.")

    def penalty(self, design: Design) -> Tensor:
        """Mean distance of the designs from the box, relative to its widths: 0 exactly where all are inside."""
        x = design.coordinates()
        lower, upper = self.lower.to(x.dtype), self.upper.to(x.dtype)
        outside = torch.relu(lower - x) + torch.relu(x - upper)
        return (outside / (upper - lower).clamp_min(1e-12)).sum(-1).mean()

    def log_gain(self, design: Design) -> tuple[Tensor, Tensor]:
        """Logarithms of the least and the largest relative gain that clips may get, (..., C) each, lo <= 0 <= hi.

        `modulation_fraction` of the way, in log, to the ends of the admissible interval.
        """
        fraction = self.modulation_fraction.to(design.gain_lo.dtype)
        return fraction * torch.log(design.gain_lo), fraction * torch.log(design.gain_hi)

    def modulate(self, design: Design, tilt: Tensor) -> Tensor:
        """Relative gain m_t of each clip: bounded, increasing in the tilt, and exactly 1 at tilt 0.

        log m = fraction * (tilt log gain_hi if tilt >= 0 else -tilt log gain_lo), tilt cut to [-1, 1].

        Arguments: design of tensors that broadcast against `tilt`, for instance (B, 1, C); tilt (B, T, C), any real.
        Returns: m, shape of the broadcast, in [gain_lo^fraction, gain_hi^fraction]; a NaN tilt gives 1.
        """
        tilt = tilt if tilt.dtype == torch.float64 else tilt.float()
        return relative_gain(tilt, *(x.to(tilt.dtype) for x in self.log_gain(design)))

    def check(self, design: Design | Tensor) -> dict[str, Condition]:
        """Worst margin of every named condition over all designs, judged by the region.

        Arguments: a `Design`, or its coordinates (..., 5). For a `Design` the stability conditions are judged for
            the coordinates and for the emitted F, k, s, D_u, D_v, and the worse one counts.
        Returns: {name: Condition(holds, margin)} and `box`, whether the coordinates are within the bounds of this
            constraint (margin: signed distance, relative to the width). NaN, or numbers that no design or parameter
            point can have, make every condition fail with margin NaN.
        """
        coordinates = design.coordinates() if isinstance(design, Design) else design
        array = _array(coordinates).reshape(-1, 5)
        low, high = _array(self.lower), _array(self.upper)
        distance = np.minimum(array - low, high - array) / np.maximum(high - low, np.finfo(np.float32).tiny)
        box = _worst({"box": Condition(np.all(distance >= 0), distance)})
        try:
            worst = _worst(self.region.conditions(PatternDesign(*array.T)))
            if isinstance(design, Design):
                parts = (design.F, design.k, design.s, design.D_u, design.D_v)
                parameters = Parameters(*(_array(part).reshape(-1) for part in parts))
                emitted = _worst(self.region.conditions(PatternDesign.from_parameters(parameters)))
                for name in STABILITY:
                    worst[name] = min(worst[name], emitted[name], key=lambda c: (c.holds, c.margin))
        except ParameterError:
            names = self.region.conditions(PatternDesign(*self.region.lower))
            worst = {name: Condition(False, float("nan")) for name in names}
        return worst | box

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Refuse stored bounds that are not finite, not ordered, or belong to another region."""
        stored = state_dict.get(prefix + "region_json")
        if stored is not None and not torch.equal(stored.cpu(), _encode(self.region)):
            raise DataError(
                f"checkpoint: {prefix}region_json differs from the region of this model. "
                "Build the model with the region stored in the checkpoint."
            )
        lower, upper = state_dict.get(prefix + "lower"), state_dict.get(prefix + "upper")
        fraction = state_dict.get(prefix + "modulation_fraction")
        if lower is not None and upper is not None:
            try:
                self._check_box(lower, upper)
            except ParameterError as error:
                raise DataError(f"checkpoint: {prefix}lower, {prefix}upper: {error}") from error
        if fraction is not None and not 0.0 < float(fraction) <= 0.999:
            raise DataError(f"checkpoint: {prefix}modulation_fraction must be in (0, 0.999]. Got {float(fraction)}.")
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _apply(self, fn: Any, recurse: bool = True) -> "Constraint":
        """Move with the module, but keep float32: bounds cast to half precision would round out of the region."""
        kept = {name: getattr(self, name) for name in ("lower", "upper", "modulation_fraction")}
        super()._apply(fn, recurse)
        for name, buffer in kept.items():
            setattr(self, name, buffer.to(getattr(self, name).device))
        return self

    def extra_repr(self) -> str:
        """The box in the module's printed form."""
        pairs = zip(COORDINATES, self.lower.tolist(), self.upper.tolist(), strict=True)
        return ", ".join(f"{name} in [{low:.6g}, {high:.6g}]" for name, low, high in pairs)


def _array(tensor: Tensor) -> np.ndarray:
    """A tensor as a float64 array on the CPU, without gradient."""
    return tensor.detach().cpu().double().numpy()


def _encode(region: AdmissibleRegion) -> Tensor:
    """The region as canonical JSON bytes, uint8."""
    text = json.dumps(region.to_dict(), sort_keys=True, separators=(",", ":"))
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def stored_region(region_json: Tensor) -> AdmissibleRegion:
    """The region that a state dict's `region_json` buffer holds.

    Raises: DataError if the bytes are no region.
    """
    try:
        return AdmissibleRegion.from_dict(json.loads(bytes(region_json.cpu().tolist()).decode()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"checkpoint: region_json holds no admissible region ({error}).") from error


def _worst(conditions: dict[str, Condition]) -> dict[str, Condition]:
    """Each condition reduced over all designs: the smallest margin; NaN wins, and fails."""
    reduced = {}
    for name, condition in conditions.items():
        margins = np.atleast_1d(np.asarray(condition.margin, dtype=np.float64))
        holds = bool(np.all(condition.holds)) and not bool(np.isnan(margins).any())
        reduced[name] = Condition(holds, float(margins.min()) if margins.size else float("inf"))
    return reduced
