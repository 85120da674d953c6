"""Exact area at a fixed diffusion ratio, against its closed form, quadrature and counting."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad

from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.area import bogdanov_takens, fixed_ratio_area, turing_hopf
from rdmf_theory.turing import classify, classify_array


def test_closed_form_at_the_textbook_ratio() -> None:
    area = fixed_ratio_area(2)
    assert area.exact == 359 * sp.log(2) / 131072 - sp.Rational(9923849, 5284823040)
    assert area.mid == pytest.approx(2.069572814751e-05, rel=1e-12)
    assert area.upper - area.lower < Fraction(1, 10**70)
    assert area.to_dict()["closed_form"] == str(area.exact)


def test_cut_at_F_max() -> None:
    area = fixed_ratio_area(2, 1, "0.1")
    assert area.mid == pytest.approx(1.695974150e-05, rel=1e-9)
    assert "CRootOf" in area.to_dict()["closed_form"]
    assert fixed_ratio_area(2, 1, "0.25").exact == fixed_ratio_area(2).exact
    assert fixed_ratio_area(2, 1, "0.047").mid == 0.0


def slice_area(d: float, F_max: float = np.inf) -> float:
    """Quadrature in the chart: integral of |d(F, k)/d(u, z)|, the u-interval cut where F = F_max."""

    def density(u: float, z: float) -> float:
        # F = z^2 u^3 (1-u), k = z u^2 (1-u) (1 - z u)
        F_u, F_z = z * z * (3 * u**2 - 4 * u**3), 2 * z * u**3 * (1 - u)
        k_u = z * (2 * u - 3 * u**2) * (1 - z * u) - z * z * (u**2 - u**3)
        k_z = (u**2 - u**3) * (1 - 2 * z * u)
        return abs(F_u * k_z - F_z * k_u)

    def inner(z: float) -> float:
        low, high = max(0.5 - (d - z) ** 2 / (8 * d * z), 0.0), min(0.5, 1 / z)
        if high**3 * (1 - high) * z * z > F_max:
            roots = np.roots([-z * z, z * z, 0, 0, -F_max])
            high = min(r.real for r in roots if abs(r.imag) < 1e-12 and 0 < r.real < 0.5 + 1e-9)
        return quad(density, low, high, args=(z,), epsrel=1e-11, epsabs=1e-15)[0] if low < high else 0.0

    end = d if d <= 2 else 3 * d - np.sqrt(8 * d * (d - 1))
    breaks = [x for x in (2.0, d * (3 - 2 * np.sqrt(2))) if 1 < x < end]
    return quad(inner, 1, end, points=breaks or None, epsrel=1e-8, epsabs=1e-14, limit=200)[0]


@pytest.mark.parametrize("d", ["1.2", "2", "3", "5.8", "6", "9", "40"])
def test_area_against_quadrature(d: str) -> None:
    area = fixed_ratio_area(d)
    assert area.mid == pytest.approx(slice_area(float(d)), rel=1e-7)
    # the two routes, symbolic and ball arithmetic, agree to 40 digits
    value = Fraction(str(sp.N(area.exact, 50)))
    assert area.lower * (1 - Fraction(1, 10**40)) < value < area.upper * (1 + Fraction(1, 10**40))


@pytest.mark.parametrize(("d", "F_max"), [("2", "0.05"), ("2", "0.1"), ("3", "0.06"), ("9", "0.2"), ("9", "0.01")])
def test_cut_against_quadrature(d: str, F_max: str) -> None:
    area = fixed_ratio_area(d, 1, F_max)
    assert area.mid == pytest.approx(slice_area(float(d), float(F_max)), rel=1e-6)
    assert float(sp.N(area.exact, 30)) == pytest.approx(area.mid, rel=1e-14)


@pytest.mark.parametrize(("d", "F_max"), [(3, None), (9, "0.05")])
def test_area_against_counting(d: int, F_max: str | None) -> None:
    n, height = 700, float(F_max or 0.25)
    F, k = (np.arange(n)[:, None] + 0.5) / n * height, (np.arange(n) + 0.5) / n * 0.08
    count = np.sum(classify_array(F, k, 1.0, float(d), 1.0).name == "turing")
    assert count * height * 0.08 / n**2 == pytest.approx(fixed_ratio_area(d, 1, F_max).mid, rel=0.01)


def test_scaling_with_the_gain() -> None:
    assert sp.expand(fixed_ratio_area(2, 3).exact - 9 * fixed_ratio_area(2).exact) == 0
    scaled, unit = fixed_ratio_area(2, 3, "0.3"), fixed_ratio_area(2, 1, "0.1")
    assert float(scaled.lower) == pytest.approx(9 * unit.mid, rel=1e-14)


def test_chart_is_injective_on_the_region() -> None:
    """(u*, z) is read back from (F, k), so no point of the plane is counted twice; the Jacobian keeps one sign."""
    rng = np.random.default_rng(0)
    u, z = rng.uniform(0.01, 0.5, 10_000), rng.uniform(1, 9, 10_000)
    keep = z * u < 1
    u, z = u[keep], z[keep]
    F, k = z**2 * u**3 * (1 - u), z * u**2 * (1 - u) * (1 - z * u)
    back = classify_array(F, k, 1.0, 2.0, 1.0)
    assert np.allclose(back.u_star, u, atol=1e-7)
    assert np.allclose(back.z, z, rtol=1e-6)
    x, y = sp.symbols("x y", positive=True)
    image = sp.Matrix([y**2 * x**3 * (1 - x), y * x**2 * (1 - x) * (1 - y * x)])
    determinant = sp.factor(image.jacobian([x, y]).det())
    # y^2 x^4 (1 - x) (1 - 2x) up to sign: nonzero for 0 < x < 1/2
    assert sp.cancel(determinant / (x**4 * y**2 * (1 - x) * (1 - 2 * x))) in (1, -1)


def test_no_region_without_a_faster_substrate() -> None:
    assert fixed_ratio_area(1).mid == 0.0
    assert turing_hopf(1) is None
    assert turing_hopf(6) is None


def test_named_points() -> None:
    point = turing_hopf(2)
    assert point == (Fraction(3087, 65536), Fraction(3969, 65536))
    assert [float(x) for x in point] == pytest.approx([0.0471038818, 0.0605621338], abs=5e-11)
    result = classify(*point, 1, 2, 1)
    assert result.name == "hopf"
    assert result.conditions["turing"].margin == 0.0
    assert bogdanov_takens() == (Fraction(1, 16), Fraction(1, 16))
    assert turing_hopf(3, 2) == tuple(2 * x for x in turing_hopf(3))
    corner = classify(*bogdanov_takens(2), 2, 9, 1)
    assert corner.conditions["v_rich"].margin == corner.conditions["damped"].margin == 0.0


@pytest.mark.parametrize("arguments", [(0,), (-2,), (2, 0), (2, 1, 0), ("x",), (float("nan"),)], ids=str)
def test_bad_arguments_are_named(arguments: tuple) -> None:
    with pytest.raises(ParameterError, match="must be"):
        fixed_ratio_area(*arguments)


def test_the_area_is_imported_on_first_use() -> None:
    """A region is part of every trained model; sympy is not."""
    code = (
        "import sys, rdmf_theory, rdmf_theory.regions.admissible; "
        "print('sympy' in sys.modules, rdmf_theory.fixed_ratio_area.__name__)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "fixed_ratio_area"]
