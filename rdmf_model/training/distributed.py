"""Several processes, one global batch: each runs the model on its rows, all compute the loss of the whole batch.

Averaging the processes' own losses would not be the loss of the global batch: terms are normalised by the number of
windows, and contrastive terms compare all samples of a batch. So the outputs (small beside the features) are gathered.
A process' gradient flows through its own rows only; the sum over the processes is the gradient of the global loss.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rdmf_model.training.schedule import process_rows

if TYPE_CHECKING:
    from accelerate import Accelerator

    from rdmf_model.data.batch import Batch


def map_tensors(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """The same dictionaries, lists and tuples with `function` applied to every tensor."""
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, dict):
        return {key: map_tensors(function, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(map_tensors(function, value) for value in tree)
    return tree


def take_rows(batch: Batch, rows: slice) -> Batch:
    """The samples `rows` of a batch, with the padding of the whole batch."""
    changed = {}
    for entry in dataclasses.fields(batch):
        value = getattr(batch, entry.name)
        if isinstance(value, Tensor | list):
            changed[entry.name] = value[rows]
    return dataclasses.replace(batch, **changed)


def forward_global(model: Any, batch: Batch, accelerator: Accelerator) -> Any:
    """The model's outputs for a global batch, computed by all processes together.

    Arguments:
        model: the prepared model; its outputs are nested dictionaries, lists and tuples of tensors whose first axis is
            B.
        batch: the global batch, the same on every process.

    Returns: the outputs for all rows; only this process' own rows carry gradient. The loss of these outputs, times the
        number of processes (DDP averages gradients), has the gradient of one process with the same batch.
    """
    world = accelerator.num_processes
    if world == 1:
        return model(batch)
    size = len(batch.qids)
    own = process_rows(size, accelerator.process_index, world)
    count = own.stop - own.start
    # a process without a row still has to take part in DDP's communication: it runs row 0 and contributes nothing
    outputs = model(take_rows(batch, own if count else slice(0, 1)))
    counts = [(rows := process_rows(size, rank, world)).stop - rows.start for rank in range(world)]
    largest = max(max(counts), 1)

    def gather(tensor: Tensor) -> Tensor:
        local = tensor if count else tensor[:0]
        padded = local.new_zeros(largest, *local.shape[1:])
        padded[:count] = local.detach()
        everyone: Any = accelerator.gather(padded)
        parts = [everyone[rank * largest : rank * largest + counts[rank]] for rank in range(world)]
        parts[accelerator.process_index] = local
        whole = torch.cat(parts)
        return whole if count or not tensor.is_floating_point() else whole + 0.0 * tensor.sum()

    return map_tensors(gather, outputs)
