"""Definitions and code are one: `proofs/Generated.v` and `Audit.v` are what the source generates, nothing admitted."""

import re
from pathlib import Path

import pytest

from rdmf_theory.codegen import coq as codegen_coq
from rdmf_theory.proving.prove import theorems, theories


def test_generated_definitions_are_what_the_source_generates(repository: Path) -> None:
    assert (repository / "proofs" / "Generated.v").read_text() == codegen_coq.generate()


def test_audit_names_every_theorem(repository: Path) -> None:
    assert (repository / "proofs" / "Audit.v").read_text() == codegen_coq.audit()
    stored = (repository / "proofs" / "assumptions.txt").read_text()
    assert re.findall(r"^== (\S+)$", stored, re.MULTILINE) == list(theorems())


def test_axioms_are_those_of_the_standard_reals(repository: Path) -> None:
    lines = (repository / "proofs" / "assumptions.txt").read_text().splitlines()
    assert {line for line in lines if not line.startswith("== ")} <= {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
        "Closed under the global context",
    }


@pytest.mark.parametrize("word", ["Admitted", "admit", "Axiom", "Parameter", "Conjecture", "Abort"])
def test_nothing_is_admitted(repository: Path, word: str) -> None:
    for name in theories():
        source = (repository / "proofs" / f"{name}.v").read_text()
        assert not re.search(rf"\b{word}s?\b", re.sub(r"\(\*.*?\*\)", "", source, flags=re.DOTALL)), name


def test_every_file_opens_with_a_glossary(repository: Path) -> None:
    for name in theories():
        first = (repository / "proofs" / f"{name}.v").read_text().split("*)")[0]
        assert first.startswith(f"(* {name}.v: "), name
        assert "Words used here" in first, name


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def f(x):\n    ''\n    return x % 2", "cannot say 'x % 2'"),
        ("def f(x):\n    ''\n    return x**0.5", "cannot say"),
        ("def f(x):\n    ''\n    if x:\n        return 1\n    return x", "assignments only"),
        ("def f(x):\n    ''\n    x += 1\n    return x", "assignments only"),
    ],
)
def test_what_coq_cannot_say_is_refused(source: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        codegen_coq.transcribe(source)


def test_transcription_keeps_the_arrangement() -> None:
    source = "def f(x, y):\n    ''\n    r = xp.sqrt(x - (y - 1))\n    return -x**2/(x*y) - (r - 0.25*abs(y))"
    (definition,) = codegen_coq.transcribe(source)
    assert definition == (
        "Definition f (x y : R) : R :=\n  let r := sqrt (x - (y - 1)) in\n  - x ^ 2 / (x * y) - (r - 1 / 4 * Rabs y)."
    )
