"""The fast tier without Coq: every identity and claim holds and can fail; what is absent is a skip, never a pass."""

import json
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from rdmf_model.cli import app
from rdmf_theory import formulas
from rdmf_theory.errors import ParameterError
from rdmf_theory.proving import prove
from rdmf_theory.proving.box_claims import BOX_CLAIMS, BoxClaim
from rdmf_theory.proving.identities import IDENTITIES, Identity
from rdmf_theory.proving.prove import Outcome, Result


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name)
def test_identity(identity: Identity) -> None:
    assert identity.check() is None


def test_an_identity_that_cannot_fail_is_refused() -> None:
    identity = IDENTITIES[0]
    assert "cannot fail" in (replace(identity, mutant=identity.difference).check() or "")
    assert "does not cancel" in (replace(identity, difference=identity.mutant).check() or "")


@pytest.mark.parametrize("claim", BOX_CLAIMS, ids=lambda claim: claim.name)
def test_box_claim(claim: BoxClaim) -> None:
    assert claim.check() is None


def test_a_box_claim_that_cannot_fail_is_refused() -> None:
    claim = BOX_CLAIMS[0]
    # the region's margin allows a slightly larger rate: true, hence no falsehood
    harmless = replace(claim, falsehoods=((("box", "rate", 1), "201/1000"),))
    same = replace(claim, falsehoods=((("box", "rate", 1), claim.certificate().to_dict()["box"]["rate"][1]),))
    assert "accepted although" in (harmless.check() or "")
    assert "is the truth" in (same.check() or "")


def test_claims() -> None:
    pytest.importorskip("z3", reason="claims need z3-solver")
    from rdmf_theory.proving.smt import CLAIMS

    assert {claim.name: claim.check() for claim in CLAIMS} == {claim.name: None for claim in CLAIMS}


def test_a_false_claim_and_a_toothless_mutant_are_found() -> None:
    pytest.importorskip("z3", reason="claims need z3-solver")
    from rdmf_theory.proving.smt import CLAIMS, Claim

    problem = CLAIMS[0].problem()
    false = Claim("false", "", lambda: replace(problem, conclusion=problem.mutant))
    toothless = Claim("toothless", "", lambda: replace(problem, mutant=problem.conclusion))
    empty = Claim("empty", "", lambda: replace(problem, hypotheses=[*problem.hypotheses, False]))
    assert false.check() == "there is a counterexample"
    assert toothless.check() == "the false mutant was not refuted"
    assert empty.check() == "the hypotheses are contradictory"


def test_a_wrong_formula_fails_the_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    right = formulas.amplification_determinant
    monkeypatch.setattr(formulas, "amplification_determinant", lambda *mode: right(*mode) + 1)
    failed = {result.name for result in prove.fast_tier() if result.outcome is Outcome.FAILED}
    assert {"identity.jury_no_growth", "claim.no_rotation"} <= failed


def test_absent_tools_are_visible_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "z3", None)
    monkeypatch.setattr(prove.shutil, "which", lambda tool: None)
    claims = [result for result in prove.fast_tier() if result.name.startswith("claim.")]
    kernel = list(prove.kernel_tier())
    assert claims
    assert all(result.outcome is Outcome.SKIPPED and "pip install" in result.detail for result in claims)
    assert kernel
    assert all(result.outcome is Outcome.SKIPPED and "apt-get" in result.detail for result in kernel)
    shown = CliRunner().invoke(app, ["prove", "--tier", "kernel", "--json"])
    answer = json.loads(shown.stdout)
    assert shown.exit_code == 0
    assert (answer["proved"], answer["failed"]) == (0, 0)
    assert answer["skipped"] == len(kernel) > 80
    assert {row["verdict"] for row in answer["theorems"]} == {"skipped"}


def test_a_failed_proof_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = Result("Transfer.transfer", "kernel", Outcome.FAILED, None, "words", "line 3")
    monkeypatch.setattr(prove, "kernel_tier", lambda: iter([failed]))
    shown = CliRunner().invoke(app, ["prove", "--tier", "kernel"])
    assert shown.exit_code == 1
    assert "failed" in shown.stdout


def test_result_checks_itself() -> None:
    with pytest.raises(ParameterError, match=r"Result\.tier must be one of fast, kernel\. Got 'slow'"):
        Result("a", "slow", Outcome.PROVED, None, "")
