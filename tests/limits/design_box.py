"""Where is each limit of `certificate_checker`? Every inequality, just inside and just outside.

A check takes the checker as a module, so that a changed copy of it can be judged too. Limits come from ball arithmetic
with 300 bits, written from the lemmas, and from the prover (`certify`), which shares no code with the checker.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from types import ModuleType
from typing import Any

import flint

from rdmf_theory.arithmetic.enclosure import ball, precision
from rdmf_theory.certificates import certify
from tests.theory.certificates import box_content

BITS = 300
NEAR = Fraction(1, 10**12)
u0, z0, r0 = Fraction(2, 5), Fraction(13, 10), Fraction(8, 5)
e = Fraction(1, 1 << 23)
k = (1 + e) / (1 - e)


def accepts(checker: ModuleType, call: Callable[[], Any]) -> bool:
    """Whether a call returns instead of refusing."""
    try:
        call()
    except checker.Refused:
        return False
    return True


def limit(checker: ModuleType, call: Callable[[Fraction], Any], inside: Any, outside: Any) -> Fraction:
    """Where between two numbers a check begins to refuse, within 2^-60 of their distance."""
    inside, outside = Fraction(inside), Fraction(outside)
    assert accepts(checker, lambda: call(inside))
    assert not accepts(checker, lambda: call(outside))
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if accepts(checker, lambda m=middle: call(m)) else (inside, middle)
    return inside


def near(found: Any, expected: flint.arb | Fraction, within: Fraction = NEAR) -> bool:
    """Whether two numbers agree, as a part of the larger one."""
    expected = rational(expected) if isinstance(expected, flint.arb) else Fraction(expected)
    return abs(Fraction(found) - expected) <= within * max(abs(expected), abs(Fraction(found)))


def rational(x: flint.arb) -> Fraction:
    """The middle of a ball, exactly."""
    mantissa, exponent = (int(part) for part in x.mid().man_exp())
    return Fraction(mantissa) * Fraction(2) ** exponent


def threshold(u: flint.arb) -> flint.arb:
    return ((1 - 2 * u).sqrt() + (2 - 2 * u).sqrt()) ** 2


def H(y: flint.arb) -> flint.arb:
    return threshold(y) / y


def eigenvalue(length: Any) -> flint.arb:
    return 4 * (flint.arb.pi() / ball(length)).sin() ** 2


def intervals_are_outward_and_tight(checker: ModuleType) -> None:
    ulp = Fraction(1, 1 << 96)
    third, seventh = Fraction(1, 3), Fraction(1, 7)
    for x in (third, -third, Fraction(2), third / 10**20):
        a = checker.enclose(x)
        assert a.lower <= x <= a.upper
        assert a.upper - a.lower <= ulp
        for y in (seventh, Fraction(5)):
            b = checker.enclose(y)
            for got, exact in ((a + b, x + y), (a - b, x - y), (2 - a, 2 - x), (a * b, x * y), (a / b, x / y)):
                assert got.lower <= exact <= got.upper
                assert got.upper - got.lower <= 200 * ulp
    wide, across = checker.enclose(-third, 2), checker.enclose(third, seventh * 4)
    for got, lo, hi in (
        (wide + across, Fraction(0), 2 + seventh * 4),
        (wide - across, -third - seventh * 4, 2 - third),
        (1 - wide, Fraction(-1), 1 + third),
        (wide * across, -third * seventh * 4, 2 * seventh * 4),
        (wide / across, Fraction(-1), Fraction(6)),
        (1 / across, Fraction(7, 4), Fraction(3)),
    ):
        assert got.lower <= lo <= hi <= got.upper
        assert lo - got.lower <= 20 * ulp
        assert got.upper - hi <= 20 * ulp
    for bad in (checker.enclose(0, 1), checker.enclose(-1, 1)):
        assert not accepts(checker, lambda bad=bad: checker.enclose(1) / bad)
        assert not accepts(checker, lambda bad=bad: 1 / bad)
    for x in (Fraction(2), third, ulp, Fraction(0), Fraction(9)):
        root = checker.enclose(x).sqrt()
        assert root.lower**2 <= x <= root.upper**2
        assert x == 0 or root.upper - root.lower <= ulp * (4 + 2 / root.upper)
    assert not accepts(checker, (checker.enclose(0) - ulp).sqrt)
    for x, n in ((Fraction(4, 3), 7), (Fraction(5, 4), 12), (Fraction(1), 10_000)):
        got = checker.power(x, n)
        assert got.lower <= x**n <= got.upper
        assert got.upper - got.lower <= x**n * n * 4 * ulp


def functions_enclose_what_they_name(checker: ModuleType) -> None:
    with precision(BITS):
        pi = rational(flint.arb.pi())
        assert checker.PI.lower <= pi <= checker.PI.upper
        assert checker.PI.upper - checker.PI.lower < Fraction(1, 1 << 92)
        for part in (Fraction(1, 500), Fraction(1, 3), Fraction(2, 3), Fraction(99, 100), Fraction(1)):
            exact = rational(2 - 2 * (ball(part) * flint.arb.pi()).cos())
            got = checker.mode_eigenvalue(checker.PI * part)
            assert got.lower <= exact <= got.upper
            assert got.upper - got.lower < Fraction(1, 1 << 80)
        for u in (Fraction(1, 100), u0, Fraction(49, 100)):
            got, exact = checker.threshold(checker.enclose(u)), rational(threshold(ball(u)))
            assert got.lower <= exact <= got.upper
            assert near(got.lower, exact, Fraction(1, 10**25))


def trees_cover_the_box(checker: ModuleType) -> None:
    box = ((Fraction(0), Fraction(1)), (Fraction(0), Fraction(1)))
    parts = list(checker.leaves(box, "0.10..1.."))
    assert sum((b - a) * (d - c) for (a, b), (c, d) in parts) == 1
    for x in (Fraction(i, 16) + Fraction(1, 64) for i in range(16)):
        for y in (Fraction(i, 16) + Fraction(1, 64) for i in range(16)):
            assert sum(a < x < b and c < y < d for (a, b), (c, d) in parts) == 1
    for bad in ("", "0.", "0..1", "..", "2..", "0" * 61 + "." * 62, ["."], 3):
        with contextlib.suppress(IndexError, ValueError):
            assert not accepts(checker, lambda bad=bad: list(checker.leaves(box, bad)))
    assert len(list(checker.leaves(box, "0" * 60 + "." * 61))) == 61


def rounding_moves_designs_so_far(checker: ModuleType) -> None:
    with precision(BITS):
        prover = certify._Rounding(u0)
        u, r, X = checker.rounded((u0, u0), (r0, r0), k)
        u_, r_ = prover.u((u0, u0)), prover.excess((r0, r0))
        for got, expected in ((u, u_), (r, r_)):
            assert near(got.lower, rational(expected.lower()), Fraction(1, 10**11))
            assert near(got.upper, rational(expected.upper()), Fraction(1, 10**11))
        assert near(X, prover.X, Fraction(1, 10**11))
        # adversarial rounding of Q = w^2/(s F), of c and d by the factors of L1
        q = u0 * (1 - u0)
        for Q in (q * k * k, q / (k * k)):
            moved = (1 - (1 - 4 * ball(Q)).sqrt()) / 2
            assert u.lower <= rational(moved) <= u.upper
            for c in (k, 1 / k):
                ratio = rational(ball(z0 * u0 * c) / moved) / z0
                assert 1 / X <= ratio <= X
                for d in (k, 1 / k):
                    excess = rational(ball(r0 * d * z0) * threshold(ball(u0)) / (ball(z0 * ratio) * threshold(moved)))
                    assert r.lower <= excess <= r.upper
    # u* so near 1/2 that rounding may move it past: where the prover gives up too
    found = limit(checker, lambda u: checker.rounded((u, u), (r0, r0), k), u0, Fraction(1, 2))

    def prover_refuses(u: Fraction) -> bool:
        try:
            certify._Rounding(u)
        except certify._Undecided:
            return True
        return False

    with precision(BITS):
        assert prover_refuses(found + Fraction(1, 10**9))
        assert not prover_refuses(found - Fraction(1, 10**9))


def modes_are_those_of_the_design(checker: ModuleType) -> None:
    with precision(BITS):
        got = checker.mode(*(checker.enclose(x) for x in (u0, z0, r0)))
        expected = certify._mode(*(ball(x) for x in (u0, z0, r0)))
        for mine, theirs in zip(got, expected, strict=True):
            assert near(mine.lower, theirs, Fraction(1, 10**20))
            assert near(mine.upper, theirs, Fraction(1, 10**20))
        # and from their definitions: d = r z A, D = d/z, g = (z D + 1)/(z D - 1), M = 2 D m_fast = D - 1 - g E
        u, z, r = (ball(x) for x in (u0, z0, r0))
        A, root = threshold(u), r.sqrt()
        D, E = r * A, (root - 1) * (root * A - 1)
        g = (z * D + 1) / (z * D - 1)
        assert near(got[0].lower, ((r - 1) * (r * A * A - 1)).sqrt(), Fraction(1, 10**18))
        del D, E, g
    # M > 2^-16, for all of an interval
    one = checker.enclose(Fraction(100001, 100000))

    def judge(u: Fraction) -> Any:
        return checker.mode(checker.enclose(u), checker.enclose(z0), one)

    end = limit(checker, judge, Fraction(49, 100), Fraction(1, 2))
    assert near(judge(end)[2].lower, Fraction(1, 1 << 16), Fraction(1, 10**6))
    assert not accepts(
        checker, lambda: checker.mode(checker.enclose(u0, (end + Fraction(1, 2)) / 2), checker.enclose(z0), one)
    )


def turing_at_the_far_end_of_the_gain(checker: ModuleType) -> None:
    R0 = Fraction(101, 100)
    with precision(BITS):
        for lo, hi in ((u0, u0), (Fraction(39, 100), u0)):
            y = (1 - (1 - 4 * ball(lo * (1 - lo) / R0)).sqrt()) / 2
            least = rational(H(y) / H(ball(hi)))
            for sign, holds in ((1, True), (-1, False)):
                r = least * (1 + sign * Fraction(1, 10**22))
                call = lambda lo=lo, hi=hi, r=r: checker.check_gain_interval((lo, hi), r, R0, ".")  # noqa: E731
                assert accepts(checker, call) is holds
            # to the last bit: what is accepted is true
            inside, outside = least * 2, least / 2
            for _ in range(120):
                r = (inside + outside) / 2
                good = accepts(checker, lambda lo=lo, hi=hi, r=r: checker.check_gain_interval((lo, hi), r, R0, "."))
                inside, outside = (r, outside) if good else (inside, r)
            assert inside >= least


def the_band_of_a_design(checker: ModuleType) -> None:
    box = {"u_star": (u0, u0), "z": (z0, z0 + Fraction(1, 10)), "excess": (r0, r0)}
    with precision(BITS):
        rounding = certify._Rounding(u0)
        u, r = rounding.u(box["u_star"]), rounding.excess(box["excess"])
        S, gE, M, *_ = certify._mode(u, ball(box["z"][0] / rounding.X), r)
        low = rational((ball(k) * (1 - (S - gE) / M)).upper())
        S, gE, M, *_ = certify._mode(u, ball(box["z"][1] * rounding.X), r)
        high = rational(((1 + (S + gE) / M) / ball(k)).lower())

    def check(alpha: Fraction, beta: Fraction) -> None:
        checker.check_band(box, {"alpha": str(alpha), "beta": str(beta), "splits": "."}, k)

    # balls are wider than intervals by 3 parts in 10^4 of what rounding moves; a factor k is 2.4e-7
    slack = Fraction(3, 2 * 10**7)
    found = limit(checker, lambda x: check(x, high - slack), Fraction(99, 100), low / 2)
    assert near(found, low, slack), float(found / low - 1)
    found = limit(checker, lambda x: check(low + slack, x), Fraction(101, 100), high * 2)
    assert near(found, high, slack), float(found / high - 1)
    for alpha, beta in ((1, high - slack), (low + slack, 1), (Fraction(0), high - slack)):
        assert not accepts(checker, lambda a=alpha, b=beta: check(Fraction(a), Fraction(b)))


def served(T: int, mu: flint.arb, alpha: Fraction, beta: Fraction) -> bool:
    """Whether some mode of T clips is in (alpha, beta) times mu."""
    modes = [eigenvalue(Fraction(2 * T, j)) for j in range(1, T)]
    return any(bool(x / ball(beta) < mu) and bool(mu < x / ball(alpha)) for x in modes)


def wavelength_of(mu: flint.arb) -> Fraction:
    return rational(2 * flint.arb.pi() / (1 - mu / 2).acos())


def modes_of_the_clip_axis(checker: ModuleType) -> None:
    alpha, beta, T = Fraction(4, 5), Fraction(5, 4), 12

    def holds(lo: Fraction, hi: Fraction, clips: tuple[int, int]) -> bool:
        return accepts(checker, lambda: checker.check_modes((lo, hi), list(clips), alpha, beta))

    tiny = 1 + Fraction(1, 10**15)
    with precision(BITS):
        # mode 2 of 12 clips, alone: its window and, at wavelengths in it, both its ends
        mode = eigenvalue(Fraction(2 * T, 2))
        short, long = wavelength_of(mode / ball(alpha)), wavelength_of(mode / ball(beta))
        assert holds(short * tiny, short * tiny, (T, T))
        assert not holds(short / tiny, short / tiny, (T, T))
        assert holds(long / tiny, long / tiny, (T, T))
        assert not holds(long * tiny, long * tiny, (T, T))
        assert holds(short * tiny, long / tiny, (T, T))
        assert not holds(short / tiny, long / tiny, (T, T))
        assert not holds(short * tiny, long * tiny, (T, T))
        # every T of a range, also behind the early answer
        for length in (Fraction(9), Fraction(5)):
            singles = {t: served(t, eigenvalue(length), alpha, beta) for t in range(2, 19)}
            for first in (2, 4, 7, 9, 13, 18):
                assert holds(length, length, (first, 18)) == all(singles[t] for t in range(first, 19))
    for clips in ((1, 5), (5, 4)):
        assert not holds(Fraction(9), Fraction(9), clips)
    # the last mode does not reach the shortest wavelength, though the windows overlap
    refuse = lambda: checker.check_modes((Fraction(202, 100), Fraction(205, 100)), [12, 12], Fraction(99, 100), beta)  # noqa: E731
    assert not accepts(checker, refuse)
    # a wavelength of two windows with a gap between them
    assert not holds(Fraction(5, 2), Fraction(20), (6, 6))


def growth_of_the_fastest_mode(checker: ModuleType) -> None:
    w = Fraction(9, 40)
    box = {"u_star": (u0, u0), "z": (z0, z0), "excess": (r0, r0), "rate": (w, w)}

    def check(
        low: Fraction, high: Fraction, gain: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1 << 20))
    ) -> None:
        checker.check_gain(box, 12, gain, {"multiplier": [str(low), str(high)], "splits": "."}, k)

    with precision(BITS):
        rounding = certify._Rounding(u0)
        _, _, _, growth, m, a = certify._mode(
            rounding.u(box["u_star"]), rounding.z(box["z"]), rounding.excess(box["excess"])
        )

        def room(g: Fraction, rate: Fraction) -> flint.arb:
            x, g_ = ball((g - 1) / rate), ball(g)
            return (
                a * (growth - x - (g_ - 1) * (1 + m)) - (1 - m) * (growth - x) + growth**2 - x * (x / g_ + 2 - 2 / g_)
            )

        def zero(rate: Fraction, end: str) -> Fraction:
            lo, hi = Fraction(1), Fraction(2)
            for _ in range(70):
                middle = (lo + hi) / 2
                value = room(middle, rate)
                lo, hi = (middle, hi) if (value.lower() if end == "low" else value.upper()) > 0 else (lo, middle)
            return lo

        least, most = zero(w / k, "low"), zero(w * k, "high")
    slack = Fraction(1, 10**7)
    found = limit(checker, lambda x: check(x, most + slack), Fraction(1), (least + 2) / 2)
    assert near(found - 1, least - 1, slack), float((found - least) / (least - 1))
    found = limit(checker, lambda x: check(least - slack, x), Fraction(3, 2), (1 + least) / 2)
    assert near(found - 1, most - 1, slack), float((found - most) / (most - 1))
    # the powers: exactly, at multipliers whose powers are short
    low, high = Fraction(int(least * 256) - 1, 256), Fraction(int(most * 256) + 2, 256)
    tiny = 1 + Fraction(1, 10**20)
    for gain, holds in (
        ((low**12 / tiny, high**12 * tiny), True),
        ((low**12 * tiny, high**12 * tiny), False),
        ((low**12 / tiny, high**12 / tiny), False),
    ):
        assert accepts(checker, lambda gain=gain: check(low, high, gain)) is holds


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


CHECKS = (
    intervals_are_outward_and_tight,
    functions_enclose_what_they_name,
    trees_cover_the_box,
    rounding_moves_designs_so_far,
    modes_are_those_of_the_design,
    turing_at_the_far_end_of_the_gain,
    the_band_of_a_design,
    growth_of_the_fastest_mode,
    room_for_rounding,
    soft_onset_begins_at,
)


def limits_of_the_box_alone(checker: ModuleType) -> None:
    with without_proofs(checker):
        limits_of_the_box(checker)


CHECKS = (*CHECKS, limits_of_the_box_alone, modes_of_the_clip_axis)
