"""Is torch.export tracing? Then loops over clips must be scan operators, so that their number may vary."""

import torch


def exporting() -> bool:
    """Whether this call is being traced by torch.export; False for torch before 2.7, which cannot say."""
    return getattr(torch.compiler, "is_exporting", lambda: False)()
