"""
From a wish to parameters
=========================

Wavelength and sharpness in, Gray-Scott parameters out, and the growth that the layer's step then shows.
"""

import matplotlib.pyplot as plt
import numpy as np

from rdmf_theory import PatternDesign, classify, multiplier, semi_implicit_step

# Moments of about 6 clips want a pattern of wavelength 12; an excess of 1.5 is half as much again as the threshold.
design = PatternDesign(u_star=0.4, z=1.2, excess=1.5, wavelength=12.0, rate=0.3)
parameters = design.parameters()
verdict = classify(parameters.F, parameters.k, parameters.s, parameters.D_u, parameters.D_v)
print(
    f"F={parameters.F:.5f} k={parameters.k:.5f} s={parameters.s:.5f} D_u={parameters.D_u:.4f} D_v={parameters.D_v:.4f}"
)
print(f"classification: {verdict.name}")
for name, condition in verdict.conditions.items():
    print(f"  {name:<12} {'holds' if condition.holds else 'violated'}  margin {float(condition.margin):+.4f}")

# %%
# A cosine of that wavelength, 72 clips long, starts a millionth above the base state.
clips, steps = 72, 40
mode = np.cos(2 * np.pi * (np.arange(clips) + 0.5) / design.wavelength)
v_star = design.z * design.u_star * (1 - design.u_star)
u, v = np.full(clips, design.u_star), v_star * (1 + 1e-6 * mode)
amplitudes = []
for _ in range(steps):
    u, v = semi_implicit_step(u, v, np.full(clips, parameters.s), parameters, 1.0)
    amplitudes.append(float((v - v_star) @ mode))

measured = amplitudes[-1] / amplitudes[-2]
predicted = float(multiplier(parameters, 4 * np.sin(np.pi / design.wavelength) ** 2))
print(f"growth per step: measured {measured:.6f}, predicted {predicted:.6f}")
if abs(measured / predicted - 1) > 0.01:
    raise SystemExit("the layer does not grow as the theory says")

# %%
# After a few steps the slower of the mode's two multipliers is forgotten, and the line is straight.
figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
axes.semilogy(np.arange(1, steps + 1), amplitudes, "o", markersize=3, label="measured")
axes.semilogy(
    np.arange(1, steps + 1),
    amplitudes[-1] * predicted ** (np.arange(1, steps + 1) - steps),
    label=f"predicted, {predicted:.4f} per step",
)
axes.set(xlabel="step", ylabel="amplitude of the mode")
axes.legend()
plt.show()
