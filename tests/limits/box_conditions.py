"""What `check_design_box` decides itself: ranges, what the emission may be, room for rounding, soft onset."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from types import ModuleType
from typing import Any

from rdmf_theory.arithmetic.enclosure import ball, precision
from rdmf_theory.certificates import certify
from tests.limits.reference import BITS, accepts, k, limit, near, rational, threshold, u0
from tests.theory.certificates import box_content


def content_with(**changes: Any) -> dict[str, Any]:
    """A box certificate with fields of its parts replaced: box=…, region=…, emission=…, and conditions to fit."""
    content = box_content()
    for part, fields in changes.items():
        content[part] |= fields
    return content


@contextlib.contextmanager
def without_proofs(checker: ModuleType) -> Iterator[list[tuple[Any, ...]]]:
    """The conditions that `check_design_box` decides itself; what it asks of the gain interval is noted."""
    asked: list[tuple[Any, ...]] = []
    kept = checker.check_gain_interval, checker.check_band, checker.check_modes, checker.check_gain
    checker.check_gain_interval = lambda *arguments: asked.append(arguments)
    checker.check_band = lambda *_: (Fraction(1, 2), Fraction(2))
    checker.check_modes = checker.check_gain = lambda *_: None
    try:
        yield asked
    finally:
        checker.check_gain_interval, checker.check_band, checker.check_modes, checker.check_gain = kept


def limits_of_the_box(checker: ModuleType) -> None:
    # the range in which rounding was analysed, and the region's own ends
    wide = {"lower": ["1/8192"] * 5, "upper": ["8192"] * 5, "modulation": None}
    tiny = Fraction(1, 10**30)

    def holds(emission: dict[str, Any] | None = None, region: dict[str, Any] | None = None, **box: Any) -> bool:
        content = content_with(
            box={name: [str(Fraction(x)) for x in ends] for name, ends in box.items()},
            emission=emission or {},
            region=wide | (region or {}),
        )
        named = ["v_rich", "damped", "fed", "turing", "mode_on_axis", "wavelength", "gain"]
        named += [name for name in ("modulation", "soft_onset") if content["region"][name]]
        content |= {"conditions": named, "theorems": {name: checker.THEOREMS[name] for name in named}}
        return accepts(checker, lambda: checker.check_design_box(content))

    end = Fraction(1, 1 << 12)
    for name, inside, lower in (("rate", Fraction(1, 5), end), ("u_star", Fraction(1, 5), end)):
        assert holds(**{name: (lower, inside)})
        assert not holds(**{name: (lower - tiny, inside)})
    for name in ("rate", "wavelength", "excess"):
        assert holds(**{name: (3, 1 << 12)})
        assert not holds(**{name: (3, (1 << 12) + tiny)})
    for name, edge in (("z", Fraction(1)), ("excess", Fraction(1)), ("wavelength", Fraction(2))):
        # z just above 1 has no room for rounding at the low end, see below
        assert name == "z" or holds(**{name: (edge + tiny, 3)} if name != "z" else {})
        assert not holds(**{name: (edge, 2)})
    # fed: 1 - z u > 2^-16
    z_end = (1 - Fraction(1, 1 << 16)) / u0
    assert holds(z=(2, z_end - tiny), u_star=(Fraction(1, 5), u0))
    assert not holds(z=(2, z_end), u_star=(Fraction(1, 5), u0))
    # what the emission may be
    for name, least in (("parameter_error", Fraction(1, 1 << 23)), ("gain_error", Fraction(1, 1 << 18))):
        assert holds({name: str(least)})
        assert not holds({name: str(least - tiny)})
        assert not holds({name: "1"})
    assert holds({"modulation_fraction": "999/1000"}, z=(2, 2), u_star=(Fraction(1, 10), Fraction(1, 10)))
    assert not holds({"modulation_fraction": str(Fraction(999, 1000) + tiny)}, z=(2, 2), u_star=(Fraction(1, 10),) * 2)
    for fraction, step in (("0", "1"), ("1/2", "1/2"), ("1/2", "2")):
        assert not holds({"modulation_fraction": fraction, "step_size": step})
    # a box that ends where the region does, and one that leaves it
    for name, index in (("u_star", 0), ("z", 1), ("excess", 2), ("wavelength", 3), ("rate", 4)):
        lo, hi = (Fraction(x) for x in box_content()["box"][name])
        for moved in (0, 1):
            ends = {"lower": [*wide["lower"]], "upper": [*wide["upper"]]}
            ends["lower" if moved == 0 else "upper"][index] = str(lo if moved == 0 else hi)
            assert holds(region=ends)
            ends["lower" if moved == 0 else "upper"][index] = str(lo + tiny if moved == 0 else hi - tiny)
            assert not holds(region=ends)


def room_for_rounding(checker: ModuleType) -> None:
    e_m, tiny = Fraction(1, 1 << 18), Fraction(1, 10**25)
    K = k * k / (1 - e_m)
    slack = 1 + Fraction(1, 1 << 40)

    def judge(f: Fraction, u: Fraction, z: Fraction, modulation: Any = None) -> tuple[bool, Any]:
        content = content_with(
            box={"u_star": [str(u)] * 2, "z": [str(z)] * 2},
            region={"lower": ["1/8192"] * 5, "upper": ["8192"] * 5, "modulation": modulation},
            emission={"modulation_fraction": str(f)},
        )
        if modulation is None:
            content["conditions"].remove("modulation")
            content["theorems"].pop("modulation")
        with without_proofs(checker) as asked:
            good = accepts(checker, lambda: checker.check_design_box(content))
        return good, asked

    for f, n in ((Fraction(9, 10), 10), (Fraction(1, 2), 2), (Fraction(1, 3), 2), (Fraction(2, 3), 3)):
        good, asked = judge(f, Fraction(3, 10), Fraction(3, 2))
        assert good
        assert asked[0][2] == (K * k * k * slack) ** n
        assert asked[0][1] == Fraction(box_content()["box"]["excess"][0])
        # low end, z u <= 1/2: q/Q_c = (1 - u)/(z (1 - z u)), largest at z_min; where it is (K k)^-n
        target = (K * k) ** -n
        u = Fraction(1, 4)
        with precision(BITS):
            # z (1 - z u) = (1 - u)/target
            z = (1 - (1 - 4 * ball(u * (1 - u) / target)).sqrt()) / (2 * ball(u))
            z_end = rational(z)
        assert judge(f, u, z_end * (1 + tiny))[0]
        assert not judge(f, u, z_end * (1 - tiny))[0]
        # and where z u > 1/2: 4 u (1 - u)
        with precision(BITS):
            u_end = rational((1 - (1 - ball(target)).sqrt()) / 2)
        assert judge(f, u_end * (1 - tiny), Fraction(19, 10))[0]
        assert not judge(f, u_end * (1 + tiny), Fraction(19, 10))[0]
    # modulation: its lower end, its upper end in what is asked of the gain interval
    f, u, z = Fraction(1, 2), Fraction(3, 10), Fraction(3, 2)
    c = z * u
    least = u * (1 - u) / (c * (1 - c)) * K * k
    assert judge(f, u, z, [str(least + tiny), "3"])[0]
    assert not judge(f, u, z, [str(least), "3"])[0]
    assert judge(f, u, z, [str(least + tiny), "3"])[1][0][2] == 3 * K * k * k * slack
    assert not judge(f, u, z, ["1000001/1000000", "3"])[0]
    assert not judge(f, u, z, [str(least + tiny), "999999/1000000"])[0]


def soft_onset_begins_at(checker: ModuleType) -> None:
    """rho* is the root of 23 x^4 - 124 x^3 - 6 x^2 - 72 x + 27 in (0, 1/3), x = 1/A(u)."""

    def check(u: Fraction) -> None:
        content = content_with(
            box={"u_star": [str(u)] * 2, "z": ["3/2", "3/2"]},
            region={"lower": ["1/8192"] * 5, "upper": ["8192"] * 5, "modulation": None, "soft_onset": True},
            emission={"modulation_fraction": "1/10"},
        )
        content["conditions"] = [name for name in content["conditions"] if name != "modulation"] + ["soft_onset"]
        content["theorems"] = {name: checker.THEOREMS[name] for name in content["conditions"]}
        with without_proofs(checker):
            checker.check_design_box(content)

    with precision(BITS):
        lo, hi = Fraction(1, 10), Fraction(49, 100)
        for _ in range(90):
            u = (lo + hi) / 2
            x = 1 / threshold(ball(u))
            lo, hi = (u, hi) if bool(23 * x**4 - 124 * x**3 - 6 * x**2 - 72 * x + 27 > 0) else (lo, u)
        moved = rational(certify._Rounding(lo).u((lo, lo)).upper())
    found = limit(checker, check, Fraction(1, 5), Fraction(9, 20))
    assert near(found * moved / lo, lo, Fraction(1, 10**10))


def limits_of_the_box_alone(checker: ModuleType) -> None:
    with without_proofs(checker):
        limits_of_the_box(checker)
