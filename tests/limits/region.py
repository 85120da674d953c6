"""Where is each limit of `region_checker`? Every inequality, just inside and just outside, by rationals and balls."""

from __future__ import annotations

import copy
from collections.abc import Callable
from fractions import Fraction
from types import ModuleType
from typing import Any

import flint

from rdmf_theory.arithmetic.enclosure import ball, precision
from rdmf_theory.certificates.certificate import digest
from rdmf_theory.regions.area import fixed_ratio_area
from tests.limits.reference import accepts, rational
from tests.theory.certificates import region_content

TINY = Fraction(1, 10**40)
HALF = Fraction(1, 2)


def u_low(d: Fraction, z: Fraction) -> Fraction:
    return HALF - (d - z) ** 2 / (8 * d * z)


def feed(s: Fraction, u: Fraction, z: Fraction) -> Fraction:
    return s * z**2 * u**3 * (1 - u)


def strip(z: tuple, inner: tuple, outer: tuple) -> dict[str, list[str]]:
    return {"z": [str(x) for x in z], "inner": [str(x) for x in inner], "outer": [str(x) for x in outer]}


def intervals_are_outward_and_tight(checker: ModuleType) -> None:
    for bits in (96, 200):
        ulp = Fraction(1, 1 << bits)
        third, seventh = Fraction(1, 3), Fraction(1, 7)
        for x in (third, -third, Fraction(2)):
            a = checker.enclose(x, bits=bits)
            assert a.lower <= x <= a.upper
            assert a.upper - a.lower <= ulp
            for y in (seventh, Fraction(5)):
                b = checker.enclose(y, bits=bits)
                for got, exact in ((a + b, x + y), (a - b, x - y), (2 - a, 2 - x), (a * b, x * y), (a / b, x / y)):
                    assert got.lower <= exact <= got.upper
                    assert got.upper - got.lower <= 200 * ulp
            cube = a**3
            assert cube.lower <= x**3 <= cube.upper
        for x in (Fraction(2), third, ulp, Fraction(9)):
            root = checker.enclose(x, bits=bits).sqrt()
            assert root.lower**2 <= x <= root.upper**2
        assert not accepts(checker, lambda: 1 / checker.enclose(0, 1))
    wide = checker.enclose(-third, 2)
    for got, lo, hi in ((wide * wide, Fraction(-2, 3), Fraction(4)), (wide / third, Fraction(-1), Fraction(6))):
        assert got.lower <= lo <= hi <= got.upper


def logarithms(checker: ModuleType) -> None:
    with precision(3000):
        for bits in (96, 768, 1536):
            for x in (
                Fraction(2),
                Fraction(1 + 10**9, 10**9),
                Fraction(17, 10),
                Fraction(4, 3),
                Fraction(100, 99),
                Fraction(9),
            ):
                exact, got = rational(ball(x).log()), checker.logarithm(x, bits)
                assert got.lower <= exact <= got.upper
                assert got.upper - got.lower < Fraction(bits * 40, 1 << bits)
    assert accepts(checker, lambda: checker.logarithm(Fraction(2, 3)))
    assert not accepts(checker, lambda: checker.logarithm(Fraction(2, 3) - TINY))


def areas_of_the_chart(checker: ModuleType) -> None:
    # the primitive of u^4 (1 - u)(1 - 2u) by its values: a polynomial of degree 7 is known by 8 differences
    h = Fraction(1, 10**30)
    for u in (Fraction(i, 17) for i in range(1, 10)):
        slope = (checker.primitive(u + h) - checker.primitive(u - h)) / (2 * h)
        assert abs(slope - u**4 * (1 - u) * (1 - 2 * u)) < Fraction(1, 10**50)
    assert checker.primitive(Fraction(0)) == 0
    box = Fraction(1), Fraction(3, 2), Fraction(1, 4), Fraction(2, 5)
    z_part = (box[1] ** 3 - box[0] ** 3) / 3
    assert checker.chart_area(*box) == z_part * (checker.primitive(box[3]) - checker.primitive(box[2]))


