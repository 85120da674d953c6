"""The direction of a vector, x / max(|x|, TINY), for any finite x of its type."""

from torch import Tensor, nn

# Norms, and products of norms, below this count as it: a clip of zeros is like no text.
TINY = 1e-12


def direction(x: Tensor) -> Tensor:
    """x / max(|x|, TINY) along the last axis, Euclidean norm, also where the square of |x| leaves the type's range."""
    # a constant factor changes neither value nor derivative of a direction; below 1 the floor would feel it
    largest = x.detach().abs().amax(-1, keepdim=True).clamp(min=1.0)
    return nn.functional.normalize(x / largest, dim=-1, eps=TINY)
