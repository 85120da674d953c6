"""
A running video, and the certified bound
========================================

The layer is solved on the whole video, yet a clip hardly feels what is far away. A stream of clips is fused with a
fixed latency, and differs from the offline layer by less than a certified bound (dashed). A longer halo
costs latency and buys digits.
"""

import matplotlib.pyplot as plt
import torch

from rdmf_model import DesignConstraint, ReactionDiffusionFusion, StreamingFusion

torch.manual_seed(0)
channels, clips = 16, 400
fusion = ReactionDiffusionFusion(channels=channels, constraint=DesignConstraint(), steps=12).double().eval()
video, query = torch.randn(clips, channels, dtype=torch.float64), torch.randn(channels, dtype=torch.float64)

with torch.no_grad():
    mask, words = torch.ones(1, clips, dtype=torch.bool), query[None, None]
    offline = fusion(video[None], words, query[None], mask, torch.ones(1, 1, dtype=torch.bool)).pattern[0]

figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
for halo in (8, 24, 72):
    stream = StreamingFusion(fusion, query, halo=halo, block=32, certify=True)
    pieces = [stream.push(part).pattern for part in video.split(70)] + [stream.flush().pattern]
    difference = (torch.cat(pieces) - offline).abs()
    print(f"halo {halo}: bound {stream.bound:.1e}, largest difference {difference.max():.1e}, late by {stream.latency}")
    line = axes.semilogy(difference.clamp(min=1e-17), label=f"halo {halo}")[0]
    axes.axhline(stream.bound, color=line.get_color(), linestyle="--", linewidth=0.8)
    if not difference.max() <= stream.bound + 1e-11:
        raise SystemExit("the stream is further from the offline layer than its bound")
axes.set(xlabel="clip", ylabel="|pattern streamed - offline|")
axes.legend()
plt.show()
