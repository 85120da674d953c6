"""Do the proofs notice a mistake? Plants errors one by one in a copy of the source and names who catches each.

`python proofs/planted_errors.py [--kernel]` prints the table of README.md. Each error goes into the symbolic source,
the generated formulas or a proof; then everything downstream is generated again, as a careless author would do, and the
generator's own proof, the fast tier and (with --kernel, where Coq is installed) the theorems are asked. The production
step is covered by `tests/proofs/test_production_step.py`, which plants an error there in the same way.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Plant:
    """One mistake: `old` becomes `new` in `file`; `fast` and `kernel` are who must catch it (None: cannot see it)."""

    name: str
    file: str
    old: str
    new: str
    fast: str | None
    kernel: str


PLANTS = (
    Plant(
        "sign of the feed in the kinetics",
        "rdmf_theory/kinetics.py",
        "F * (1 - u), s * u",
        "F * (1 + u), s * u",
        "generator",
        "SteadyStates.trivial_steady",
    ),
    Plant(
        "sign in the Jacobian",
        "rdmf_theory/formulas.py",
        "return -z, -2, z*(1 - u_star), 1",
        "return -z, 2, z*(1 - u_star), 1",
        "identity.chart_jacobian",
        "Chart.chart_jacobian",
    ),
    Plant(
        "swapped diffusion coefficients of a design",
        "rdmf_theory/formulas.py",
        "return F, k, s, d*D_v, D_v",
        "return F, k, s, D_v, d*D_v",
        "identity.pattern_design",
        "Design.design_D_v_value",
    ),
    Plant(
        "the step reacts with the old substrate",
        "rdmf_theory/schemes/definition.py",
        "advanced[x] = y",
        "advanced[x] = x",
        "generator",
        "Transfer.amplification_solves",
    ),
    Plant(
        "the step forgets the reaction on the implicit side",
        "rdmf_theory/schemes/definition.py",
        "(1 + h * loss) * y",
        "(1 + h * loss.subs(system.species[1], 0)) * y",
        "generator",
        "Transfer.amplification_solves",
    ),
    Plant(
        "the Laplacian's last clip looks past the end",
        "rdmf_theory/layer/step.py",
        "laplacian[-1, -1] += 1",
        "laplacian[-1, -1] += T == 1",
        None,
        "ClipLaplacian.lap_differences",
    ),
    Plant(
        "wrong Jury condition",
        "rdmf_theory/formulas.py",
        "(a*b - eta*(a - z*b)",
        "(a*b - eta*(b - z*a)",
        "identity.jury_no_growth",
        "Transfer.jury_no_growth_value",
    ),
    Plant(
        "wrong radicand in the Turing threshold",
        "rdmf_theory/formulas.py",
        "xp.sqrt(2 - 2*u_star))**2",
        "xp.sqrt(2 - u_star))**2",
        "identity.turing_threshold",
        "Turing.threshold_factors",
    ),
    Plant(
        "the other root: fastest mode",
        "rdmf_theory/formulas.py",
        "return ((d + 1)*root - d*(1 + z))",
        "return ((d - 1)*root - d*(1 + z))",
        "identity.largest_growth",
        "Turing.growth_square",
    ),
    Plant(
        "maximum instead of minimum in the gain interval",
        "rdmf_theory/formulas.py",
        "y_max = (c + 0.5 - abs(c - 0.5))/2",
        "y_max = (c + 0.5 + abs(c - 0.5))/2",
        "claim.gain_interval",
        "ModulatedGain.gain_interval_iff",
    ),
    Plant(
        "a wave counted as half a wave",
        "rdmf_theory/formulas.py",
        "return 4*xp.sin(xp.pi/wavelength)**2",
        "return 4*xp.sin(xp.pi/(2*wavelength))**2",
        None,
        "Cosine.mu_is_mode_eigenvalue",
    ),
    Plant(
        "`<` for `<=` in a statement: existence of states",
        "proofs/SteadyStates.v",
        "<-> 4 * (F + k) ^ 2 <= s * F).",
        "<-> 4 * (F + k) ^ 2 < s * F).",
        None,
        "SteadyStates.nontrivial_exists_iff",
    ),
    Plant(
        "`<=` for `<` in a statement: the Turing criterion",
        "proofs/Turing.v",
        "0 < fst x) <-> turing_threshold u z < d.",
        "0 < fst x) <-> turing_threshold u z <= d.",
        None,
        "Turing.turing_iff",
    ),
    Plant(
        "an edge that lets nothing back",
        "rdmf_theory/competition/conductances.py",
        "laplacian[right, left] += weight",
        "laplacian[right, left] += 0 * weight",
        "generator",
        "Conductances.wlap_differences",
    ),
    Plant(
        "wrong numerator in the shadow system's multiplier",
        "rdmf_theory/formulas.py",
        "return (1 + 2*eta)/(1 + eta + b)",
        "return (1 + eta)/(1 + eta + b)",
        "identity.shadow_multiplier",
        "ShadowModes.multiplier_value",
    ),
    Plant(
        "`<=` for `<` in a statement: growth of a mode of the shadow system",
        "proofs/ShadowModes.v",
        "(1 < multiplier (h * w) (h * mu * D_v) <-> D_v * mu < w)",
        "(1 < multiplier (h * w) (h * mu * D_v) <-> D_v * mu <= w)",
        None,
        "ShadowModes.shadow_mode_grows_iff",
    ),
    Plant(
        "the layer's uniform mode as stable as the PDE's",
        "proofs/ShadowModes.v",
        "(mode_decays_in_layer u z eta 0 0 <-> 0 < uniform_margin z eta).",
        "(mode_decays_in_layer u z eta 0 0 <-> 1 < z).",
        None,
        "ShadowModes.shadow_uniform_stable_iff",
    ),
    Plant(
        "ties grow too, in a statement: every lead grows",
        "proofs/Selection.v",
        "0 < a j < a i -> a i * a' j < a' i * a j.",
        "0 < a j <= a i -> a i * a' j < a' i * a j.",
        None,
        "Selection.lead_grows",
    ),
    Plant(
        "one clip less of halo in a statement: the error of a chunk",
        "proofs/WeightedLocality.v",
        "ratio alpha beta ^ (W - 1 - i) / alpha * (beta * kappa (W - 1)%nat",
        "ratio alpha beta ^ (W - i) / alpha * (beta * kappa (W - 1)%nat",
        None,
        "WeightedLocality.chunk_error",
    ),
    Plant(
        "the certificate checker forgets the corner z u = 1",
        "proofs/Checker.v",
        "&& negb (Qle_bool 1 (z2 * u2)) ",
        "",
        None,
        "Checker.check_box_sound",
    ),
)
_FAST = """
import json, sys
caught = []
from pathlib import Path
from rdmf_theory import codegen
if sys.argv[1] == "regenerate":
    try:
        Path("rdmf_theory/formulas.py").write_text(codegen.generate())
    except Exception:
        caught.append("generator")
