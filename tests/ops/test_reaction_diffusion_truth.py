"""The step itself: against dense linear algebra, against the theory, and its bounds for inputs that try to break it."""

import numpy as np
import pytest
import torch

from rdmf_model.ops.native.library import status
from rdmf_model.ops.reaction_diffusion import available_backends, reaction_diffusion
from rdmf_theory.chart import PatternDesign
from rdmf_theory.layer.step import clip_eigenvalues, clip_modes, multiplier, semi_implicit_step
from rdmf_theory.steady_states import v_rich_chart
from tests.ops.problems import draw_inputs

DESIGNS = {
    "typical": PatternDesign(u_star=0.3, z=1.3, excess=1.5, wavelength=10.0, rate=0.05),
    "fast": PatternDesign(u_star=0.2, z=2.0, excess=2.0, wavelength=6.0, rate=0.4),
    "slow": PatternDesign(u_star=0.45, z=1.05, excess=1.2, wavelength=24.0, rate=0.02),
}


@pytest.fixture(params=("reference", "adjoint", "cpu"))
def backend(request):
    if request.param not in available_backends("cpu"):
        pytest.skip(f"the {request.param} backend is not available: {status()}")
    return request.param


def _run(fields, parameters, backend, steps, step_size=1.0, lengths=None):
    """`fields` u, v, gain (T,) or (B, T) in numpy, one channel."""
    u, v, gain = (torch.from_numpy(np.atleast_2d(x))[..., None] for x in fields)
    rates = [torch.tensor([[float(x)]], dtype=torch.float64) for x in parameters]
    out = reaction_diffusion(u, v, gain, *rates, lengths, steps=steps, step_size=step_size, backend=backend)
    return [x[..., 0].numpy() for x in out]


def _dense_steps(u, v, gain, F, k, D_u, D_v, steps, h):
    """The step by numpy's dense solver, its Laplacian written down entry by entry."""
    clips = len(u)
    minus_laplacian = np.zeros((clips, clips))
    for t in range(clips - 1):
        for i, j in ((t, t + 1), (t + 1, t)):
            minus_laplacian[i, i] += 1
            minus_laplacian[i, j] -= 1
    for _ in range(steps):
        matrix_u = np.diag(1 + h * (F + gain * v**2)) + h * D_u * minus_laplacian
        matrix_v = np.eye(clips) * (1 + h * (F + k)) + h * D_v * minus_laplacian
        u = np.linalg.solve(matrix_u, u + h * F)
        v = np.linalg.solve(matrix_v, v + h * gain * v**2 * u)
    return u, v


@pytest.mark.parametrize("step_size", [0.25, 1.0, 4.0])
def test_equals_a_dense_solve(backend, step_size):
    inputs = draw_inputs(3, 20, 2)
    lengths = torch.tensor([20, 13, 1])
    outputs = reaction_diffusion(**inputs, lengths=lengths, steps=6, step_size=step_size, backend=backend)
    for sample, clips in enumerate(lengths.tolist()):
        for channel in range(2):
            fields = [inputs[name][sample, :clips, channel].numpy() for name in ("u0", "v0", "gain")]
            rates = [float(inputs[name][sample, channel]) for name in ("F", "k", "D_u", "D_v")]
            for got, expected in zip(outputs, _dense_steps(*fields, *rates, 6, step_size), strict=True):
                np.testing.assert_allclose(got[sample, :clips, channel], expected, rtol=1e-12)


def test_equals_the_step_of_the_theory(backend):
    parameters = DESIGNS["typical"].parameters()
    generator = np.random.default_rng(0)
    u, v = generator.uniform(0.1, 0.9, 30), generator.uniform(0.0, 0.5, 30)
    gain = parameters.s * generator.uniform(0.8, 1.2, 30)
    expected = u, v
    for _ in range(5):
        expected = semi_implicit_step(*expected, gain, parameters, h=0.7)
    rates = (parameters.F, parameters.k, parameters.D_u, parameters.D_v)
    for got, truth in zip(_run((u, v, gain), rates, backend, 5, 0.7), expected, strict=True):
        np.testing.assert_allclose(got[0], truth, rtol=1e-12)


