"""Does Coq's kernel accept this certificate? Writes it as a Coq term for the checker proved sound in `Checker.v`.

The translation below is the only step outside the kernel: it copies the certificate's numbers, and the statement that
Coq proves repeats them, so it can be read. What the verified checker covers is said in the answer; the independent
Python checker (`certificate_checker.py`) covers the rest and always runs first.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from rdmf_theory.proving.prove import PROOFS, Outcome

SECONDS = 600
_PAVING = "inner strips lie in the region, outer strips cover it, and their areas bracket it as claimed"
_BOX = "every design of the box satisfies v_rich, damped, fed, turing (as emitted exactly, without rounding)"


def _rational(text: str) -> str:
    number = Fraction(text)
    return f"({number.numerator} # {number.denominator})"


def paving_term(content: Mapping[str, Any]) -> str:
    """The Coq proposition `check_paving ... = true` of a `fixed-ratio-region` certificate."""
    names = ("z", "inner", "outer")
    strips = [" ".join(["Strip", *(_rational(x) for n in names for x in strip[n])]) for strip in content["strips"]]
    cap = "None" if content["F_max"] is None else f"(Some {_rational(content['F_max'])})"
    inner, outer = (_rational(content["area"][name]) for name in ("inner", "outer"))
    numbers = f"{_rational(content['d'])} {_rational(content['s'])} {cap}"
    listed = ";\n   ".join(strips)
    return f"check_paving {numbers}\n  [{listed}]\n  {inner} {outer} = true"


def box_term(content: Mapping[str, Any]) -> str:
    """The Coq proposition `check_box ... = true` of a `design-box` certificate."""
    box = content["box"]
    ends = [*box["u_star"], *box["z"], box["excess"][0], box["wavelength"][0], box["rate"][0]]
    return f"check_box {' '.join(map(_rational, ends))} = true"


def theory(content: Mapping[str, Any]) -> str:
    """Coq source whose only theorem is that the verified checker accepts the certificate."""
    term = paving_term(content) if content["kind"] == "fixed-ratio-region" else box_term(content)
    lines = ("From Coq Require Import QArith List.", "From RDMF Require Import Checker.", "Import ListNotations.")
    # the answer is computed before the kernel is asked to agree: on a refusal a bare cast would search for ever
    proof = "Proof. vm_compute. match goal with |- true = true => reflexivity end. Qed."
    return "\n".join([*lines, "Open Scope Q_scope.", f"Theorem accepted : {term}.", proof, ""])


def check_with_kernel(content: Mapping[str, Any], folder: Path = PROOFS) -> tuple[Outcome, str]:
    """Have Coq check a certificate that the Python checker has accepted.

    Returns: (outcome, what it covers or why not); SKIPPED where Coq or the proofs folder is absent.
    """
    missing = [tool for tool in ("coqc", "coqdep", "make") if shutil.which(tool) is None]
    if missing or not folder.is_dir():
        return Outcome.SKIPPED, f"{' '.join(missing) or folder} not found: the kernel did not check this certificate"
    build = subprocess.run(["make", "-C", str(folder), "Checker.vo"], capture_output=True, text=True, check=False)
    if build.returncode:
        return Outcome.FAILED, f"the verified checker does not compile: {build.stderr.strip()[-300:]}"
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "Certificate.v"
        source.write_text(theory(content), encoding="utf-8")
        command = ["coqc", "-q", "-Q", str(folder), "RDMF", str(source)]
        try:
            run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return (
                Outcome.FAILED,
                f"the kernel did not finish within {SECONDS} s: use fewer strips",
            )
    if run.returncode:
        return Outcome.FAILED, "the verified checker refuses the certificate"
    return Outcome.PROVED, _PAVING if content["kind"] == "fixed-ratio-region" else _BOX
