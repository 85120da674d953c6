"""Makes two custom operators one that can be differentiated once: a forward and a backward that is compiled too.

Convention: `backward(*cotangents, *inputs)` returns the gradients of the first inputs, in their order; the inputs after
those have none, but for one that may be added to the first output and so has its cotangent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from torch._library.custom_ops import CustomOpDef


def once_differentiable(
    forward: CustomOpDef,
    backward: CustomOpDef,
    outputs: Callable[..., Any],
    gradients: int,
    name: str,
    cotangents: int = 1,
    added: int | None = None,
) -> None:
    """Register shapes and derivative of `forward`, and that `backward` has none.

    Arguments:
        forward, backward: by the convention of this module, on inputs that are tensors, None or plain values.
        outputs: of the inputs, what `forward` returns, uninitialised.
        gradients: how many of the inputs `backward` returns gradients of.
        name: of the function that users call, for the message of a second derivative.
        cotangents: how many tensors `forward` returns.
        added: which input is added to the first output, if it is a tensor; None: no input is.
    """

    def save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*(x if isinstance(x, Tensor) else None for x in inputs))
        ctx.values = [None if isinstance(x, Tensor) else x for x in inputs]

    def differentiate(ctx: Any, *bars: Tensor) -> tuple[Any, ...]:
        pairs = zip(ctx.saved_tensors, ctx.values, strict=True)
        found = backward(*bars, *(value if tensor is None else tensor for tensor, value in pairs))
        found = (found,) if isinstance(found, Tensor) else tuple(found)
        every = [*found, *[None] * (len(ctx.values) - gradients)]
        if added is not None and ctx.needs_input_grad[added]:
            every[added] = bars[0]
        return tuple(every)

    def like_inputs(*arguments: Any) -> Any:
        _check_devices(name, arguments)
        found = tuple(x.new_empty(x.shape) for x in arguments[cotangents : cotangents + gradients])
        return found if gradients > 1 else found[0]

    def refuse(ctx: Any, *_: Any) -> None:
        raise RuntimeError(
            f"{name} cannot be differentiated twice by this backend. Pass backend='reference' for second derivatives."
        )

    def like_outputs(*inputs: Any) -> Any:
        _check_devices(name, inputs)
        return outputs(*inputs)

    forward.register_fake(like_outputs)
    backward.register_fake(like_inputs)
    forward.register_autograd(differentiate, setup_context=save)
    backward.register_autograd(refuse)


def _check_devices(name: str, arguments: tuple[Any, ...]) -> None:
    """ValueError unless all tensors are in one place: beside a meta tensor torch would hand out memory as it lies."""
    devices = {x.device for x in arguments if isinstance(x, Tensor)}
    if len(devices) > 1:
        raise ValueError(f"{name}: all tensors must be in one place. Got {sorted(map(str, devices))}: move them.")
