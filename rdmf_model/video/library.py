"""Import PyAV, or say how to get it."""

from __future__ import annotations

from typing import Any

from rdmf_theory.errors import ParameterError
from rdmf_theory.support.extras import install_hint


def load_av() -> Any:
    """The module `av`, with FFmpeg's own messages switched off. Raises ParameterError where it is not installed."""
    try:
        import av
        import av.logging
    except ImportError:
        raise ParameterError(f"reading video files needs PyAV. {install_hint('video')}") from None
    # FFmpeg writes warnings about every damaged packet; what matters is raised or counted
    av.logging.set_level(av.logging.PANIC)
    return av
