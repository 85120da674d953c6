"""What does the layer settle to at random designs of the default region, and can it be proved?

    python -m benchmarks.certified_patterns --designs 12 --seed 2026

For each admissible design: run the layer's step from a disturbed base state, polish the state by Newton's method, and
try to certify it. One line per design.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from rdmf_theory.certificates.pattern_certificate import prove_pattern
from rdmf_theory.chart import PatternDesign
from rdmf_theory.layer.step import semi_implicit_step
from rdmf_theory.patterns.branch_explorer import PatternState
from rdmf_theory.patterns.continuation import Curve, NoConvergence, Scale
from rdmf_theory.patterns.equations import clip_axis, design_path, gray_scott_problem
from rdmf_theory.regions.admissible import DEFAULT_REGION


def settle(design: PatternDesign, clips: int, steps: int, generator: np.random.Generator) -> np.ndarray:
    """The layer's state after many steps from the base state with 5 % noise, shape (2 clips,)."""
    parameters = design.parameters()
    u = design.u_star * (1 + 0.05 * generator.standard_normal(clips))
    v = design.z * design.u_star * (1 - design.u_star) * (1 + 0.05 * generator.standard_normal(clips))
    for _ in range(steps):
        u, v = semi_implicit_step(u, v, parameters.s, parameters)
    return np.stack([u, v], axis=1).ravel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--designs", type=int, default=12)
    parser.add_argument("--clips", type=int, default=75)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=2026)
    arguments = parser.parse_args()
    generator = np.random.default_rng(arguments.seed)
    low, high = np.array(DEFAULT_REGION.lower), np.array(DEFAULT_REGION.upper)
    start, proved, tried = time.process_time(), 0, 0
    while tried < arguments.designs:
        values = low + (high - low) * generator.random(5)
        design = PatternDesign(*(float(value) for value in values))
        if not DEFAULT_REGION.contains(design):
            continue
        tried += 1
        state = settle(design, arguments.clips, arguments.steps, generator)
        problem = gray_scott_problem(design_path(design, "excess"), clip_axis(arguments.clips))
        outcome = "not settled: Newton's method finds no steady state nearby"
        try:
            x = Curve(problem, Scale(1.0, 1.0), 1e-13).fix(state, float(design.excess))
        except NoConvergence:
            pass
        else:
            growth = float(np.linalg.eigvals(problem.jacobian(x, float(design.excess)).toarray()).real.max())
            proof = prove_pattern(problem, PatternState(float(design.excess), x, int(growth > 0), growth))
            proved += proof.holds
            outcome = f"growth rate {growth:+.2e}, {'proved' if proof.holds else proof.detail}"
        shown = " ".join(f"{value:7.3f}" for value in values)
        print(f"{shown}  v {state[1::2].min():.3f} to {state[1::2].max():.3f}  {outcome}")
    seconds = time.process_time() - start
    print(f"{proved} of {tried} patterns proved, {seconds / tried:.2f} CPU-seconds per design")


if __name__ == "__main__":
    main()
