"""What an operator accepts: tensors by name, kind and axes, refused with what came, the rule and the remedy.

A signature is written as einops writes shapes, one letter per axis, a letter meaning the same size everywhere:

    Signature("local_contrast", x="B T K", mask="bool B T", offset="? K")

`?` may be None; `bool` and `int64` say the type, anything else has the operator's one floating-point type; `...` stands
for any leading axes; a number is that size. `check` is called by every public operator, whatever its backend, and by
`native.call` before a tensor becomes a pointer: what was not checked cannot reach compiled code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
# How many combinations of shapes and types a signature remembers as accepted; looking one up takes a microsecond.
_REMEMBERED = 4096
_KINDS = {"bool": torch.bool, "int64": torch.int64}
_CAST = {torch.bool: "convert it with .bool(), True where valid", torch.int64: "convert it with .long()"}


@dataclass(frozen=True)
class Argument:
    """One tensor of a signature: its name, its axes, its type (None: the operator's own), whether it may be None."""

    name: str
    axes: tuple[str, ...]
    dtype: torch.dtype | None
    optional: bool

    @classmethod
    def parse(cls, name: str, text: str) -> Argument:
        """From its written form, for instance "? bool B T"."""
        words = text.split()
        optional = bool(words) and words[0] == "?"
        words = words[optional:]
        kind = _KINDS.get(words[0]) if words else None
        return cls(name, tuple(words[kind is not None :]), kind, optional)

    @property
    def shape(self) -> str:
        """The axes as people write them, for instance "(B, T, C)"."""
        return f"({', '.join(self.axes)}{',' if len(self.axes) == 1 else ''})"


def mixed_types(device: torch.device) -> bool:
    """Whether torch converts types by itself where tensors meet: under autocast."""
    # a device that knows no autocast raises
    return device.type in ("cpu", "cuda") and torch.is_autocast_enabled(device.type)


class Signature:
    """The tensors of one operator.

    Arguments: name: of the operator, for messages; arguments: by keyword, in order; see the module.
    """

    def __init__(self, name: str, **arguments: str) -> None:
        self.name = name
        self.arguments = {key: Argument.parse(key, text) for key, text in arguments.items()}
        self._accepted: dict[Any, dict[str, int]] = {}

    def check(
        self,
        tensors: Mapping[str, Any],
        sizes: Mapping[str, int] | None = None,
        *,
        mixed: bool = False,
        like: Tensor | None = None,
    ) -> dict[str, int]:
        """Sizes of the axes by letter.

        Arguments:
            tensors: by name; one that is missing counts as None.
            sizes: of letters that are known already.
            mixed: whether floating-point types may differ; `mixed_types` says when torch mends that by itself.
            like: a weight whose type and device all must have; None: those of the first tensor.
        Raises: ValueError that names operator, argument, rule, value and remedy.
        """
        key = self._key(tensors, sizes, mixed, like)
        if key in self._accepted:
            return self._accepted[key].copy()
        state = _State(self.name, dict(sizes or {}), mixed)
        if like is not None:
            state.dtype, state.device, state.first = (
                like.dtype,
                like.device,
                dict.fromkeys(("dtype", "device"), "weights"),
            )
        for name, argument in self.arguments.items():
            state.take(argument, tensors.get(name))
        if key is not None:
            if len(self._accepted) >= _REMEMBERED:
                self._accepted.clear()
            self._accepted[key] = state.sizes.copy()
        return state.sizes

    def _key(
        self, tensors: Mapping[str, Any], sizes: Mapping[str, int] | None, mixed: bool, like: Tensor | None
    ) -> Any:
        """All that the check looks at; None where that cannot be remembered: for a non-tensor, and while traced."""
        if torch.compiler.is_compiling():
            return None
        found: list[Any] = [mixed, None if sizes is None else tuple(sizes.items())]
        found += (None, None) if like is None else (like.dtype, like.device)
        for name in self.arguments:
            x = tensors.get(name)
            if x is None:
                found.append(None)
            elif isinstance(x, Tensor):
                found += (x.shape, x.dtype, x.device, x.layout)
            else:
                return None
        return tuple(found)

    def extended(self, **arguments: str) -> Signature:
        """These arguments and then the operator's own: the signature of its backward."""
        found = Signature(self.name, **arguments)
        found.arguments |= self.arguments
        return found

    def refuse(self, rule: str) -> ValueError:
        """The error of a rule that is not about one tensor alone."""
        return ValueError(f"{self.name}: {rule}")


@dataclass
class _State:
    """What the tensors so far have settled."""

    operator: str
    sizes: dict[str, int]
    mixed: bool
    leading: tuple[int, ...] | None = None
    dtype: torch.dtype | None = None
    device: torch.device | None = None
    first: dict[str, str] = field(default_factory=dict)

    def take(self, argument: Argument, x: Any) -> None:
        if x is None and argument.optional:
            return
        if not isinstance(x, Tensor):
            raise self._error(argument, f"must be a tensor {argument.shape}", _kind(x), "pass one of that shape")
        if x.layout != torch.strided or x.is_quantized:
            remedy = "convert it with .to_dense()" if x.layout != torch.strided else "convert it with .dequantize()"
            raise self._error(argument, "must be a dense tensor", f"{x.layout}, {x.dtype}", remedy)
        self._check_dtype(argument, x)
        if self.device is None:
            self.device, self.first["device"] = x.device, argument.name
        elif x.device != self.device:
            remedy = f"move it with .to({str(self.device)!r})"
            raise self._error(argument, f"must be where {self.first['device']} is, {self.device}", x.device, remedy)
        self._check_shape(argument, x)

    def _check_dtype(self, argument: Argument, x: Tensor) -> None:
        if argument.dtype is not None:
            if x.dtype != argument.dtype:
                raise self._error(argument, f"must be {argument.dtype}", x.dtype, _CAST[argument.dtype])
        elif x.dtype not in FLOATS:
            raise self._error(argument, "must be a floating-point tensor", x.dtype, "convert it with .float()")
        elif self.dtype is None:
            self.dtype, self.first["dtype"] = x.dtype, argument.name
        elif x.dtype != self.dtype and not self.mixed:
            remedy = f"convert one of the two with .to({self.dtype})"
            raise self._error(argument, f"must have the type of {self.first['dtype']}, {self.dtype}", x.dtype, remedy)

    def _check_shape(self, argument: Argument, x: Tensor) -> None:
        axes, shape = argument.axes, tuple(x.shape)
        if axes and axes[0] == "...":
            axes = axes[1:]
            count = len(shape) - len(axes)
            leading, shape = shape[:count], shape[count:] if count >= 0 else ()
            if count < 0 or (self.leading is not None and leading != self.leading):
                raise self._shape_error(argument, x)
            self.leading = leading
        elif axes and axes[-1] == "...":
            axes = axes[:-1]
            leading, shape = shape[len(axes) :], shape[: len(axes)]
            if self.leading is not None and leading != self.leading:
                raise self._shape_error(argument, x)
            self.leading = leading
        if len(shape) != len(axes):
            raise self._shape_error(argument, x)
        for axis, size in zip(axes, shape, strict=True):
            known = int(axis) if axis.isdigit() else self.sizes.get(axis)
            if known is None:
                self.sizes[axis], self.first[axis] = size, argument.name
            elif size != known:
                raise self._shape_error(argument, x)

    def _shape_error(self, argument: Argument, x: Tensor) -> ValueError:
        wanted = [axis if axis.isdigit() or axis == "..." else self.sizes.get(axis, axis) for axis in argument.axes]
        if self.leading is not None:
            wanted = [part for axis in wanted for part in (self.leading if axis == "..." else (axis,))]
        shown = f"({', '.join(map(str, wanted))}{',' if len(wanted) == 1 else ''})"
        sources = {self.first[axis] for axis in argument.axes if axis in self.first} - {argument.name}
        rule = f"must have shape {argument.shape}" + (f" = {shown}" if shown != argument.shape else "")
        remedy = (
            f"the sizes are those of {', '.join(sorted(sources))}; reshape one of them" if sources else "reshape it"
        )
        return self._error(argument, rule, tuple(x.shape), remedy)

    def _error(self, argument: Argument, rule: str, got: Any, remedy: str) -> ValueError:
        return ValueError(f"{self.operator}: {argument.name} {rule}. Got {got}: {remedy}.")


def _kind(x: Any) -> str:
    return "None" if x is None else type(x).__name__
