"""Who wins: the selection theorem, its limits with diffusion in exact rationals, and what a wrong number costs."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdmf_theory.competition.bounds import exchange_bound, neighbourhood_error, neighbourhood_step
from rdmf_theory.competition.conductances import segments
from rdmf_theory.competition.design import ShadowParameters
from rdmf_theory.competition.selection import dominance_factor, intensities, lead_factor
from rdmf_theory.competition.shadow import shadow_run, shadow_step
from rdmf_theory.errors import ParameterError

seeds = st.integers(0, 2**32 - 1)
conductances = st.lists(st.one_of(st.just(0.0), st.just(1.0), st.floats(1e-3, 1)), min_size=1, max_size=10)


def draw(seed: int, T: int, D_v: float) -> tuple[float, np.ndarray, np.ndarray, ShadowParameters, float]:
    rng = np.random.default_rng(seed)
    parameters = ShadowParameters(rng.uniform(0.01, 1), rng.uniform(0, 1), 1.0, D_v)
    h = float(rng.choice([0.1, 1, 10]))
    return float(rng.uniform(0, 1)), rng.uniform(0.01, 2, T), rng.uniform(0.01, 6, T), parameters, h


@given(seeds, st.integers(2, 10))
def test_selection_theorem(seed: int, T: int) -> None:
    u, v, gain, parameters, h = draw(seed, T, 0.0)
    kappa = np.ones(T - 1)
    for _ in range(6):
        u_next, v_next = shadow_step(u, v, gain, parameters, kappa, h)
        a, b = gain * v, gain * v_next
        order = np.argsort(a)
        assert (np.diff(b[order]) >= 0).all()
        for i, j in zip(order[1:], order[:-1], strict=True):
            lead = a[i] / a[j]
            assert b[i] / b[j] == pytest.approx(lead * lead_factor(u_next, a[i], a[j], h), rel=1e-9)
            assert b[i] / b[j] >= lead * (1 - 1e-12)
        # the clips above any threshold gain share
        share = np.cumsum(a[order][::-1]) / a.sum()
        assert (np.cumsum(b[order][::-1]) / b.sum() >= share - 1e-12).all()
        u, v = u_next, v_next


@given(seeds, st.integers(1, 3), st.integers(1, 4), st.floats(0, 20))
def test_segments_behind_cuts_obey_the_law_of_clips(seed: int, first: int, second: int, D_v: float) -> None:
    rng = np.random.default_rng(seed)
    kappa = [*rng.uniform(0, 1, first), 0.0, *rng.uniform(0, 1, second)]
    u, v, gain, parameters, h = draw(seed, len(kappa) + 1, D_v)
    u_next, v_next = shadow_step(u, v, gain, parameters, kappa, h)
    parts, power = segments(kappa), intensities(v, gain, kappa)
    before, after = ([x[part].sum() for part in parts] for x in (v, v_next))
    for i in range(len(parts)):
        for j in range(len(parts)):
            ratio = before[i] / before[j] * lead_factor(u_next, power[i], power[j], h)
            assert after[i] / after[j] == pytest.approx(ratio, rel=1e-9)


@given(seeds, st.integers(2, 6), st.floats(0, 20), st.floats(1, 4))
def test_dominance_is_kept_with_diffusion(seed: int, m: int, D_v: float, lead: float) -> None:
    rng = np.random.default_rng(seed)
    inner = rng.uniform(0, 1, m - 1)
    u, weak, gain, parameters, h = draw(seed, m, D_v)
    strong, more = lead * weak + rng.exponential(0.1, m), gain + rng.exponential(0.5, m)
    kappa = np.concatenate([inner, [0.0], inner])
    u_next, v_next = shadow_step(u, np.concatenate([strong, weak]), np.concatenate([more, gain]), parameters, kappa, h)
    factor = dominance_factor(u_next, lead, float((gain * weak).min()), h)
    assert factor >= 1
    assert (v_next[:m] >= lead * factor * v_next[m:] * (1 - 1e-9)).all()


@given(conductances, seeds, st.floats(0, 20), st.floats(0, 5))
def test_in_one_step_more_similarity_never_lowers_a_share(
    kappa: list[float], seed: int, D_v: float, extra: float
) -> None:
    T = len(kappa) + 1
    u, v, gain, parameters, h = draw(seed, T, D_v)
    j = seed % T
    more = gain.copy()
    more[j] += extra
    _, before = shadow_step(u, v, gain, parameters, kappa, h)
    _, after = shadow_step(u, v, more, parameters, kappa, h)
    assert after[j] / after.sum() >= before[j] / before.sum() * (1 - 1e-10)


def exact_step(
    u: Fraction, v: list[Fraction], gain: list[int], rates: tuple[int, int, int], kappa: list[int], D_v: int
) -> tuple[Fraction, list[Fraction]]:
    """The shadow step in exact rationals, by elimination; rates are (F, k, h)."""
    F, k, h = rates
    T = len(v)
    u_next = (u + h * F) / (1 + h * (F + sum(s * x**2 for s, x in zip(gain, v, strict=True)) / Fraction(T)))
    edges = [h * D_v * x for x in (0, *kappa, 0)]
    pivots, right = [], []
    for i in range(T):
        pivot = Fraction(1 + h * (F + k)) + edges[i] + edges[i + 1]
        value = v[i] + h * gain[i] * u_next * v[i] ** 2
        if i:
            pivot, value = pivot - edges[i] ** 2 / pivots[-1], value + edges[i] / pivots[-1] * right[-1]
        pivots.append(pivot)
        right.append(value)
    x = [right[-1] / pivots[-1]]
    for i in reversed(range(T - 1)):
        x.insert(0, (right[i] + edges[i + 1] * x[0]) / pivots[i])
    return u_next, x


def test_over_two_steps_more_similarity_can_lower_a_share(repository_page: str) -> None:
    """The counter-example of proofs/Selection.v, share_may_fall_later, with the numbers of docs/competition.md."""
    shares = []
    for extra in (0, 1):
        u, v = Fraction(1), [Fraction(0), Fraction(1)]
        for _ in range(2):
            u, v = exact_step(u, v, [11, extra], (2, 1, 2), [1], 4)
        shares.append(v[1] / sum(v))
    assert v == [Fraction(2015698560, 31776579821), Fraction(5525718824, 95329739463)]
    assert shares[1] < shares[0]
    for share in shares:
        assert f"{float(share):.4f}" in repository_page


def test_with_a_cut_the_ranking_can_change(repository_page: str) -> None:
    """The counter-example of ranking_may_change_with_diffusion: 6 v_0 falls below 5 v_2."""
    _, v = exact_step(Fraction(1), [Fraction(1)] * 3, [6, 0, 5], (1, 1, 1), [1, 0], 10)
    assert v == [Fraction(859, 1173), Fraction(751, 1173), Fraction(47, 51)]
    assert 6 * v[0] < 5 * v[2]
    assert f"{float(6 * v[0]):.3f}" in repository_page
    assert f"{float(5 * v[2]):.3f}" in repository_page
    found = shadow_step(1.0, np.ones(3), np.array([6.0, 0, 5]), ShadowParameters(1.0, 1.0, 1.0, 10.0), [1.0, 0.0])
    assert found[1] == pytest.approx([float(x) for x in v])


@pytest.fixture(scope="module")
def repository_page() -> str:
    from pathlib import Path

    return (Path(__file__).resolve().parents[2] / "docs" / "competition.md").read_text()


@given(conductances, seeds)
def test_exchanged_late_the_error_stays_below_its_bound(kappa: list[float], seed: int) -> None:
    """Chunks that use the number of the step before: the run differs by no more than `exchange_bound` says."""
    T, steps, h = len(kappa) + 1, 6, 1.0
    rng = np.random.default_rng(seed)
    parameters = ShadowParameters(0.15, 0.1, 1.0, float(rng.uniform(0, 4)))
    gain, v0 = rng.uniform(0, 2, T), rng.uniform(0, 0.6, T)
    right = shadow_run(0.5, v0, gain, parameters, kappa, steps, h)
    us, vs, used = [0.5], [v0], [float((gain * v0**2).mean())]
    errors = []
    for _ in range(steps):
        own = float((gain * vs[-1] ** 2).mean())
        late = used[-1]
        errors.append(abs(own - late))
        u = (us[-1] + h * parameters.F) / (1 + h * (parameters.F + late))
        # the activator's row with that substrate: one step with gains scaled to reach it
        dense = (1 + h * parameters.w) * np.eye(T) - h * parameters.D_v * laplacian(kappa)
        vs.append(np.linalg.solve(dense, vs[-1] + h * gain * u * vs[-1] ** 2))
        us.append(u)
        used.append(own)
    largest = np.array([max(right.v[n].max(), vs[n].max()) for n in range(steps)])
    bound = exchange_bound(parameters, errors, float(gain.max()), largest, h)
    for n in range(steps + 1):
        assert abs(right.u[n] - us[n]) <= bound.u[n] * (1 + 1e-9) + 1e-14
        assert abs(right.v[n] - vs[n]).max() <= bound.v[n] * (1 + 1e-9) + 1e-14


@given(conductances, seeds, st.integers(0, 10))
def test_competition_in_a_neighbourhood_stays_within_its_bound(kappa: list[float], seed: int, radius: int) -> None:
    T, steps = len(kappa) + 1, 6
    rng = np.random.default_rng(seed)
    parameters = ShadowParameters(0.15, 0.1, 1.0, float(rng.uniform(0, 4)))
    gain, v = rng.uniform(0, 2, T), rng.uniform(0, 0.6, T)
    right = shadow_run(0.5, v, gain, parameters, kappa, steps)
    us, vs, errors = [np.full(T, 0.5)], [v], []
    for _ in range(steps):
        errors.append(neighbourhood_error(gain * vs[-1] ** 2, radius))
        u, v = neighbourhood_step(us[-1], vs[-1], gain, parameters, kappa, radius)
        us.append(u)
        vs.append(v)
    largest = np.array([max(right.v[n].max(), vs[n].max()) for n in range(steps)])
    bound = exchange_bound(parameters, errors, float(gain.max()), largest)
    for n in range(steps + 1):
        assert abs(right.u[n] - us[n]).max() <= bound.u[n] * (1 + 1e-9) + 1e-14
        assert abs(right.v[n] - vs[n]).max() <= bound.v[n] * (1 + 1e-9) + 1e-14
    if radius >= T - 1:
        assert np.stack(vs) == pytest.approx(right.v, rel=1e-12)


def laplacian(kappa: list[float]) -> np.ndarray:
    from rdmf_theory.competition.conductances import weighted_laplacian

    return weighted_laplacian(kappa)


def test_exchange_in_every_step_costs_nothing() -> None:
    bound = exchange_bound(ShadowParameters(0.1, 0.1, 1.0, 1.0), np.zeros(12), 2.0, 5.0)
    assert bound.u.max() == bound.v.max() == 0


def test_neighbourhood_error() -> None:
    reacting = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert neighbourhood_error(reacting, 4) == 0
    # the first clip and its right neighbour have mean 1/2, the video 2
    assert neighbourhood_error(reacting, 1) == 1.5
    assert neighbourhood_error(reacting, 0) == 2


@pytest.mark.parametrize("bad", [(-1.0, 1.0, 1.0), (0.0, np.nan, 1.0), (0.0, 1.0, np.inf)], ids=str)
def test_bad_arguments_of_the_bound(bad: tuple[float, float, float]) -> None:
    error, gain, top = bad
    with pytest.raises(ParameterError, match="must be finite and >= 0"):
        exchange_bound(ShadowParameters(0.1, 0.1, 1.0, 1.0), [error], gain, top)
