"""
From a noisy score to a pattern
===============================

What the steps do to a score by themselves, without training: a moment of eight clips, a lone spike of twice its height,
and noise. The wavelength is twice the moment's length. Diffusion spreads the spike, the reaction lifts what is as
long as half a wave, and troughs and crests of the chosen wavelength appear beside it: they come from the instability,
not from the data.
"""

import matplotlib.pyplot as plt
import torch

from rdmf_model import DesignConstraint, reaction_diffusion
from rdmf_theory import PatternDesign

clips, moment, spike, steps = 75, slice(20, 28), 55, 16
generator = torch.Generator().manual_seed(1)
score = 0.25 * torch.randn(clips, generator=generator)
score[moment] += 0.5
score[spike] += 1.0

wish = PatternDesign(u_star=0.4, z=1.3, excess=1.6, wavelength=16.0, rate=0.3)
constraint = DesignConstraint()
raw = constraint.inverse_transform(torch.tensor([wish.u_star, wish.z, wish.excess, wish.wavelength, wish.rate]))
design = constraint.transform(raw)
for name, condition in constraint.check(design).items():
    if not condition.holds:
        raise SystemExit(f"the design violates {name}")

# the score tilts the base state: a little more activator, and a gain inside its admissible interval
tilt = torch.tanh(score)[None, :, None]
at = design.map(lambda value: value.view(1, 1, 1))
rates = [getattr(design, name).view(1, 1) for name in ("F", "k", "D_u", "D_v")]
gain = at.s * constraint.modulate(at, tilt)
start = at.u_star.expand_as(tilt), at.v_star * (1 + 0.45 * tilt)
states = [
    reaction_diffusion(*start, gain, *rates, steps=n)[1][0, :, 0] / at.v_star.item() - 1 for n in range(steps + 1)
]
pattern = torch.stack(states)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
image = left.imshow(pattern.T, aspect="auto", origin="lower", cmap="cividis", interpolation="nearest")
left.set(xlabel="step", ylabel="clip", title="activator relative to the base state")
figure.colorbar(image)
right.step(range(clips), score, where="mid", color="grey", label="score")
right.step(range(clips), pattern[-1], where="mid", color="#b5442d", label=f"pattern after {steps} steps")
right.axvspan(moment.start - 0.5, moment.stop - 0.5, alpha=0.2, label="the moment")
right.set(xlabel="clip")
right.legend()

# %%
# The spike was far above the moment's mean; in the pattern the two are close. One fixed design does not do more: which
# design suits which sentence is what training is for.
before = float(score[spike] / score[moment].mean())
after = float(pattern[-1][spike] / pattern[-1][moment].mean())
print(f"spike over moment: {before:.2f} in the score, {after:.2f} in the pattern")
if not 0 < after < before / 2:
    raise SystemExit("the steps did not favour the moment")
plt.show()
