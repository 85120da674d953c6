"""
A region paved with certified boxes
===================================

The same region, proved: boxes in which every point is Turing-unstable, boxes in which none is, and a thin rest.
Intervals are rounded outward, so the two bounds of the area are bounds.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle

from rdmf_theory import classify_array, gray_scott_region, pave, sample_region

region = gray_scott_region({"s": 1, "D_u": 6, "D_v": 1}, free=("F", "k"))
lower, upper = (0.001, 0.001), (0.1, 0.075)
paving = pave(region.conditions, lower, upper, tolerance=1 / 128)
low, high = paving.volume
print(f"area of the region in this box: between {low:.7f} and {high:.7f}")

figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
kinds = (("outer", "#dfe5ec", "nowhere"), ("inner", "#e0902f", "everywhere"), ("boundary", "#203040", "undecided"))
for name, colour, label in kinds:
    boxes = getattr(paving, name)
    corners, sizes = boxes.lower[:, ::-1], (boxes.upper - boxes.lower)[:, ::-1]
    patches = [Rectangle(tuple(at), *size) for at, size in zip(corners, sizes, strict=True)]
    axes.add_collection(PatchCollection(patches, facecolor=colour, edgecolor="white", linewidth=0.3, label=label))
    print(f"{len(boxes.lower):5} boxes: Turing-unstable {label}")
axes.set(xlim=(lower[1], upper[1]), ylim=(lower[0], upper[0]), xlabel="kill rate k", ylabel="feed rate F")
axes.legend(handles=[Rectangle((0, 0), 1, 1, facecolor=colour, label=label) for _, colour, label in kinds])

# %%
# Uniform points of the region, checked one by one by the other program that decides such points.
points = sample_region(region, 200, lower, upper, seed=0, paving=paving)
ones = np.ones(len(points))
names = classify_array(points[:, 0], points[:, 1], ones, 6 * ones, ones).name
if not (names == "turing").all():
    raise SystemExit("a point of the paved region is not Turing-unstable")
axes.plot(points[:, 1], points[:, 0], "k.", markersize=2)
plt.show()
