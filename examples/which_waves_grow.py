"""
Which waves grow, in the equation and in the layer
==================================================

The transfer theorem on one design: a mode of the layer's step grows exactly if it grows in the differential equation,
at every step size, also where the step is far too large to follow the equation's clock.
"""

import matplotlib.pyplot as plt
import numpy as np

from rdmf_theory import PatternDesign, clip_eigenvalues, growth_rate, multiplier

clips = 75
parameters = PatternDesign(u_star=0.4, z=1.2, excess=1.5, wavelength=12.0, rate=0.2).parameters()
mu = clip_eigenvalues(clips)
rate = growth_rate(parameters, mu)

figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 5), sharex=True, layout="constrained")
top.plot(rate, "k.-")
top.set(ylabel="growth rate of the equation", ylim=(-0.15, 0.05))
for h in (0.25, 1.0, 4.0, 16.0):
    factor = multiplier(parameters, mu, h)
    bottom.plot(factor, ".-", label=f"h = {h:g}")
    # the same modes, at every step size
    if not np.array_equal(factor > 1, rate > 0):
        raise SystemExit(f"another set of modes grows at h = {h}")
bottom.set(xlabel=f"mode j of {clips} clips (wavelength {2 * clips}/j)", ylabel="multiplier of a step", xlim=(0, 40))
bottom.set(ylim=(0.0, 1.7))
bottom.legend()
for axes in (top, bottom):
    axes.axhline(0 if axes is top else 1, color="grey", linewidth=0.8)
    axes.axvspan(np.flatnonzero(rate > 0)[0] - 0.5, np.flatnonzero(rate > 0)[-1] + 0.5, alpha=0.15)
print(
    f"{int((rate > 0).sum())} of {clips} modes grow, the fastest has wavelength {2 * clips / rate.argmax():.2f} clips"
)
plt.show()
