"""One hypothesis strategy per domain object."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from rdmf_theory.chart import Parameters, PatternDesign


def _floats(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


def seeds() -> st.SearchStrategy[int]:
    """Seeds of numpy generators, for tests that want a thousand objects at once."""
    return st.integers(0, 2**32 - 1)


@st.composite
def designs(draw: st.DrawFn, largest_z: float = 5.0, largest_excess: float = 50.0) -> PatternDesign:
    """Admissible designs far beyond any box in use: u* in [0.02, 0.495], wavelengths 2.05 to 200, rates 0.001 to 10."""
    u_star = draw(_floats(0.02, 0.495))
    z = draw(_floats(1.001, min(largest_z, 0.999 / u_star)))
    excess = 1 + 10 ** draw(_floats(-2, float(np.log10(largest_excess - 1))))
    wavelength = 10 ** draw(_floats(float(np.log10(2.05)), float(np.log10(200))))
    return PatternDesign(u_star, z, excess, wavelength, 10 ** draw(_floats(-3, 1)))


def parameters() -> st.SearchStrategy[Parameters]:
    """Turing-unstable parameter points."""
    return designs().map(PatternDesign.parameters)


def random_designs(seed: int, count: int = 1000) -> PatternDesign:
    """`count` admissible designs as arrays, from the same wide box as `designs`."""
    rng = np.random.default_rng(seed)
    u_star = rng.uniform(0.02, 0.495, count)
    z = 1.001 + (np.minimum(5.0, 0.999 / u_star) - 1.001) * rng.random(count) ** 2
    excess = 1 + 10 ** rng.uniform(-2, np.log10(49), count)
    wavelength = 10 ** rng.uniform(np.log10(2.05), np.log10(200), count)
    return PatternDesign(u_star, z, excess, wavelength, 10 ** rng.uniform(-3, 1, count))


def fractions(low: Fraction | int, high: Fraction | int, denominator: int = 1000) -> st.SearchStrategy[Fraction]:
    """Exact rationals in [low, high]."""
    return st.fractions(low, high, max_denominator=denominator)
