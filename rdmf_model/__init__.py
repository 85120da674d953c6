"""The moment-retrieval model: fusion by reaction-diffusion, trained under the theory and checked against it.

What most users need is named here and imported on first use, torch with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdmf_theory.support.lazy import lazy_names

if TYPE_CHECKING:
    __version__: str
    from rdmf_model.checkpoints.checkpoint import Run, load_run
    from rdmf_model.checkpoints.onnx import export_run
    from rdmf_model.config.config import Config, load_config
    from rdmf_model.constraints.base import Constraint, Design
    from rdmf_model.constraints.constraint import DesignConstraint
    from rdmf_model.constraints.unconstrained import Unconstrained
    from rdmf_model.data.batch import Batch, Sample, collate
    from rdmf_model.data.dataset import MomentDataset
    from rdmf_model.data.planted import write_planted_dataset
    from rdmf_model.evaluation.localize import Localization, localize
    from rdmf_model.evaluation.metrics import evaluate_predictions
    from rdmf_model.evaluation.predict import predict
    from rdmf_model.evaluation.run import evaluate_run
    from rdmf_model.evaluation.timeline import draw_timeline
    from rdmf_model.fusion.base import Fusion, FusionOutput
    from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion
    from rdmf_model.model.base import MomentOutputs, RetrievalModel
    from rdmf_model.model.build import build_fusion, build_model
    from rdmf_model.model.moment_model import MomentModel
    from rdmf_model.moments.answer import Answer
    from rdmf_model.moments.search import VideoSearch
    from rdmf_model.ops.reaction_diffusion import available_backends, reaction_diffusion
    from rdmf_model.properties import PROPERTIES, Property
    from rdmf_model.streaming.streaming import StreamingFusion
    from rdmf_model.testing import OPERATOR_PROPERTIES, OwnLayer, check_layer, require
    from rdmf_model.training.losses import MomentLoss
    from rdmf_model.training.train import train
    from rdmf_model.verification.run import verify_run

__all__ = [
    "OPERATOR_PROPERTIES",
    "PROPERTIES",
    "Answer",
    "Batch",
    "Config",
    "Constraint",
    "Design",
    "DesignConstraint",
    "Fusion",
    "FusionOutput",
    "Localization",
    "MomentDataset",
    "MomentLoss",
    "MomentModel",
    "MomentOutputs",
    "OwnLayer",
    "Property",
    "ReactionDiffusionFusion",
    "RetrievalModel",
    "Run",
    "Sample",
    "StreamingFusion",
    "Unconstrained",
    "VideoSearch",
    "__version__",
    "available_backends",
    "build_fusion",
    "build_model",
    "check_layer",
    "collate",
    "draw_timeline",
    "evaluate_predictions",
    "evaluate_run",
    "export_run",
    "load_config",
    "load_run",
    "localize",
    "predict",
    "reaction_diffusion",
    "require",
    "train",
    "verify_run",
    "write_planted_dataset",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "checkpoints.checkpoint": (
            "Run",
            "load_run",
        ),
        "checkpoints.onnx": ("export_run",),
        "config.config": (
            "Config",
            "load_config",
        ),
        "constraints.base": (
            "Constraint",
            "Design",
        ),
        "constraints.constraint": ("DesignConstraint",),
        "constraints.unconstrained": ("Unconstrained",),
        "data.batch": (
            "Batch",
            "Sample",
            "collate",
        ),
        "data.dataset": ("MomentDataset",),
        "data.planted": ("write_planted_dataset",),
        "evaluation.localize": (
            "Localization",
            "localize",
        ),
        "evaluation.metrics": ("evaluate_predictions",),
        "evaluation.predict": ("predict",),
        "evaluation.run": ("evaluate_run",),
        "evaluation.timeline": ("draw_timeline",),
        "fusion.base": (
            "Fusion",
            "FusionOutput",
        ),
        "fusion.reaction_diffusion": ("ReactionDiffusionFusion",),
        "model.base": ("MomentOutputs", "RetrievalModel"),
        "model.build": (
            "build_fusion",
            "build_model",
        ),
        "model.moment_model": ("MomentModel",),
        "moments.answer": ("Answer",),
        "moments.search": ("VideoSearch",),
        "ops.reaction_diffusion": (
            "available_backends",
            "reaction_diffusion",
        ),
        "properties": (
            "PROPERTIES",
            "Property",
        ),
        "streaming.streaming": ("StreamingFusion",),
        "testing": (
            "OPERATOR_PROPERTIES",
            "OwnLayer",
            "check_layer",
            "require",
        ),
        "training.losses": ("MomentLoss",),
        "training.train": ("train",),
        "verification.run": ("verify_run",),
    },
)
