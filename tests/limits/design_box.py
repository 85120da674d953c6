"""Where is each limit of `certificate_checker`? Every inequality, just inside and just outside.

A check takes the checker as a module, so that a changed copy of it can be judged too. Limits come from ball arithmetic
with 300 bits, written from the lemmas, and from the prover (`certify`), which shares no code with the checker.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from types import ModuleType
from typing import Any

import flint

from rdmf_theory.arithmetic.enclosure import ball, precision
from rdmf_theory.certificates import certify
from tests.limits.box_conditions import limits_of_the_box_alone, room_for_rounding, soft_onset_begins_at
from tests.limits.reference import BITS, H, accepts, eigenvalue, k, limit, near, r0, rational, threshold, u0, z0


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
    limits_of_the_box_alone,
    modes_of_the_clip_axis,
)