def zeros(checker: ModuleType) -> None:
    for bits in (96, 200):
        for target in (2, 3):
            root = checker.bisect(lambda x, t=target: x * x - t, Fraction(1), Fraction(2), bits)
            assert root.lower**2 < target <= root.upper**2
            assert root.upper - root.lower <= Fraction(1, 1 << bits)
        exact = checker.bisect(lambda x: x - Fraction(3, 2), Fraction(1), Fraction(2), bits)
        assert exact.lower <= Fraction(3, 2) <= exact.upper


def exact_areas(checker: ModuleType) -> None:
    whole_ones = (("2", "1", None), ("3/2", "2", None), ("1.001", "1", None))
    cut_ones = (
        ("2", "1", "0.1"),
        ("2", "1", "0.05"),
        ("1.7", "0.3", "0.02"),
        ("1.9", "3", "0.1872"),
        ("2", "1", "0.24"),
    )
    for d, s, F_max in (*whole_ones, *cut_ones, ("2", "1", "0.24")):
        area = fixed_ratio_area(d, s, F_max)
        d_, s_ = Fraction(d), Fraction(s)
        if F_max is None:
            R, L = checker.closed_form(d_, s_)
            got = checker.enclose(R, bits=200) + L * checker.logarithm(d_, 200)
        else:
            got = s_**2 * checker.area_below(d_, Fraction(F_max) / s_, 200)
        assert got.lower <= area.lower <= area.upper <= got.upper
        assert got.upper - got.lower < Fraction(1, 10**45)
    # the least feed rate of the region, at z = 1: below it the region is empty
    least = feed(Fraction(1), u_low(Fraction(3, 2), Fraction(1)), Fraction(1))
    assert checker.area_below(Fraction(3, 2), least).upper == 0
    assert checker.area_below(Fraction(3, 2), least + Fraction(1, 10**6), 400).lower > 0
    # and the largest: with it the area is the whole
    R, L = checker.closed_form(Fraction(3, 2), Fraction(1))
    whole = checker.enclose(R, bits=200) + L * checker.logarithm(Fraction(3, 2), 200)
    for most in (Fraction(9, 64), Fraction(1)):
        assert abs(checker.area_below(Fraction(3, 2), most, 200).lower - whole.lower) < Fraction(1, 10**50)


def resolution(checker: ModuleType) -> None:
    asked: list[int] = []

    def enclosure(width: Callable[[int], Fraction], middle: Fraction) -> Callable[[int], Any]:
        def at(bits: int) -> Any:
            asked.append(bits)
            w = width(bits)
            return checker.enclose(middle - w / 2, middle + w / 2, 3072)

        return at

    one = Fraction(1)
    for width, most, holds in (
        (Fraction(1, 1 << 81), one, True),
        (Fraction(1, 1 << 79), one, False),
        (Fraction(1, 1 << 90), Fraction(1, 1 << 89), True),
        (Fraction(1, 1 << 90), Fraction(1, 1 << 91), False),
    ):
        assert accepts(checker, lambda w=width, m=most: checker.resolved(enclosure(lambda _: w, one), m)) is holds
    asked.clear()
    lo, hi = checker.resolved(enclosure(lambda bits: Fraction(1, 1 << bits), one), Fraction(1, 1 << 700))
    assert asked == [96, 192, 384, 768]
    assert lo < 1 < hi


