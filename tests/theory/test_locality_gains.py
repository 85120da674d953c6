"""Worst cases over all reactions: no reaction exceeds them, and the one that they name attains them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_banded

from rdmf_theory.chart import PatternDesign
from rdmf_theory.layer.locality import InputRange, field_bounds
from rdmf_theory.layer.locality_gains import StepGains, decay_limit, largest_activator, rates
from rdmf_theory.layer.step import semi_implicit_step
from tests.strategies import designs, seeds

DESIGNS = [(0.395, 1.4, 1.55, 14.7, 0.446), (0.4, 1.3, 2.0, 6.0, 1.0), (0.3, 1.8, 4.0, 36.0, 1.0)]


def tridiagonal(row_sum, diffusion, right):
    bands = np.full((3, len(right)), -diffusion)
    bands[1] = row_sum + 2 * diffusion
    bands[1, [0, -1]] -= diffusion
    return solve_banded((1, 1), bands, right)


class Line:
    """The matrices of one step on a line of clips whose middle does not feel the ends, and the weights of a cut."""

    def __init__(self, design, share=0.5):
        self.parameters = PatternDesign(*design).parameters()
        self.F, self.w, D_u, D_v = (float(x[0]) for x in rates(self.parameters))
        self.half = int(40 / float(decay_limit(1 + self.F, D_u)) / (1 - share))
        self.clips = 2 * self.half + 1
        self.D_u, self.D_v = D_u, D_v
        middle = np.arange(self.clips) == self.half
        self.kernel = tridiagonal(1 + self.w, D_v, 1.0 * middle)
        self.theta = share * float(decay_limit(1 + self.F, D_u))
        self.weight = np.exp(self.theta * np.arange(-self.half, self.half + 1))
        self.gains = StepGains(self.parameters, np.array([[self.theta]]))

    def solve(self, q, right):
        """(1 + F + q - D_u Lap)^-1 right."""
        return tridiagonal(1 + self.F + q, self.D_u, right)

    def pays(self, most):
        """L with A L = most (k - L)^+, and where reaction pays, by value iteration: sets that shrink."""
        pays = np.ones(self.clips, dtype=bool)
        while True:
            value = self.solve(most * pays, most * pays * self.kernel)
            if np.array_equal(self.kernel > value, pays):
                return value, pays
            pays = self.kernel > value


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("most", [0.3, 3.0, 100.0])
def test_the_first_step_of_the_activator_is_attained(design, most):
    line = Line(design)
    v, u, gain = 0.7, 0.4, most / 0.49
    bound = largest_activator(line.parameters, np.array([gain]), np.full((2, 1), u), np.array([v]), 1)[1, 0]
    _, pays = line.pays(most)
    found = semi_implicit_step(np.full(len(pays), u), np.full(len(pays), v), gain * pays, line.parameters)[1]
    assert found[line.half] == pytest.approx(bound, rel=1e-4)
    # a gain everywhere, or at one clip alone, makes less
    assert np.sum(pays) < len(pays)
    for other in (np.ones(len(pays)), np.eye(len(pays))[line.half]):
        less = semi_implicit_step(np.full(len(pays), u), np.full(len(pays), v), gain * other, line.parameters)[1]
        assert less[line.half] <= found[line.half] * (1 + 1e-12)


@pytest.mark.parametrize("design", DESIGNS)
def test_many_steps_are_bounded_by_little_more_than_a_video_attains(design):
    """An active stretch as wide as a wave among inactive clips; the best of some widths."""
    line = Line(design, share=0.1)
    s = float(line.parameters.s)
    inputs = InputRange(0.4, 0.03, 0.6, 0.8 * s, 1.2 * s)
    bounds = field_bounds(line.parameters, inputs, 6)
    largest = np.zeros(7)
    for width in range(12):
        active = np.abs(np.arange(line.clips) - line.half) <= width
        u, v = np.full(len(active), 0.4), np.where(active, 0.6, 0.03)
        for n in range(1, 7):
            u, v = semi_implicit_step(u, v, np.where(active, 1.2, 0.8) * s, line.parameters)
            largest[n] = max(largest[n], v.max())
    assert np.all(largest <= bounds.v_hi[:, 0])
    assert np.all(bounds.v_hi[1:, 0] <= 2.1 * largest[1:])


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("most", [0.3, 3.0, 100.0])
def test_what_errors_of_the_substrate_become_is_attained(design, most):
    line = Line(design)
    from_u = line.gains(np.array([1.0]), np.array([most]), np.array([1.0]))[0].item()
    value, pays = line.pays(most)
    assert value @ line.weight == pytest.approx(from_u, rel=1e-4)
    generator = np.random.default_rng(0)
    for _ in range(20):
        q = most * generator.random(len(pays)) * (generator.random(len(pays)) < 0.5)
        assert line.solve(q, q * line.kernel) @ line.weight <= from_u * (1 + 1e-9)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("most", [0.3, 3.0, 100.0])
def test_twice_the_root_of_the_reaction_is_attained(design, most):
    """The sum of 2 sqrt(q) u' tilted weight, (A + q) u' = 1, is at most that of R; a sqrt(2) is for two videos."""
    line = Line(design)
    from_v = line.gains(np.array([1.0]), np.array([most]), np.array([1.0]))[1].item()
    bound = (from_v - 1 / (1 + line.w - 4 * np.sinh(line.theta / 2) ** 2 * line.D_v)) / np.sqrt(2)
    weight = np.maximum(line.kernel, line.pays(most)[0]) * line.weight
    root, q = line.solve(0.0, weight), np.zeros_like(weight)
    for _ in range(40):
        q = (weight / root) ** 2
        root = line.solve(q, 2 * np.sqrt(q) * weight)
    ones = np.ones(len(weight))
    attained = 2 * np.sqrt(q) * weight @ line.solve(q, ones)
    assert attained <= bound * (1 + 1e-9)
    assert attained >= 0.8 * bound
    generator = np.random.default_rng(0)
    for _ in range(20):
        other = q * generator.lognormal(0, 1, len(q))
        assert 2 * np.sqrt(other) * weight @ line.solve(other, ones) <= bound


@settings(max_examples=40)
@given(designs(largest_excess=10), seeds(), st.floats(0.1, 0.9), st.booleans(), st.booleans())
def test_no_step_makes_more_of_an_error(design, seed, share, aligned, wide):
    """Errors as large as their weights, of one sign or of all, on states in range: after one step they are in range."""
    if design.wavelength > 60:
        design = PatternDesign(design.u_star, design.z, design.excess, 60.0, design.rate)
    generator = np.random.default_rng(seed)
    line = Line((design.u_star, design.z, design.excess, design.wavelength, design.rate), share)
    clips = line.clips
    s, most_v = float(line.parameters.s), 3 * float(generator.random())
    # errors small enough that states stay in range; the weight at the middle is 1
    size = 10.0 ** generator.uniform(-8, -1)
    error = [size * 10.0 ** generator.uniform(-2, 1) for _ in range(2)]
    run = 8 if wide else 1
    noise = [np.repeat(generator.random(clips // run + 1), run)[:clips] for _ in range(4)]
    signs = [np.ones(clips) if aligned else np.sign(x - 0.5) for x in noise[2:]]
    u, v = noise[0] * 0.9, noise[1] * most_v
    other_u = np.clip(u + error[0] * line.weight * signs[0], 0, 0.9)
    other_v = np.clip(v + error[1] * line.weight * signs[1], 0, most_v)
    gain = np.where(generator.random(clips) < 0.5, s, 0.9 * s)
    after = semi_implicit_step(u, v, gain, line.parameters)[1]
    other = semi_implicit_step(other_u, other_v, gain, line.parameters)[1]
    from_u, from_v = line.gains(np.array([s]), np.array([s * most_v**2]), np.array([0.9 + line.F]))
    limit = from_u.item() * error[0] + from_v.item() * error[1]
    assert np.abs(after - other)[line.half] <= limit * (1 + 1e-9) + 1e-13
