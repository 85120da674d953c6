"""Run by test_reaction_diffusion_contract in its own process: one instruction set of the kernel against the truth."""

import sys
from functools import partial

import torch

from rdmf_model.ops.native.library import status
from rdmf_model.ops.reaction_diffusion import reaction_diffusion
from tests.checks import check_operator
from tests.ops.problems import draw_inputs, ragged_lengths

if status() != f"built for {sys.argv[1]}":
    sys.exit(77)
for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-11)):
    run = partial(reaction_diffusion, lengths=ragged_lengths(3, 40), steps=5)
    inputs = draw_inputs(3, 40, 33, dtype)
    check_operator(partial(run, backend="reference"), partial(run, backend="cpu"), inputs, {}, tolerance=tolerance)