def strips_of_the_paving(checker: ModuleType) -> None:
    d, s = Fraction(2), Fraction(1)

    def holds(strips: list, F_max: Fraction | None = None, d: Fraction = d) -> bool:
        return accepts(checker, lambda: checker.check_strips(d, s, F_max, strips))

    a, p = u_low(d, d), u_low(d, Fraction(1))
    assert (a, p) == (HALF, Fraction(7, 16))
    whole = strip((1, 2), (HALF, HALF), (p, HALF))
    assert holds([whole])
    # the ends in z
    for z in ((1 + TINY, 2), (1, 2 - TINY), (1, 2 + TINY), (1 - TINY, 2)):
        assert not holds([strip(z, (HALF, HALF), (0, HALF))])
    m = Fraction(3, 2)
    first, second = strip((1, m), (HALF, HALF), (0, HALF)), strip((m, 2), (HALF, HALF), (0, HALF))
    assert holds([first, second])
    for z in ((m + TINY, 2), (m - TINY, 2)):
        assert not holds([first, strip(z, (HALF, HALF), (0, HALF))])
    # the inner strip: from u_low at its upper z to min(1/2, 1/z)
    low = u_low(d, m)
    for inner, good in (((low, HALF), True), ((low - TINY, HALF), False), ((low, HALF + TINY), False)):
        assert holds([strip((1, m), inner, (0, HALF)), second]) is good
    # the outer strip: from u_low at its lower z, to 1/2
    for outer, good in (
        ((p, HALF), True), ((p + TINY, HALF), False), ((p, HALF - TINY), False), ((p, HALF + TINY), False),
        ((p, 1), False),
        ((-TINY, HALF), False), ((0, HALF), True),
    ):  # fmt: skip
        assert holds([strip((1, m), (HALF, HALF), outer), second]) is good
    # beyond z = 2 the cap is 1/z: d = 4
    d4 = Fraction(4)
    z_lo, z_hi = Fraction(21, 10), Fraction(22, 10)
    end = Fraction(4)

    def at_four(inner: tuple, outer: tuple) -> bool:
        strips = [
            strip((1, z_lo), (HALF, HALF), (0, HALF)), strip((z_lo, z_hi), inner, outer),
            strip((z_hi, end), (HALF, HALF), (0, HALF)),
        ]  # fmt: skip
        return holds(strips, None, d4)

    low = u_low(d4, z_hi)
    assert low < 1 / z_hi
    assert at_four((low, 1 / z_hi), (0, 1 / z_lo))
    assert not at_four((low, 1 / z_hi + TINY), (0, 1 / z_lo))
    assert not at_four((low, 1 / z_hi), (0, 1 / z_lo - TINY))
    assert not at_four((low - TINY, 1 / z_hi), (0, 1 / z_lo))
    # the last z of the region at d = 4 is where z u_low = 1: 12 - sqrt 96
    with precision(400):
        last = rational(12 - flint.arb(96).sqrt())
    for z, good in ((last + TINY, True), (last - TINY, False)):
        assert holds([strip((1, z), (HALF, HALF), (0, HALF))], None, d4) is good
    # the cut F <= F_max, at the inner strip's upper and the outer strip's lower z
    b, q = Fraction(495, 1000), Fraction(46, 100)
    for z, u, which in ((m, b, "inner"), (Fraction(1), q, "outer")):
        F = feed(s, u, z)
        for F_max, good in ((F, True), (F - TINY, which == "outer"), (F + TINY, which == "inner")):
            inner = (u_low(d, m), b) if which == "inner" else (HALF, HALF)
            outer = (p, q) if which == "outer" else (0, HALF)
            assert holds([strip((1, m), inner, outer), second], F_max) is good
    # a region with u_low below 0: it begins at 0
    d9 = Fraction(9)
    assert u_low(d9, Fraction(1)) < 0
    rest = strip((m, 9), (HALF, HALF), (0, HALF))
    assert holds([strip((1, m), (HALF, HALF), (0, HALF)), rest], None, d9)
    # sums, rounded outward by less than 2^-3072 each
    strips = [strip((1, m), (u_low(d, m), HALF), (p, HALF)), second]
    inner, outer = checker.check_strips(d, Fraction(1), None, strips)
    exact = checker.chart_area(Fraction(1), m, u_low(d, m), HALF)
    around = checker.chart_area(Fraction(1), m, p, HALF) + checker.chart_area(m, Fraction(2), Fraction(0), HALF)
    assert 0 <= exact - inner < Fraction(1, 1 << 3000)
    assert 0 <= outer - around < Fraction(1, 1 << 3000)
    twice = checker.check_strips(d, Fraction(2), None, strips)
    assert twice == (4 * inner, 4 * outer)
    # 1/3 is on no grid of powers of two: down inside, up outside
    third = [strip((1, 2), (HALF, HALF), (Fraction(1, 3), HALF))]
    assert holds(third)
    inner, outer = checker.check_strips(d, s, None, third)
    assert outer > checker.chart_area(Fraction(1), Fraction(2), Fraction(1, 3), HALF)
    last_inner = [
        strip((1, Fraction(5, 3)), (Fraction(499, 1000), HALF), (0, HALF)),
        strip((Fraction(5, 3), 2), (HALF, HALF), (0, HALF)),
    ]
    inner, _ = checker.check_strips(d, s, None, last_inner)
    assert inner < checker.chart_area(Fraction(1), Fraction(5, 3), Fraction(499, 1000), HALF)


