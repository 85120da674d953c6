"""Every exit of a region says the same as the region: scipy, SMT-LIB, LaTeX, torch."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy.optimize import minimize

from rdmf_theory.chart import PatternDesign
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.admissible import DEFAULT_REGION
from rdmf_theory.regions.conditions import GRAY_SCOTT_CONDITIONS, gray_scott_region
from rdmf_theory.regions.design_conditions import design_region
from rdmf_theory.regions.export.latex import latex_text
from rdmf_theory.regions.export.scipy_constraint import jacobian, margins, scipy_bounds, scipy_constraint
from rdmf_theory.regions.export.smt import smt_text
from rdmf_theory.turing import classify

z3 = pytest.importorskip("z3", reason="needs z3-solver, a development dependency")

PLANE = gray_scott_region()
FULL = dataclasses.replace(DEFAULT_REGION, modulation=(0.98, 1.02), soft_onset=True)
DESIGN = np.array([0.31, 1.2, 1.5, 12.0, 0.2])


@pytest.mark.filterwarnings("ignore:delta_grad")
def test_scipy_maximises_a_rate_inside_the_region() -> None:
    """The largest k of the region at d = 2 with F <= 0.055 lies on the Hopf curve, which is exact."""
    result = minimize(
        lambda x: -x[1],
        (0.054, 0.0617),
        jac=lambda x: np.array([0.0, -1.0]),
        method="trust-constr",
        constraints=[scipy_constraint(PLANE, 1e-12)],
        bounds=[(0.05, 0.055), (0.05, 0.07)],
        options={"maxiter": 300, "gtol": 1e-10, "xtol": 1e-12},
    )
    u = next(root.real for root in np.roots([-1, 1, 0, 0, -0.055]) if abs(root.imag) < 1e-12 and 0 < root.real < 0.5)
    assert result.x[1] == pytest.approx(u**2 * (1 - u) ** 2, abs=2e-6)
    assert classify(*(result.x - [1e-6, 2e-6]), 1, 2, 1).name == "turing"


def test_scipy_optimises_a_design() -> None:
    """The smallest rate with a gain of at least 2: the gain condition is active, all others hold."""
    region = dataclasses.replace(DEFAULT_REGION, gain=(2.0, 9.0))
    start = np.array([0.4, 1.2, 3.0, 12.0, 0.6])
    assert region.contains(PatternDesign(*start))
    result = minimize(
        lambda x: x[4],
        start,
        jac=lambda x: np.eye(5)[4],
        method="SLSQP",
        constraints=[scipy_constraint(region)],
        bounds=scipy_bounds(region),
        options={"maxiter": 200},
    )
    found = PatternDesign(*result.x)
    assert result.x[4] < 0.5
    assert region.conditions(found)["gain"].margin == pytest.approx(0, abs=1e-4)
    others = {name: c.margin for name, c in region.conditions(found).items() if name != "gain"}
    assert min(others.values()) > -1e-6


def test_jacobians_against_differences() -> None:
    for region, x in ((PLANE, np.array([0.055, 0.0615])), (design_region(FULL), DESIGN)):
        slopes = jacobian(region, x)
        for i in range(len(x)):
            step = np.eye(len(x))[i] * 1e-6 * x[i]
            numeric = (margins(region, x + step) - margins(region, x - step)) / (2e-6 * x[i])
            np.testing.assert_allclose(slopes[:, i], numeric, rtol=1e-5, atol=1e-5)
    constraint = scipy_constraint(FULL)
    assert constraint.fun(DESIGN).shape == (len(design_region(FULL).conditions) + 1,)
    assert constraint.jac(DESIGN).shape == (len(design_region(FULL).conditions) + 1, 5)
    with pytest.raises(ParameterError, match="margin must be"):
        scipy_constraint(PLANE, -1.0)


def solve(text: str) -> object:
    solver = z3.Solver()
    solver.set("timeout", 20_000)
    solver.from_string(text)
    return solver.check()


@pytest.mark.parametrize(
    "point", [(0.055, 0.062), (0.04, 0.06), (0.03, 0.055), (0.05, 0.063), (0.042, 0.059), (0.09, 0.0597)], ids=str
)
def test_z3_reads_the_region_and_agrees_at_points(point: tuple[float, float]) -> None:
    box = {name: (Fraction(x), Fraction(x)) for name, x in zip("Fk", point, strict=True)}
    expected = z3.sat if classify(*point, 1, 2, 1).name == "turing" else z3.unsat
    assert solve(smt_text(PLANE, box)) == expected


def test_z3_proves_claims_on_the_whole_region() -> None:
    """At d = 2 no admissible point has k above 1/16 (Bogdanov-Takens), nor F above 0.3; a false claim is refuted."""
    assert solve(smt_text(PLANE, claim="(<= k (/ 1 16))")) == z3.unsat
    assert solve(smt_text(PLANE, claim="(< F 0.3)")) == z3.unsat
    assert solve(smt_text(PLANE, claim="(< k 0.0615)")) == z3.sat


def test_z3_agrees_at_designs() -> None:
    """u* with rational roots of 1 - 2u* and 2 - 2u*, so that the solver need not build towers of radicals."""
    names = design_region(DEFAULT_REGION).coordinates
    inside = (Fraction(119, 288), Fraction(6, 5), Fraction(9, 4), Fraction(12), Fraction(1, 5))
    for design, expected in ((inside, z3.sat), ((*inside[:4], Fraction(1, 1000)), z3.unsat)):
        assert DEFAULT_REGION.contains(PatternDesign(*map(float, design))) == (expected == z3.sat)
        box = {name: (x, x) for name, x in zip(names, design, strict=True)}
        assert solve(smt_text(DEFAULT_REGION, box)) == expected


def test_smt_of_an_admissible_region_says_what_it_holds() -> None:
    text = smt_text(FULL)
    assert "mode_on_axis" in text
    # without a box of the caller's the region's own is asserted
    assert "(assert (and (<= 6.0 wavelength) (<= wavelength 36.0)))" in text
    assert {"gain_low", "modulation_high", "soft_onset"} <= set(re.findall(r":named (\w+)", text))


def test_smt_names_every_condition() -> None:
    text = smt_text(PLANE)
    assert re.findall(r":named (\w+)", text) == [condition.name for condition in GRAY_SCOTT_CONDITIONS]
    assert text.count("(") == text.count(")")
    with pytest.raises(ParameterError, match="must name coordinates"):
        smt_text(PLANE, {"q": (0, 1)})


def test_latex_formulas_are_the_conditions() -> None:
    text = latex_text(PLANE)
    assert text.startswith("\\documentclass")
    assert text.count("{") == text.count("}")
    assert text.count(r"\[") == text.count(r"\]") == len(GRAY_SCOTT_CONDITIONS)
    # what is printed is the symbolic margin itself
    F, k = sp.symbols("F k", positive=True)
    printed = sp.latex(sp.nsimplify(GRAY_SCOTT_CONDITIONS[0](F, k, 1, 2, 1)))
    assert printed in text
    for name in ("v rich", "damped", "fed", "below cusp", "turing"):
        assert f"\\paragraph{{{name}}}" in text


def test_latex_of_an_admissible_region() -> None:
    text = latex_text(FULL, document=False)
    for fragment in (r"u_{*} < \tfrac12", "1.01 \\le \\varrho(G)^{12} \\le 9", "23x^4", "from 32 to 2048", "0.98"):
        assert fragment in text
    assert "documentclass" not in text
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("region", [PLANE, FULL], ids=["plane", "designs"])
def test_latex_compiles(region: object, tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex, which is not installed")
    (tmp_path / "region.tex").write_text(latex_text(region), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "region.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:]


def test_matplotlib_reads_every_formula() -> None:
    """A LaTeX-like parser of our own dependencies: each display of the plane's region is well formed."""
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("agg")
    displays = re.findall(r"\\\[\n\s*(.*?)\n\\\]", latex_text(PLANE))
    assert len(displays) == 5
    for display in displays:
        parser.parse(f"${display}$".replace(r"\max", r"\mathrm{max}"))


def test_torch_module_emits_designs_of_the_region() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    from rdmf_model.constraints.constraint import DesignConstraint

    raw = torch.randn(2000, 5, generator=torch.Generator().manual_seed(0)) * 5
    design = DesignConstraint(DEFAULT_REGION).transform(raw)
    values = [getattr(design, name).double().numpy() for name in design_region(DEFAULT_REGION).coordinates]
    for name, margin in design_region(DEFAULT_REGION).margins(*values).items():
        # the wavelength may sit on its bound, which is closed
        assert np.all(margin >= 0 if name.startswith("wavelength") else margin > 0), name
