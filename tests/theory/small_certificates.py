"""A small certified pattern, made once: 10 clips of Gray-Scott and the layer's step on them."""

from __future__ import annotations

import json
from functools import cache

import numpy as np

from rdmf_theory.certificates.pattern_certificate import prove_pattern
from rdmf_theory.chart import PatternDesign
from rdmf_theory.layer.step import semi_implicit_step
from rdmf_theory.patterns.branch_explorer import PatternState
from rdmf_theory.patterns.continuation import Curve, Scale
from rdmf_theory.patterns.equations import clip_axis, design_path, gray_scott_problem


@cache
def pattern_entry() -> str:
    """The entry of a proved pattern in a certificate of kind `patterns`, as JSON."""
    design = PatternDesign(0.3, 1.6, 2.0, 20 / 3, 0.5)
    problem = gray_scott_problem(design_path(design, "excess"), clip_axis(10))
    parameters, wave = design.parameters(), problem.axis.mode(3)
    u, v = np.full(10, design.u_star), design.z * design.u_star * (1 - design.u_star) * (1 + 0.1 * wave)
    for _ in range(400):
        u, v = semi_implicit_step(u, v, parameters.s, parameters)
    excess = float(design.excess)
    x = Curve(problem, Scale(1.0, 1.0), 1e-13).fix(np.stack([u, v], axis=1).ravel(), excess)
    growth = float(np.linalg.eigvals(problem.jacobian(x, excess).toarray()).real.max())
    proof = prove_pattern(problem, PatternState(excess, x, int(growth > 0), growth))
    assert proof.holds, proof.detail
    return json.dumps(proof.entry)
