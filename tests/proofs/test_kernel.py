"""The Coq theorems and the verified certificate checker, where Coq is installed; else a visible skip."""

import copy
import shutil

import pytest

from rdmf_theory.certificates.region_certificate import certify_region
from rdmf_theory.proving.kernel_certificate import check_with_kernel
from rdmf_theory.proving.prove import Outcome, kernel_tier, theorems

needs_coq = pytest.mark.skipif(
    shutil.which("coqc") is None, reason="the kernel tier needs Coq: apt-get install coq libcoq-coquelicot"
)


# one test, so that parallel workers never build the same files
@needs_coq
@pytest.mark.timeout(900)
def test_every_theorem_and_the_verified_checker() -> None:
    results = {result.name: result for result in kernel_tier()}
    assert set(results) == {*theorems(), "Audit.axioms"}
    assert {name: result.detail for name, result in results.items() if result.outcome is not Outcome.PROVED} == {}

    certificate, _ = certify_region("2", "1", None, strips=8)
    content = certificate.to_dict()
    assert check_with_kernel(content)[0] is Outcome.PROVED
    for field, end, value in (
        ("inner", 0, "7/16"),
        ("outer", 0, "15/32"),
        ("z", 1, "9/8"),
        ("outer", 1, "31/64"),
        ("outer", 1, "1"),
    ):
        wrong = copy.deepcopy(content)
        assert wrong["strips"][3][field][end] != value
        wrong["strips"][3][field][end] = value
        assert check_with_kernel(wrong)[0] is Outcome.FAILED, (field, end)
    # a strip with reversed ends, whose area would count with the wrong sign
    wrong = copy.deepcopy(content)
    wrong["strips"][3]["inner"] = ["1", "1/2"]
    assert check_with_kernel(wrong)[0] is Outcome.FAILED
    wrong = content | {"area": content["area"] | {"inner": content["area"]["outer"]}}
    assert check_with_kernel(wrong)[0] is Outcome.FAILED

    corner = {"u_star": ["3/10", "49/100"], "z": ["21/20", "9/5"], "excess": ["11/10", "4"]}
    box = {"kind": "design-box", "box": corner | {"wavelength": ["6", "36"], "rate": ["1/20", "1"]}}
    assert check_with_kernel(box)[0] is Outcome.PROVED
    for name, ends in (
        ("u_star", ["3/10", "1/2"]),
        ("z", ["1", "9/5"]),
        ("z", ["21/20", "100/49"]),
        ("excess", ["1", "4"]),
    ):
        wrong = {"kind": "design-box", "box": box["box"] | {name: ends}}
        assert check_with_kernel(wrong)[0] is Outcome.FAILED, name


def test_without_coq_a_certificate_is_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rdmf_theory.proving.kernel_certificate.shutil.which", lambda tool: None)
    outcome, why = check_with_kernel({"kind": "design-box"})
    assert outcome is Outcome.SKIPPED
    assert "the kernel did not check this certificate" in why
