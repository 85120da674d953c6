"""The derivation as a table to read: each row a name, a sentence and the formula that sympy derived."""

from __future__ import annotations

from typing import Any

import sympy as sp

from rdmf_theory import derive, onset
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem
from rdmf_theory.row import Row
from rdmf_theory.schemes import derive_step


def _eq(left: Any, right: Any) -> sp.Basic:
    # an unevaluated equation: sympy must not decide it
    return sp.Eq(left, right, evaluate=False)


def derivation(system: ReactionSystem = GRAY_SCOTT) -> tuple[Row, ...]:
    """Every row of the chart (docs/mathematics.md) and the layer's step, derived from `system` (Gray-Scott).

    `m = D_v mu/w` is the scaled eigenvalue of a mode, `d = D_u/D_v`, `w = F + k` (`rate` in plain text),
    `eta = h w`, `a = h mu D_u`, `b = h mu D_v`.
    """
    v = system.species[1]
    D_u, D_v = system.diffusions
    f, g = system.reactions
    names = {
        name: sp.Symbol(name) for name in ("u_t", "v_t", "u_xx", "v_xx", "tr", "det", "d_T", "lambda_max", "m_max")
    }
    chart = derive.chart(system)
    implicit, explicit = derive_step.amplification(system)
    J = sp.MatrixSymbol("J", 2, 2)
    L, B = sp.MatrixSymbol("L", 2, 2), sp.MatrixSymbol("B", 2, 2)
    radical = sp.sqrt(1 - 2 * derive.u_star) + sp.sqrt(2 - 2 * derive.u_star)
    d, z, w, u_star = derive.d, derive.z, derive.rate, derive.u_star
    return (
        Row("substrate", "Substrate: what the video offers.", _eq(names["u_t"], D_u * names["u_xx"] + f)),
        Row("activator", "Activator: what the text finds salient.", _eq(names["v_t"], D_v * names["v_xx"] + g)),
        Row("jacobian", "Jacobian of the reactions at any state.", _eq(J, sp.ImmutableMatrix(system.jacobian()))),
        Row(
            "states",
            "Non-trivial steady states are the roots u; they exist iff s F >= 4 (F + k)^2.",
            _eq(derive.state_equation(system), 0),
        ),
        Row("chart_F", "Feed rate in the chart.", _eq(system.parameters[0], chart["F"])),
        Row("chart_k", "Kill rate in the chart; positive iff z u* < 1.", _eq(system.parameters[1], chart["k"])),
        Row("chart_s", "Reaction gain in the chart.", _eq(system.parameters[2], chart["s"])),
        Row("chart_v", "Activator at the v-rich state.", _eq(v, chart["v"])),
        Row("jacobian_chart", "Jacobian over the turnover rate, in the chart.", _eq(J / w, derive.jacobian(system))),
        Row("v_rich", "The v-rich state has u* < 1/2; u* = 1/2 is the saddle-node.", u_star < sp.Rational(1, 2)),
        Row("damped", "Stable without diffusion; z = 1 is the Hopf curve.", z > 1),
        Row("dispersion_trace", "Trace of one mode over w.", _eq(names["tr"], derive.mode_trace())),
        Row("dispersion", "Determinant of one mode over w^2.", _eq(names["det"], derive.mode_determinant())),
        Row("band", "Given z > 1, a mode grows iff its determinant is negative.", derive.mode_determinant() < 0),
        Row("threshold", "Turing-unstable iff d exceeds the threshold.", _eq(names["d_T"], z * radical**2)),
        Row(
            "largest_growth",
            "Largest growth rate over w.",
            _eq(names["lambda_max"], (d + z - 2 * sp.sqrt(2 * d * z * (1 - u_star))) / (d - 1)),
        ),
        Row(
            "fastest_mode",
            "Scaled eigenvalue of the fastest mode.",
            _eq(names["m_max"], (d - z - (d + 1) * names["lambda_max"]) / (2 * d)),
        ),
        Row("step_implicit", "Implicit side of the layer's step, one mode.", _eq(L, implicit)),
        Row("step_explicit", "Explicit side; the amplification matrix is G = L^-1 B.", _eq(B, explicit)),
        Row(
            "transfer",
            "det(I - G) det L = h^2 det(J - mu D): the layer grows a mode iff the PDE does.",
            _eq(sp.Determinant(L - B), sp.factor((sp.Matrix(implicit) - sp.Matrix(explicit)).det())),
        ),
        Row(
            "cubic",
            "Stuart-Landau coefficient at onset for s = 1; positive: soft onset.",
            _eq(sp.Symbol("g"), onset.derive_cubic_coefficient()),
        ),
        Row(
            "soft_onset",
            "With r = z/d at onset, the onset is soft iff this is positive: r < 0.3156858...",
            onset.soft_onset_polynomial() > 0,
        ),
    )
