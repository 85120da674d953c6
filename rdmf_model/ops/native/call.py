"""The one place where a tensor becomes a pointer: checked against its signature, dense, contiguous, and kept alive."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rdmf_model.ops.signature import Signature

from .library import library

COMPILED = (torch.float32, torch.float64)


class View(ctypes.Structure):
    """`View` of steps.hpp: a (B, T, C) array whose channels are contiguous."""

    _fields_ = (("data", ctypes.c_void_p), ("batch_stride", ctypes.c_int64), ("clip_stride", ctypes.c_int64))


class NativeCall:
    """The tensors of one call of compiled code, by name: inputs as the signature says, outputs made here.

    Arguments:
        signature: of the inputs; its first argument is a floating-point one, whose type is that of the call.
        tensors: by name; None where there is none and the signature allows it.
    Attributes: sizes: by letter.  double: whether the call is in float64.
    Raises: ValueError for a tensor that the compiled code must not see.
    """

    def __init__(self, signature: Signature, tensors: Mapping[str, Tensor | None]) -> None:
        self.signature = signature
        self.sizes = signature.check(tensors)
        self._kept: dict[str, Tensor] = {}
        for name in signature.arguments:
            x = tensors.get(name)
            if x is None:
                continue
            # a negated view has its sign in a flag, not in memory
            self._kept[name] = x.resolve_neg() if x.is_neg() else x
        first = self._first = next(iter(self._kept.values()))
        if first.device.type != "cpu" or first.dtype not in COMPILED:
            raise signature.refuse(
                "the compiled kernels take float32 and float64 on the CPU. "
                f"Got {first.dtype} on {first.device}: convert with .float().cpu(), or use backend=None."
            )
        self.double = first.dtype == torch.float64

    def new(self, name: str, shape: Sequence[int]) -> Tensor:
        """An output of the call's type, not initialised."""
        self._kept[name] = self._first.new_empty(shape)
        return self._kept[name]

    def pointer(self, name: str) -> int | None:
        """Address of a contiguous array; None where there is no such tensor."""
        if name not in self._kept:
            return None
        x = self._kept[name] = self._kept[name].contiguous()
        return x.data_ptr()

    def pointers(self, *names: str) -> list[int | None]:
        """Addresses of several."""
        return [self.pointer(name) for name in names]

    def rows(self, name: str) -> list[int]:
        """Addresses of the entries of the first axis; none where there is no such tensor."""
        start = self.pointer(name)
        if start is None:
            return []
        x = self._kept[name]
        return [start + j * x.stride(0) * x.element_size() for j in range(len(x))]

    def view(self, name: str) -> View:
        """A (B, T, C) array with its strides, 0 where an axis is repeated; the null view where there is no tensor."""
        if name not in self._kept:
            return View(None, 0, 0)
        x = self._kept[name]
        if x.stride(2) != 1 and x.shape[2] != 1:
            x = self._kept[name] = x.contiguous()
        return View(x.data_ptr(), x.stride(0), x.stride(1))

    def run(self, function: str, filled: ctypes.Structure, *flags: int) -> None:
        """Call `function(&filled, double, *flags, threads)`. Raises MemoryError where it found none."""
        if getattr(library(), function)(ctypes.byref(filled), self.double, *flags, torch.get_num_threads()):
            sizes = ", ".join(f"{letter} = {size}" for letter, size in self.sizes.items())
            raise MemoryError(f"{self.signature.name} found no memory for its scratch space at {sizes}.")
