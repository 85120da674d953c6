"""The fast tier's claims about conductances and the shadow system hold, and each can fail."""

from dataclasses import replace

import pytest

from rdmf_theory import formulas
from rdmf_theory.proving import prove
from rdmf_theory.proving.competition import CLAIMS, IDENTITIES
from rdmf_theory.proving.prove import Outcome


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: identity.name)
def test_identity(identity) -> None:
    assert identity.check() is None
    assert "cannot fail" in (replace(identity, mutant=identity.difference).check() or "")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_claim(claim) -> None:
    pytest.importorskip("z3", reason="claims need z3-solver")
    assert claim.check() is None


def test_the_tier_lists_them_and_a_wrong_formula_fails_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("z3", reason="claims need z3-solver")
    monkeypatch.setattr(formulas, "shadow_multiplier", lambda eta, b: (1 + eta) / (1 + eta + b))
    results = {result.name: result.outcome for result in prove.fast_tier()}
    assert {f"identity.{x.name}" for x in IDENTITIES} | {f"claim.{x.name}" for x in CLAIMS} <= set(results)
    failed = {name for name, outcome in results.items() if outcome is Outcome.FAILED}
    assert {"identity.shadow_multiplier", "claim.shadow_growth"} <= failed