@pytest.mark.parametrize("step_size", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("design", DESIGNS)
def test_the_steady_state_is_a_fixed_point(backend, design, step_size):
    """Well-balanced: the v-rich state stays, at any step size and beside any padding."""
    parameters = DESIGNS[design].parameters()
    u_star, z = v_rich_chart(parameters)
    steady = np.full((2, 40), u_star), np.full((2, 40), z * u_star * (1 - u_star))
    rates = (parameters.F, parameters.k, parameters.D_u, parameters.D_v)
    lengths = torch.tensor([40, 23])
    # One step: an unstable state would amplify the rounding of more.
    got = _run((*steady, np.full((2, 40), parameters.s)), rates, backend, 1, step_size, lengths)
    for field, value in zip(got, steady, strict=True):
        for sample, clips in enumerate(lengths.tolist()):
            np.testing.assert_allclose(field[sample, :clips], value[0, 0], rtol=1e-13)
            assert not field[sample, clips:].any()


@pytest.mark.parametrize("step_size", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("design", DESIGNS)
def test_a_mode_grows_as_the_amplification_matrix_says(backend, design, step_size):
    """Measured growth of every fifth mode after 40 steps from its leading eigenvector equals rho(G(mu))."""
    parameters, clips = DESIGNS[design].parameters(), 40
    u_star, z = v_rich_chart(parameters)
    v_star = z * u_star * (1 - u_star)
    rates = (parameters.F, parameters.k, parameters.D_u, parameters.D_v)
    real = 0
    for j in range(0, clips, 5):
        mu, mode = clip_eigenvalues(clips)[j], clip_modes(clips)[j]
        matrix = _measured_matrix(u_star, v_star, parameters, mode, rates, backend, step_size)
        values, vectors = np.linalg.eig(matrix)
        leading = int(np.argmax(np.abs(values)))
        predicted = float(multiplier(parameters, mu, step_size))
        np.testing.assert_allclose(np.abs(values[leading]), predicted, rtol=2e-6)
        if abs(values[leading].imag) > 0:
            continue  # a pair that rotates: one step's matrix says all
        real += 1
        direction = 1e-9 * vectors[:, leading].real
        fields = u_star + direction[0] * mode, v_star + direction[1] * mode, np.full(clips, parameters.s)
        after = _run(fields, rates, backend, 8, step_size)[1][0] - v_star
        grown = (after @ mode) / (mode @ mode) / direction[1]
        np.testing.assert_allclose(grown, predicted**8, rtol=1e-3)
    assert real > 0


def _measured_matrix(u_star, v_star, parameters, mode, rates, backend, step_size, size=1e-6):
    """The 2 x 2 matrix of one step on one mode, by central differences of the operator."""
    columns = []
    for du, dv in ((size, 0.0), (0.0, size)):
        ends = []
        for sign in (1, -1):
            fields = u_star + sign * du * mode, v_star + sign * dv * mode, np.full(mode.size, parameters.s)
            ends.append(np.array([x[0] @ mode for x in _run(fields, rates, backend, 1, step_size)]))
        columns.append((ends[0] - ends[1]) / (2 * size * (mode @ mode)))
    return np.array(columns).T


HARSH = [0.0, 5e-324, 1e-42, 1e-30, 1.0, 1e15, 1e30]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("step_size", [1e-3, 1.0, 1e6])
def test_bounds_hold_for_harsh_inputs(backend, dtype, step_size):
    """0 <= u <= 1 and v >= 0, max v as in README.md, and no gradient is NaN, at any magnitude of v0, gain and rates."""
    generator = torch.Generator().manual_seed(3)

    def harsh(values, *shape):
        table = torch.tensor(values, dtype=torch.float64)
        return table[torch.randint(len(values), shape, generator=generator)].to(dtype)

    fields = (harsh([0.0, 1e-42, 0.5, 1.0], 4, 9, 40), harsh(HARSH, 4, 9, 40), harsh(HARSH, 4, 9, 40))
    rates = tuple(harsh([1e-30, 1e-3, 1.0, 1e6, 1e12], 4, 40) for _ in range(4))
    leaves = [x.requires_grad_() for x in (*fields, *rates)]
    bound = fields[1].amax(1).double()
    F, k, D_u, _ = (x.detach().double() for x in rates)
    slack = 1 + 100 * torch.finfo(dtype).eps
    for steps in (1, 6):
        u, v = reaction_diffusion(*leaves, steps=steps, step_size=step_size, backend=backend)
        assert torch.all(u >= 0)
        assert torch.all(u <= slack)
        assert torch.all(v >= 0)
        reach = bound.detach()
        for _ in range(steps):
            reach = (reach + 1 + step_size * F + 2 * step_size * D_u) / (1 + step_size * (F + k))
        assert torch.all(v.double() <= slack * reach[:, None])
        if backend != "reference":  # autograd squares the pivots of its quotients, which float32 does not survive
            for gradient in torch.autograd.grad(u.sum() + v.sum(), leaves):
                assert not torch.isnan(gradient).any()


def test_without_gain_nothing_reacts(backend):
    """s = 0: u relaxes to 1 and v decays, each by its own factor, mean by mean."""
    inputs = draw_inputs(2, 15, 3) | {"gain": torch.zeros(2, 15, 3, dtype=torch.float64)}
    u, v = reaction_diffusion(**inputs, steps=7, backend=backend)
    F, w = inputs["F"], inputs["F"] + inputs["k"]
    torch.testing.assert_close(1 - u.mean(1), (1 - inputs["u0"].mean(1)) / (1 + F) ** 7, rtol=1e-12, atol=0)
    torch.testing.assert_close(v.mean(1), inputs["v0"].mean(1) / (1 + w) ** 7, rtol=1e-12, atol=0)


def test_padding_changes_nothing(backend):
    """A sample alone equals the same sample padded, to the last bit in the kernel and to rounding elsewhere."""
    alone = draw_inputs(1, 11, 4)
    padded = {n: torch.nn.functional.pad(x, (0, 0, 0, 14), value=9.0) if x.ndim == 3 else x for n, x in alone.items()}
    expected = reaction_diffusion(**alone, steps=5, backend=backend)
    got = reaction_diffusion(**padded, lengths=torch.tensor([11]), steps=5, backend=backend)
    for x, y in zip(got, expected, strict=True):
        torch.testing.assert_close(x[:, :11], y, rtol=0 if backend == "cpu" else 1e-13, atol=0)
        assert not x[:, 11:].any()
