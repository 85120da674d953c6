"""Pictures: what they show is what was computed, and they are written whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.layer import plots
from rdmf_theory.layer.simulate import simulate
from rdmf_theory.regions.area import fixed_ratio_area
from rdmf_theory.regions.plots import plot_region
from rdmf_theory.support.figures import save as save_figure

PARAMETERS = PatternDesign(0.4, 1.2, 1.5, 12, 0.2).parameters()


def polygon_area(x: np.ndarray, y: np.ndarray) -> float:
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


@pytest.mark.parametrize(("d", "F_max"), [("2", None), ("2", "0.1"), ("2", "0.05"), ("4", None), ("8", "0.1")])
def test_the_filled_region_has_the_exact_area(d: str, F_max: str | None) -> None:
    area = fixed_ratio_area(d, 1, F_max)
    figure = plot_region(area)
    # the sliver is a hair in the (F, k) plane: its polygon is coarser there than seen from the saddle-node
    for axis, tolerance in zip(figure.axes, (1e-3, 5e-5), strict=True):
        corners = axis.patches[0].get_path().vertices
        assert polygon_area(*corners.T) == pytest.approx(area.mid, rel=tolerance)
        assert "F" in axis.get_xlabel()
        assert "1/step" in axis.get_ylabel()


def test_dispersion_marks_growing_modes_inside_the_band() -> None:
    figure = plots.plot_dispersion(PARAMETERS, 75)
    grows = next(line for line in figure.axes[0].lines if line.get_label() == "mode grows")
    assert len(grows.get_xdata()) == 12
    assert bool((np.asarray(grows.get_ydata()) > 0).all())
    plots.plot_dispersion(PatternDesign(0.4, 1.2, 0.7, 12, 0.2).parameters(), 20)


def test_simulation_draws_the_fields() -> None:
    run = simulate(PARAMETERS, 30, 50)
    image = plots.plot_simulation(run, seconds_per_clip=2.0).axes[0].images[0]
    np.testing.assert_allclose(np.asarray(image.get_array()), run.v.T / run.v_star)


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_save_leaves_one_file(tmp_path: Path, suffix: str) -> None:
    figure = plots.plot_dispersion(PARAMETERS, 10)
    save_figure(figure, tmp_path / f"x.{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"x.{suffix}"]


def test_save_refuses(tmp_path: Path) -> None:
    figure = plots.plot_dispersion(PARAMETERS, 10)
    with pytest.raises(ParameterError, match=r"must end in one of \.png"):
        save_figure(figure, tmp_path / "x.bmp")
    with pytest.raises(DataError, match="cannot be written"):
        save_figure(figure, tmp_path / "absent" / "x.png")
    assert list(tmp_path.iterdir()) == []