def claims_of_the_area(checker: ModuleType) -> None:
    content = region_content()
    inner, outer = checker.check_strips(Fraction(2), Fraction(1), None, content["strips"])
    with precision(400):
        exact = rational(ball(Fraction(359, 131072)) * flint.arb(2).log() - ball(Fraction(9923849, 5284823040)))

    def holds(**area: Any) -> bool:
        changed = copy.deepcopy(content)
        changed["area"] |= {
            name: [down(x) for x in value] if isinstance(value, tuple) else value for name, value in area.items()
        }
        changed["sha256"] = digest(changed)
        return accepts(checker, lambda: checker.check_content(changed))

    def down(x: Fraction, places: int = 60, up: bool = False) -> str:
        scaled = x * 10**places
        whole = -(-scaled.numerator // scaled.denominator) if up else scaled.numerator // scaled.denominator
        return f"{whole // 10**places}.{whole % 10**places:0{places}d}"

    ends = {"inner": "0", "outer": "1"}
    assert holds(inner=down(inner), outer=down(outer, up=True))
    assert not holds(inner=down(inner + Fraction(1, 10**58)))
    assert not holds(outer=down(outer - Fraction(1, 10**58)))
    # the enclosure holds the area, and is inside [inner, outer]
    near = Fraction(1, 10**25)
    decimal = {"decimal": down(exact, 12, up=True)}
    wide = exact + Fraction(1, 10**11)
    assert holds(enclosure=(exact - near, wide), **decimal, **ends)
    assert not holds(enclosure=(exact + near, wide), **decimal, **ends)
    assert not holds(enclosure=(exact - wide, exact - near), decimal=down(exact, 12), **ends)
    assert not holds(enclosure=(exact - near, wide), **decimal, inner=down(exact), outer="1")
    assert not holds(enclosure=(exact - near, wide), **decimal, inner="0", outer=down(exact + near))
    # the decimal: within one unit of its last place of the area, six digits at least, inside its enclosure
    all_of_it = {"enclosure": (Fraction(0), Fraction(1)), **ends}
    for places in (10, 15, 23):
        unit = Fraction(1, 10**places)
        below, above = Fraction(down(exact, places)), Fraction(down(exact, places, up=True))
        for value, good in ((below, True), (above, True), (below - unit, False), (above + unit, False)):
            assert holds(decimal=down(value, places), **all_of_it) is good
    assert holds(decimal=down(exact, 10), **all_of_it)
    assert not holds(decimal=down(exact, 9), **all_of_it)
    assert not holds(decimal=down(exact, 12), enclosure=(exact, Fraction(1)), **ends)
    assert not holds(decimal=down(exact, 12, up=True), enclosure=(Fraction(0), exact), **ends)


def what_is_printed(checker: ModuleType) -> None:
    for x in (Fraction(1, 3), Fraction(2, 3), Fraction(123456789), Fraction(1, 7) / 10**9, Fraction(5)):
        low, high = (Fraction(checker.shown(x, rounding)) for rounding in ("ROUND_FLOOR", "ROUND_CEILING"))
        assert low <= x <= high
        assert high - low <= x / 10**5


def points_and_signs(checker: ModuleType) -> None:
    content = region_content()

    def holds(**fields: Any) -> bool:
        changed = copy.deepcopy(content) | fields
        return accepts(checker, lambda: checker.check_region(changed))

    assert holds()
    for name in ("turing_hopf", "bogdanov_takens"):
        x, y = content["points"][name]
        for pair in ([str(Fraction(x) + TINY), y], [x, str(Fraction(y) - TINY)], None, [y, x]):
            if pair != [x, y]:
                assert not holds(points=content["points"] | {name: pair})
    for field in ({"d": "1"}, {"s": "0"}, {"s": "-1"}, {"F_max": "0"}):
        assert not holds(**field)


CHECKS = (
    intervals_are_outward_and_tight,
    logarithms,
    areas_of_the_chart,
    zeros,
    exact_areas,
    resolution,
    strips_of_the_paving,
    claims_of_the_area,
    what_is_printed,
    points_and_signs,
)
