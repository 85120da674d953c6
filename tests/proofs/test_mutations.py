"""Random changes of certificates: none that is false is accepted, and a weakened checker is found out."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rdmf_theory.certificates import certificate_checker, region_checker
from rdmf_theory.certificates import checkers as checker
from rdmf_theory.certificates.certificate import digest
from rdmf_theory.certificates.region_certificate import certify_region

PATH = Path(__file__).resolve().parents[2] / "proofs" / "mutate_certificates.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutate_certificates", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


mutate = load()

# What is taken out of a copy of the checker.
WEAKENED = {
    "strips beyond the chart": (region_checker, "capped = capped and p >= 0 and q <= half", "pass"),
    "gain not implied": (
        certificate_checker,
        'need(1 <= low < high <= 1 << 64, "gain.multiplier must be an interval in [1, 2^64]")\n'
        "    implied = gain[0] <= power(low, steps).lower and power(high, steps).upper <= gain[1]",
        "implied = True",
    ),
    "strips with gaps": (region_checker, "need(z_lo == position and z_lo < z_hi <= d,", "need(z_lo < z_hi,"),
    "digest not compared": (region_checker, 'need(content.get("sha256") == digest,', "need(True,"),
}


def test_no_false_certificate_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    status = mutate.main(["--mutations", "300"])
    out = capsys.readouterr().out
    assert status == 0, out
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith(("| kept", "| signed"))]
    assert [row[:2] for row in rows] == [
        [mode, kind] for mode in ("| kept", "| signed") for kind in ("design-box", "fixed-ratio-region")
    ]
    for _, _, tried, refused, true, false, crashed, _ in rows:
        assert int(tried) == 150 == int(refused) + int(true)
        assert (false, crashed) == ("0", "0")
    # the oracle also says yes: it does not refuse everything
    assert int(rows[2][4]) > 10


@pytest.mark.parametrize(("module", "held", "weak"), WEAKENED.values(), ids=WEAKENED)
def test_a_weakened_checker_is_found_out(
    module: ModuleType, held: str, weak: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path(str(module.__file__)).read_text()
    assert text.count(held) == 1
    copy = tmp_path / "weakened.py"
    copy.write_text(text.replace(held, weak))
    assert mutate.main(["--mutations", "300", "--checker", str(copy)]) == 1
    assert "FAILED: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cut", "field"),
    [(("2", None), "decimal"), (("4", None), "outer"), (("4", None), "huge")],
)
def test_the_holes_that_mutations_found_stay_closed(cut: tuple, field: str) -> None:
    """A far decimal in a wide enclosure; a small outer area from strips past u = 1/2; no number for a message."""
    content = certify_region(cut[0], 1, cut[1], strips=4)[0].to_dict()
    area = content["area"]
    if field == "decimal":
        area["enclosure"], area["decimal"] = [area["inner"], area["outer"]], area["outer"]
    elif field == "outer":
        area["outer"] = "0"
        for strip in content["strips"]:
            strip["outer"] = ["0", "1"]
    else:
        area["outer"] = str(10**400)
    content["sha256"] = digest(content)
    if field == "huge":
        # a bound that is far too large is true; what is printed does not grow with it
        assert len(checker.check_content(content)) < 400
        return
    with pytest.raises(checker.Refused):
        checker.check_content(content)
