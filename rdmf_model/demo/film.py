"""A short film that the project draws itself: scenes that the offline encoder can tell apart, in a known order.

    clock 0 to 10 s, spider web 10 to 20 s, traffic light 20 to 32 s, crossword 32 to 44 s, flag 44 to 54 s

Every frame is drawn by matplotlib, so the film needs no download, and where each scene is, is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

SIDE, RATE = 240, 5


def _clock(axes: Any, t: float) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle((0.5, 0.5), 0.4, facecolor="white", edgecolor="black", linewidth=6))
    for hour in range(12):
        angle = math.pi / 2 - hour * math.pi / 6
        place = 0.5 + 0.32 * math.cos(angle), 0.5 + 0.32 * math.sin(angle)
        axes.text(*place, str(hour or 12), ha="center", va="center", fontsize=13, weight="bold")
    for length, width, turns in ((0.2, 5, 0.02 * t), (0.3, 3, 0.24 * t)):
        angle = math.pi / 2 - 2 * math.pi * turns - 1
        end = 0.5 + length * math.cos(angle), 0.5 + length * math.sin(angle)
        axes.plot([0.5, end[0]], [0.5, end[1]], color="black", linewidth=width)


def _web(axes: Any, t: float) -> None:
    sway = 0.02 * math.sin(t)
    for angle in np.linspace(0, 2 * math.pi, 14, endpoint=False) + sway:
        axes.plot([0.5, 0.5 + 0.7 * math.cos(angle)], [0.5, 0.5 + 0.7 * math.sin(angle)], color="white", linewidth=1)
    angles = np.linspace(0, 2 * math.pi, 15) + sway
    for radius in np.linspace(0.05, 0.5, 11):
        axes.plot(0.5 + radius * np.cos(angles), 0.5 + radius * np.sin(angles), color="white", linewidth=1)


def _light(axes: Any, t: float) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

    axes.add_patch(Rectangle((0.47, 0), 0.06, 0.2, facecolor="#444444"))
    axes.add_patch(FancyBboxPatch((0.36, 0.2), 0.28, 0.7, boxstyle="round,pad=0.02", facecolor="#222222"))
    for place, (height, colour) in enumerate(((0.77, "#ff3020"), (0.55, "#ffb000"), (0.33, "#20d040"))):
        shines = int(t / 2) % 3 == place
        axes.add_patch(Circle((0.5, height), 0.095, facecolor=colour if shines else "#333333"))


def _crossword(axes: Any, t: float) -> None:
    from matplotlib.patches import Rectangle

    generator, cells = np.random.default_rng(3), 9
    for number in range(cells**2):
        x, y = number // cells / cells, number % cells / cells
        black, letter = generator.random() < 0.22, chr(65 + int(generator.integers(26)))
        colour = "black" if black else "white"
        axes.add_patch(Rectangle((x, y), 1 / cells, 1 / cells, facecolor=colour, edgecolor="black", linewidth=1.5))
        if not black and number < 9 * t:
            axes.text(x + 0.5 / cells, y + 0.45 / cells, letter, ha="center", va="center", fontsize=10)


def _flag(axes: Any, t: float) -> None:
    axes.plot([0.15, 0.15], [0, 0.95], color="#666666", linewidth=5)
    x = np.linspace(0.15, 0.85, 40)
    wave = 0.9 + 0.03 * np.sin(8 * x + 3 * t)
    for stripe, colour in enumerate(("#c02030", "white", "#2040a0")):
        axes.fill_between(x, wave - 0.15 * stripe, wave - 0.15 * (stripe + 1), color=colour)


SCENES: dict[str, tuple[float, str, Callable[[Any, float], None]]] = {
    "clock": (10.0, "#c9b99a", _clock),
    "spider web": (10.0, "#20301c", _web),
    "traffic light": (12.0, "#87b5d9", _light),
    "crossword": (12.0, "#eeeeee", _crossword),
    "flag": (10.0, "#9cc7ee", _flag),
}
"""Name -> (seconds, background, how a frame is drawn at a time since the scene began)."""


def scene_windows() -> dict[str, tuple[float, float]]:
    """Start and end of each scene in seconds."""
    ends = np.cumsum([seconds for seconds, _, _ in SCENES.values()])
    return {name: (float(end - SCENES[name][0]), float(end)) for name, end in zip(SCENES, ends, strict=True)}


def frames() -> Iterator[np.ndarray]:
    """The film's frames in order, RATE of them a second, each (SIDE, SIDE, 3) uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for seconds, background, draw in SCENES.values():
        for number in range(round(seconds * RATE)):
            figure = Figure(figsize=(SIDE / 100, SIDE / 100), dpi=100, facecolor=background)
            canvas = FigureCanvasAgg(figure)
            axes = figure.add_axes((0, 0, 1, 1))
            axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
            axes.axis("off")
            draw(axes, number / RATE)
            canvas.draw()
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_film(path: Path) -> Path:
    """Write the film (H.264 in MP4). Needs PyAV, the extra `video`."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "20"}
        stream.codec_context.gop_size = RATE
        for number, pixels in enumerate(frames()):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
