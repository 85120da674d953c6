"""
A head that cannot leave the region
===================================

Transform, check, and one run of the operator: the three lines that a network of your own needs.
"""

import matplotlib.pyplot as plt
import torch

from rdmf_model import DesignConstraint, reaction_diffusion

torch.manual_seed(0)
batch, clips, channels, text_width = 2, 75, 8, 16

constraint = DesignConstraint()
head = torch.nn.Linear(text_width, channels * 5)
text = torch.randn(batch, text_width)
similarity = torch.randn(batch, clips, channels)

# Weights far outside of anything sensible: the designs stay inside the region all the same.
with torch.no_grad():
    head.weight.mul_(1e4)
design = constraint.transform(head(text).view(batch, channels, 5))
conditions = constraint.check(design)
for name, condition in conditions.items():
    print(f"{name:<14} {'holds' if condition.holds else 'violated'}  margin {float(condition.margin):+.4f}")
if not all(condition.holds for condition in conditions.values()):
    raise SystemExit("a design left the region")

# %%
# The similarity of clip and text sets each clip's reaction gain, inside the interval that keeps it admissible; then N
# steps from the base state. Gradients reach the head.
per_clip = design.map(lambda part: part.unsqueeze(1))
gain = per_clip.s * constraint.modulate(per_clip, similarity)
u0 = per_clip.u_star.expand(batch, clips, channels)
v0 = per_clip.v_star.expand(batch, clips, channels)
u, v = reaction_diffusion(u0, v0, gain, design.F, design.k, design.D_u, design.D_v, steps=12)
pattern = v / per_clip.v_star - 1
print(f"pattern: shape {tuple(pattern.shape)}, range {pattern.min():.3f} to {pattern.max():.3f}")

figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
image = axes.imshow(pattern[0].detach().T, aspect="auto", cmap="cividis", interpolation="nearest")
axes.set(xlabel="clip", ylabel="channel", title="activator relative to the base state, after 12 steps")
figure.colorbar(image)
plt.show()
