"""What happens at step n? Learning rate, sample order and random numbers, each a pure function of the step.

Nothing here has a state, so a run that is resumed in the middle of an epoch, or spread over several processes, needs no
generator, sampler or scheduler to be stored: it asks for step n and gets what an undisturbed run got.
"""

from __future__ import annotations

import math
import random

import numpy as np
import torch


def learning_rate_factor(step: int, total_steps: int, *, warmup: float, final: float) -> float:
    """Linear warm-up, then cosine decay: `final + (1 - final) (1 + cos(pi x)) / 2`, x in [0, 1] after the warm-up.

    Arguments:
        step: 0 ... total_steps - 1.
        total_steps: optimizer steps of the whole run, > 0.
        warmup: fraction of the run, in [0, 1).
        final: factor at the end, in [0, 1].

    Returns: the factor on the peak learning rate, in (0, 1].
    """
    warmup_steps = math.ceil(warmup * total_steps)
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - 1 - warmup_steps)
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def epoch_batches(size: int, batch_size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """The global batches of one epoch: a permutation named by (seed, epoch), every sample once, the last may be
    smaller.

    Arguments:
        size: samples of the data set, > 0.
        batch_size: samples per optimizer step, of all processes together.
    """
    order = np.random.default_rng((seed, epoch)).permutation(size).tolist()
    return [order[start : start + batch_size] for start in range(0, size, batch_size)]


def process_rows(size: int, rank: int, world_size: int) -> slice:
    """The rows of a global batch that one process works on: consecutive, sizes differ by at most one, may be empty."""
    return slice(size * rank // world_size, size * (rank + 1) // world_size)


def seed_everything(*key: int) -> None:
    """Seed python, numpy and torch (all devices) from a key such as (seed, epoch, step, rank)."""
    state = np.random.SeedSequence(key).generate_state(2)
    random.seed(int(state[0]))
    np.random.seed(int(state[0]))  # noqa: NPY002 - libraries may draw from it
    torch.manual_seed(int(state[0]) << 31 ^ int(state[1]))
