"""What is checked? A trained model, or the layer of somebody else that claims to compute the same steps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from rdmf_model.constraints.base import Design
from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.fusion.competition import CompetitionFusion
from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion, reaction_diffusion_layer
from rdmf_model.model.base import RetrievalModel
from rdmf_model.ops.reaction_diffusion import reaction_diffusion
from rdmf_model.ops.reaction_diffusion.driven import Rates, Start
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.admissible import DEFAULT_REGION, AdmissibleRegion


class Operator(Protocol):
    """N steps of the layer: (u0, v0, gain) of shape (B, T, C), rates (B, C), lengths (B,) of valid clips -> (u, v).

    float32 and float64; differentiable, if gradients are to be checked; padded outputs are 0.
    """

    def __call__(
        self,
        u0: Tensor,
        v0: Tensor,
        gain: Tensor,
        F: Tensor,
        k: Tensor,
        D_u: Tensor,
        D_v: Tensor,
        lengths: Tensor,
        *,
        steps: int,
    ) -> tuple[Tensor, Tensor]: ...


class ModelUnderTest:
    """The model that is checked, in evaluation mode.

    Arguments:
        model: float32 weights.
        clips: (T_min, T_max) to draw from, for a model whose layer has no region of its own.
        embeddings: texts (words, Ct) of the run's own data, where they lie; tried among the others.
        constraint: what the model was trained with, "hard", "penalty" or "none".
    """

    model: RetrievalModel
    own_layer = False

    def __init__(
        self,
        model: RetrievalModel,
        clips: tuple[int, int] = (1, 75),
        embeddings: Sequence[Tensor] = (),
        constraint: str = "hard",
    ) -> None:
        self.model = model.eval()
        self.video_width = int(model.video_projection.mean.numel())
        self.text_width = int(model.text_projection.mean.numel())
        self.clips = self.region_layer.constraint.region.clips if self.has_region else clips
        self.embeddings, self.constraint = tuple(embeddings), constraint

    @property
    def has_layer(self) -> bool:
        """Whether the fusion is the reaction-diffusion layer, whose two fields have a theory of their own."""
        return isinstance(self.model.fusion, ReactionDiffusionFusion)

    @property
    def has_competition(self) -> bool:
        """Whether the fusion is the competition layer."""
        return isinstance(self.model.fusion, CompetitionFusion)

    @property
    def has_region(self) -> bool:
        """Whether the fusion's designs come from an admissible region."""
        return self.model.fusion.has_region

    @property
    def region_layer(self) -> ReactionDiffusionFusion | CompetitionFusion:
        """The layer with a region, of either kind. Raises ParameterError for a model with another fusion."""
        fusion = self.model.fusion
        return fusion if isinstance(fusion, CompetitionFusion) else reaction_diffusion_layer(fusion)

    @property
    def layer(self) -> ReactionDiffusionFusion:
        """The reaction-diffusion layer. Raises ParameterError for a model with another fusion."""
        return reaction_diffusion_layer(self.model.fusion)

    @cached_property
    def exact(self) -> RetrievalModel:
        """The same weights in float64, where rounding cannot turn a choice between proposals."""
        return copy.deepcopy(self.model).double()

    @property
    def steps(self) -> int:
        """N, the layer's steps."""
        return self.layer.steps

    def query(self, text: Tensor) -> Tensor:
        """What the layer sees of a text of shape (L, Ct): shape (1, C)."""
        words = self.model.text_projection(text[None])
        return self.model.pooling(words, torch.ones(1, len(text), dtype=torch.bool))

    def design(self, source: Source) -> Design:
        """The designs that a text chooses, tensors (1, C), float32."""
        return self.region_layer.design(self.query(source.tensor(self)))

    def operate(self, *inputs: Tensor, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """The layer's steps on the path that answers (`ReactionDiffusionFusion.run`), from any start.

        Arguments: u0, v0, gain (B, T, C), F, k, D_u, D_v (B, C), lengths (B,), steps; None: the layer's.
        """
        u0, v0, gain, F, k, D_u, D_v, lengths = inputs
        u0, v0, gain = torch.broadcast_tensors(u0, v0, gain)
        return self.layer.run(Rates(F, k, D_u, D_v), Start(u0, v0, gain), lengths, steps)

    def differentiable(self, *inputs: Tensor, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """`operate` with gradients: of a model, the operator that its layer's kernel shares its adjoint with.

        The gradients of the layer itself are checked by `layer_gradients`.
        """
        chosen = self.steps if steps is None else steps
        return reaction_diffusion(*inputs, steps=chosen, backend=self.layer.backend)  # type: ignore[misc]


class OwnLayer(ModelUnderTest):
    """An operator that is no part of a model: it is tried on designs drawn from a region.

    Arguments:
        operator: `Operator`; called with `steps` by keyword.
        steps: N that it is checked at, >= 1.
        region: where designs are drawn from; its `clips` say which videos.
        channels: designs tried at once.
    """

    own_layer = True

    def __init__(
        self, operator: Operator, steps: int = 12, region: AdmissibleRegion = DEFAULT_REGION, channels: int = 8
    ) -> None:
        if steps < 1 or channels < 1:
            raise ParameterError(f"OwnLayer.steps and channels must be >= 1. Got {steps} and {channels}.")
        self.operator, self.region, self.channels = operator, region, channels
        self.own_constraint, self._steps = DesignConstraint(region), steps
        self.clips = region.clips
        self.embeddings, self.constraint = (), "hard"

    @property
    def has_layer(self) -> bool:
        """Whether there is a layer to judge: always."""
        return True

    @property
    def steps(self) -> int:
        """N, the steps that it is checked at."""
        return self._steps

    def design(self, source: Source) -> Design:
        """Designs of the region's box, tensors (1, C)."""
        return self.own_constraint.transform(source.tensor(self))

    def operate(self, *inputs: Tensor, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """The operator itself."""
        return self.operator(*inputs, steps=self.steps if steps is None else steps)

    def differentiable(self, *inputs: Tensor, steps: int | None = None) -> tuple[Tensor, Tensor]:
        """The operator itself."""
        return self.operate(*inputs, steps=steps)


class Source(Protocol):
    """Something that chooses designs: a text for a model, a `Draw` for an operator."""

    def tensor(self, tested: ModelUnderTest) -> Tensor:
        """Text features (L, Ct), or the constraint's raw input (1, C, 5)."""
        ...


@dataclass(frozen=True)
class Draw:
    """Designs of a region, one per channel: `spread` 0 is the middle of its box, 30 its corners."""

    spread: float = 1.0
    seed: int = 0

    def tensor(self, tested: ModelUnderTest) -> Tensor:
        """Raw input of the constraint, (1, C, 5). Raises ParameterError for a model, whose texts choose."""
        if not isinstance(tested, OwnLayer):
            raise ParameterError(f"Draw is for an OwnLayer. Got {type(tested).__name__}; use Text.")
        generator = torch.Generator().manual_seed(self.seed)
        return self.spread * torch.randn(1, tested.channels, 5, generator=generator)
