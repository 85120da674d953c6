"""
The Turing region in the plane of feed and kill rate
====================================================

At the textbook ratio of diffusivities, 2, it is a thin sliver beside the saddle-node; at 6 it is broad. The layer is
free to choose. The area of the sliver has a closed form, which the map on the left approaches.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from rdmf_theory import classify_array, fixed_ratio_area

NAMES = ("no-state", "unstable", "stable", "turing")
COLOURS = ("#f2f2f2", "#b9c7d6", "#7d9cc0", "#e0902f")


def map_of(ratio: float, feed: np.ndarray, kill: np.ndarray) -> np.ndarray:
    """Index into NAMES at every point of the grid."""
    F, k = np.meshgrid(feed, kill, indexing="ij")
    names = classify_array(F, k, np.ones_like(F), np.full_like(F, ratio), np.ones_like(F)).name
    return np.select([names == name for name in NAMES], range(len(NAMES)), default=0)


figure, panels = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for axes, ratio in zip(panels, (2.0, 6.0), strict=True):
    feed, kill = np.linspace(0.0005, 0.25, 500), np.linspace(0.0005, 0.08, 500)
    found = map_of(ratio, feed, kill)
    axes.pcolormesh(kill, feed, found, cmap=ListedColormap(COLOURS), vmin=-0.5, vmax=3.5, rasterized=True)
    axes.set(xlabel="kill rate k", ylabel="feed rate F", title=f"$D_u / D_v$ = {ratio:g}")
handles = [Patch(color=colour, label=name) for colour, name in zip(COLOURS, NAMES, strict=True)]
panels[0].legend(handles=handles, loc="lower left", fontsize=8)

# %%
# The sliver is thinner than that grid. Seen from the saddle-node curve, k = sqrt(F)/2 - F, it can be counted.
feed, below = np.linspace(0, 0.25, 802)[1:-1], np.linspace(0, 0.0016, 1602)[1:-1]
F = np.repeat(feed[:, None], len(below), axis=1)
k = np.sqrt(F) / 2 - F - below
names = classify_array(F, np.maximum(k, 0), np.ones_like(F), np.full_like(F, 2.0), np.ones_like(F)).name
counted = float(((names == "turing") & (k > 0)).sum()) * (feed[1] - feed[0]) * (below[1] - below[0])
area = fixed_ratio_area(2)
print(f"area at ratio 2: {area.exact} = {float(area.lower):.6e}, counted on a grid {counted:.6e}")
if abs(counted / float(area.lower) - 1) > 0.01:
    raise SystemExit("the map does not have the area of the formula")
plt.show()