if not caught:
    from rdmf_theory.proving.prove import fast_tier, Outcome
    caught = [result.name for result in fast_tier() if result.outcome is Outcome.FAILED]
print(json.dumps(caught))
"""
_GENERATE = """
from pathlib import Path
from rdmf_theory import codegen_coq
Path("proofs/Generated.v").write_text(codegen_coq.generate())
"""


def copy_with(plant: Plant, folder: Path) -> None:
    """A copy of the source in `folder` with the mistake planted; ValueError if its place is not there exactly once."""
    ignore = shutil.ignore_patterns("__pycache__", "*.timing", ".*.aux", ".nra.cache", ".lia.cache")
    for part in ("rdmf_theory", "proofs"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignore)
    path = folder / plant.file
    text = path.read_text(encoding="utf-8")
    if text.count(plant.old) != 1:
        raise ValueError(f"{plant.file} holds {plant.old!r} {text.count(plant.old)} times; update this plant.")
    path.write_text(text.replace(plant.old, plant.new), encoding="utf-8")


def _python(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # the copy must win over the installed package
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, '.')\n{code}", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def caught_fast(plant: Plant, folder: Path) -> list[str]:
    """Who of the generator and the fast tier notices, in a planted copy."""
    edited = "keep" if plant.file.endswith(("formulas.py", ".v")) else "regenerate"
    run = _python(_FAST, folder, edited)
    if run.returncode:
        return [f"crash: {run.stderr.strip().splitlines()[-1]}"]
    return json.loads(run.stdout.splitlines()[-1])


def caught_by_kernel(folder: Path, jobs: int = 2) -> list[str]:
    """First statement of each Coq file that no longer goes through, in a planted copy."""
    _python(_GENERATE, folder)
    run = subprocess.run(
        ["make", "-C", "proofs", "-k", f"-j{jobs}", "build"], cwd=folder, capture_output=True, text=True, check=False
    )
    failures = []
    for file, line in re.findall(r'File "\./(\w+)\.v", line (\d+), characters [\d-]+:\nError', run.stderr):
        before = "\n".join((folder / "proofs" / f"{file}.v").read_text().splitlines()[: int(line)])
        statements = re.findall(r"^(?:Theorem|Lemma) (\w+)", before, re.MULTILINE)
        failures.append(f"{file}.{statements[-1] if statements else 'header'}")
    return failures


def main() -> None:
    """Print who catches what; exit 1 if somebody who must does not."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--kernel", action="store_true", help="ask Coq too (minutes)")
    kernel = parser.parse_args().kernel
    missed = 0
    for plant in PLANTS:
        with tempfile.TemporaryDirectory() as scratch:
            copy_with(plant, Path(scratch))
            fast = caught_fast(plant, Path(scratch))
            proofs = caught_by_kernel(Path(scratch)) if kernel else []
        missed += (plant.fast is not None and plant.fast not in fast) or (kernel and plant.kernel not in proofs)
        print(f"| {plant.name} | `{plant.file}` | {', '.join(fast) or '–'} | {', '.join(proofs) or '–'} |", flush=True)
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
