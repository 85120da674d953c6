"""The independent checker: it stands alone, refuses every edit, and refuses false claims with a fitting digest."""

import ast
import copy
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from rdmf_theory.certificates import certificate_checker as checker
from rdmf_theory.certificates import checkers, region_checker
from rdmf_theory.certificates.certificate import digest
from rdmf_theory.certificates.certify import certify_box
from rdmf_theory.certificates.region_certificate import certify_region
from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.admissible import AdmissibleRegion
from rdmf_theory.regions.area import fixed_ratio_area
from tests.theory.certificates import box_content, changed, edit, numbers, refused, region_content, written

CONTENTS = {"box": box_content, "region": region_content, "region cut": lambda: region_content("0.1")}
FILES = [Path(str(module.__file__)) for module in (checker, region_checker)]
FILE = FILES[0]


@pytest.mark.parametrize("make", CONTENTS.values(), ids=CONTENTS)
def test_valid_certificates_hold(make: Callable[[], dict]) -> None:
    assert refused(make()) is None


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_checker_is_short_and_imports_the_standard_library_only(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 400
    tree = ast.parse(file.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= set(sys.stdlib_module_names)
    assert not any(isinstance(node, ast.Call) and getattr(node.func, "id", "") == "float" for node in _decisions(tree))


def _decisions(tree: ast.AST) -> list[ast.AST]:
    """All nodes except those inside messages (f-strings) and the helper that prints where a leaf is."""
    hidden = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for inner in ast.walk(node)}
    hidden |= {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "near"
        for inner in ast.walk(node)
    }
    return [node for node in ast.walk(tree) if id(node) not in hidden]


def test_the_checker_runs_alone(tmp_path: Path) -> None:
    # -I -S: no site-packages, no current folder
    run = [sys.executable, "-I", "-S", str(FILE)]
    good = subprocess.run([*run, str(written(box_content(), tmp_path))], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert "v_rich, damped, fed, turing, mode_on_axis" in good.stdout
    bad = edit(box_content(), ("region", "steps"), 24, sign=False)
    assert subprocess.run([*run, str(written(bad, tmp_path))], capture_output=True, check=False).returncode == 1
    assert subprocess.run([*run, str(tmp_path)], capture_output=True, check=False).returncode == 3
    assert subprocess.run(run, capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize("make", CONTENTS.values(), ids=CONTENTS)
def test_every_changed_number_is_refused(make: Callable[[], dict]) -> None:
    content = make()
    leaves = list(numbers(content))
    assert len(leaves) > 40
    for path, value in leaves:
        assert refused(edit(content, path, changed(value), sign=False)) is not None, path


# Edits that leave a true claim: a wider bracket, a narrower box, a weaker condition, a hint that still works.
WEAKER = {
    ("area", "outer"),
    ("area", "enclosure"),
    ("strips", 0, "inner"),
    ("box",),
    ("region",),
    ("emission", "modulation_fraction"),
    ("proof", "band"),
    ("proof", "gain", "multiplier"),
    ("made_with",),
    ("subject",),
    ("sha256",),
    ("version",),
}


@pytest.mark.parametrize("make", CONTENTS.values(), ids=CONTENTS)
def test_changed_numbers_with_a_fitting_digest_are_refused_or_weaker(make: Callable[[], dict]) -> None:
    content = make()
    for path, value in numbers(content):
        if not any(path[: len(weaker)] == weaker for weaker in WEAKER):
            assert refused(edit(content, path, changed(value), sign=True)) is not None, path


def wider(index: int, end: str, value: str) -> Callable[[dict], None]:
    """Widen the box and the region in one coordinate."""

    def apply(content: dict[str, Any]) -> None:
        name = list(content["box"])[index]
        content["box"][name][0 if end == "lower" else 1] = value
        content["region"][end][index] = value

    return apply


def put(*path_and_value: Any) -> Callable[[dict], None]:
    """Set one field."""

    def apply(content: dict[str, Any]) -> None:
        *path, last, value = path_and_value
        part = content
        for key in path:
            part = part[key]
        part[last] = value

    return apply


FALSE_BOXES = {
    "u_star near the saddle-node": wider(0, "upper", "4999/10000"),
    "u_star at the saddle-node": wider(0, "upper", "1/2"),
    "smaller u_star": wider(0, "lower", "1/5"),
    "undamped": wider(1, "lower", "1"),
    "barely damped": wider(1, "lower", "10001/10000"),
    "negative kill rate": wider(1, "upper", "5/2"),
    "larger z": wider(1, "upper", "2"),
    "no excess": wider(2, "lower", "1"),
    "barely any excess": wider(2, "lower", "1000001/1000000"),
    "large excess": wider(2, "upper", "4"),
    "short wavelengths": wider(3, "lower", "2"),
    "long wavelengths": wider(3, "upper", "60"),
    "slow": wider(4, "lower", "1/100"),
    "fast": wider(4, "upper", "1"),
    "few clips": put("region", "clips", 0, 2),
    "clips as text": put("region", "clips", 0, "12"),
    "more steps": put("region", "steps", 16),
    "larger least gain": put("region", "gain", 0, "7/5"),
    "smaller largest gain": put("region", "gain", 1, "3/2"),
    "wide modulation above": put("region", "modulation", 1, "11/10"),
    "wide modulation below": put("region", "modulation", 0, "9/10"),
    "soft onset": put("region", "soft_onset", True),
    "no rounding of parameters": put("emission", "parameter_error", "0"),
    "no rounding of the gain": put("emission", "gain_error", "0"),
    "coarse rounding": put("emission", "parameter_error", "1/100"),
    "all of the gain interval": put("emission", "modulation_fraction", "999999/1000000"),
    "more than the gain interval": put("emission", "modulation_fraction", "1"),
    "another step size": put("emission", "step_size", "2"),
    "wider band below": put("proof", "band", "alpha", "1/2"),
    "wider band above": put("proof", "band", "beta", "3"),
    "narrow band": put("proof", "band", "alpha", "99/100"),
    "multiplier below": put("proof", "gain", "multiplier", 0, "1"),
    "coarse gain tree": put("proof", "gain", "splits", "."),
    "coarse band tree": put("proof", "band", "splits", "."),
    "empty tree": put("proof", "band", "splits", ""),
    "tree that goes on": put("proof", "band", "splits", ".."),
    "tree with another axis": put("proof", "gain_interval", "splits", "1.."),
    "tree of another type": put("proof", "gain_interval", "splits", 3),
    "float": put("box", "u_star", 0, 0.36),
    "NaN": put("box", "u_star", 0, "nan"),
    "reversed": put("box", "z", ["7/5", "6/5"]),
    "more conditions": put("conditions", ["v_rich", "damped", "fed", "turing", "everything"]),
    "unknown field": put("region", "extra", "1"),
    "another claim in the same words": put("kind", "fixed-ratio-region"),
    "a smaller region": put("region", "upper", 0, "39/100"),
    "soft onset, said twice": lambda content: (
        put("region", "soft_onset", True)(content),
        content["conditions"].append("soft_onset"),
    ),
    "no steps": put("region", "steps", 0),
}


@pytest.mark.parametrize("make_false", FALSE_BOXES.values(), ids=FALSE_BOXES)
def test_false_boxes_are_refused_by_their_meaning(make_false: Callable[[dict], None]) -> None:
    content = box_content()
    make_false(content)
    content["sha256"] = digest(content)
    reason = refused(content)
    assert reason is not None
    assert "after it was written" not in reason


@pytest.mark.parametrize(
    ("lower", "upper", "edit_false", "reason"),
    [
        # the bisection still works on the edited box: only the named check stands in the way
        pytest.param((1.2, 1.5), (2.45, 1.75), wider(1, "upper", "5/2"), "fed", id="k reaches 0"),
        pytest.param((1.001, 1.5), (1.1, 1.75), wider(1, "lower", "1000001/1000000"), "low end", id="z near 1"),
    ],
)
def test_each_corner_check_is_needed(lower: tuple, upper: tuple, edit_false: Callable, reason: str) -> None:
    region = AdmissibleRegion((0.38, *lower, 8.0, 0.2), (0.4, *upper, 16.0, 0.25), (12, 300), 12, (1.01, 9.0))
    certificate = certify_box(region.lower, region.upper, region)
    assert certificate.holds, certificate.detail
    content = certificate.to_dict()
    assert refused(content) is None
    edit_false(content)
    content["sha256"] = digest(content)
    assert reason in str(refused(content))


def test_exact_areas_beyond_two_are_not_accepted_unchecked() -> None:
    content = certify_region("4", strips=4)[0].to_dict()
    content["area"]["decimal"] = "0.00065"
    content["sha256"] = digest(content)
    assert "exact areas are checked for d <= 2 only" in str(refused(content))


def test_leaving_out_a_proof_is_refused() -> None:
    for name in ("gain_interval", "band", "gain"):
        content = box_content()
        del content["proof"][name]
        content["sha256"] = digest(content)
        assert refused(content) is not None


FALSE_REGIONS = {
    "area": put("area", "decimal", "0.000020695728147510717860"),
    "narrow enclosure": put("area", "enclosure", ["0.000020695728147510717857"] * 2),
    "shifted enclosure": put("area", "enclosure", ["0.00002069573", "0.0000207"]),
    "closed form": put("area", "closed_form", "-9923849/5284823040 + 358/131072 ln(2)"),
    "inner": put("area", "inner", "0.0000206"),
    "outer": put("area", "outer", "0.0000207"),
    "Turing-Hopf point": put("points", "turing_hopf", ["3087/65536", "3970/65536"]),
    "Bogdanov-Takens point": put("points", "bogdanov_takens", ["1/16", "1/17"]),
    "another ratio": put("d", "3"),
    "no ratio": put("d", "1"),
    "another gain": put("s", "2"),
    "a cut": put("F_max", "1/10"),
    "inner strip": put("strips", 2, "inner", 0, "1/4"),
    "outer strip": put("strips", 2, "outer", 0, "499/1000"),
    "outer cap": put("strips", 2, "outer", 1, "499/1000"),
    "gap": put("strips", 2, "z", 0, "13/10"),
    "no strips": put("strips", []),
}


@pytest.mark.parametrize("make_false", FALSE_REGIONS.values(), ids=FALSE_REGIONS)
def test_false_regions_are_refused_by_their_meaning(make_false: Callable[[dict], None]) -> None:
    content = region_content()
    make_false(content)
    content["sha256"] = digest(content)
    reason = refused(content)
    assert reason is not None
    assert "after it was written" not in reason


def test_a_missing_last_strip_is_refused() -> None:
    content = region_content()
    content["strips"].pop()
    content["sha256"] = digest(content)
    assert refused(content) == "the paving ends before the region does"


@pytest.mark.parametrize(
    ("d", "s", "F_max"),
    [("2", "1", None), ("3/2", "2", None), ("2", "1", "0.1"), ("2", 1, "0.05"), ("1.7", "0.3", "0.02")],
)
def test_two_derivations_of_the_area_agree(d: str, s: str, F_max: str | None) -> None:
    """The generator integrates k dF along the boundary; the checker integrates the density of the chart."""
    area = fixed_ratio_area(d, s, F_max)
    if F_max is None:
        R, L = region_checker.closed_form(Fraction(d), Fraction(s))
        enclosure = region_checker.enclose(R) + L * region_checker.logarithm(Fraction(d))
    else:
        enclosure = Fraction(s) ** 2 * region_checker.area_below(Fraction(d), Fraction(F_max) / Fraction(s))
    assert enclosure.lower <= area.lower <= area.upper <= enclosure.upper
    assert enclosure.upper - enclosure.lower < Fraction(1, 10**24)


@pytest.mark.parametrize("d", ["2.5", "4", "8"])
def test_beyond_two_the_paving_brackets_the_exact_area(d: str) -> None:
    certificate, area = certify_region(d, strips=64)
    certificate.verify()
    inner, outer = (Fraction(certificate.content["area"][name]) for name in ("inner", "outer"))
    assert inner < area.lower
    assert area.upper < outer
    assert outer - inner < area.upper / 10


def test_the_bracket_narrows_with_strips() -> None:
    widths = []
    for strips in (8, 64):
        area = certify_region("2", strips=strips)[0].content["area"]
        widths.append(Fraction(area["outer"]) - Fraction(area["inner"]))
    assert widths[1] < widths[0] / 6


def test_duplicate_fields_are_refused(tmp_path: Path) -> None:
    path = written(box_content(), tmp_path)
    path.write_text(path.read_text().replace('"version": 1', '"version": 1, "version": 1', 1))
    with pytest.raises(checkers.Refused, match="occurs twice"):
        checkers.check(path)


def test_another_version_is_unreadable() -> None:
    content = edit(box_content(), ("version",), 2, sign=True)
    for judge in (checkers, checker):
        with pytest.raises(judge.Unreadable, match="version or kind"):
            judge.check_content(copy.deepcopy(content))


def test_interval_arithmetic_encloses() -> None:
    third, two = checker.enclose(Fraction(1, 3)), checker.enclose(2)
    for value, exact in (
        (third + two, Fraction(7, 3)),
        (third - two, Fraction(-5, 3)),
        (third * (third - two), Fraction(-5, 9)),
        (third / two, Fraction(1, 6)),
        ((third - two) / third, Fraction(-5)),
        (2 - third, Fraction(5, 3)),
        (1 / third, Fraction(3)),
    ):
        assert value.lower <= exact <= value.upper
        assert value.upper - value.lower < Fraction(1, 1 << 90)
    root = two.sqrt()
    assert root.lower**2 < 2 < root.upper**2
    assert checker.PI.lower < Fraction(314159265358979323847, 10**20)
    assert checker.PI.upper > Fraction(314159265358979323846, 10**20)
    cosine = checker.mode_eigenvalue(checker.PI / 3)
    assert cosine.lower < 1 < cosine.upper


@pytest.mark.parametrize(("d", "strips", "message"), [("1", 8, "d must exceed 1"), ("2", 0, "strips must be at least")])
def test_bad_regions(d: str, strips: int, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        certify_region(d, strips=strips)
