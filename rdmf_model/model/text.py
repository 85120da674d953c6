"""How is a sentence turned into one vector? By attention pooling over its words."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AttentionPooling(nn.Module):
    """Pool words to a query vector, `q = Σ_l softmax_l(x_l · a) x_l`.

    The scoring vector `a` starts at zero, so an untrained pooling is the mean over the words, which is what the
    sentence encoders in use were trained with.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Linear(channels, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, text: Tensor, text_mask: Tensor) -> Tensor:
        """Pool `text` (B, L, C) over the words where `text_mask` (B, L) holds; returns (B, C)."""
        logits = self.score(text).squeeze(-1).masked_fill(~text_mask, -torch.inf)
        weights = torch.softmax(logits, dim=-1)
        return torch.einsum("bl,blc->bc", weights, text)
