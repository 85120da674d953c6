"""Where is each limit of `pattern_checker`? The lemmas E1 and E2 computed again, and cases on both sides."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np

from tests.limits.pattern_case import DIGITS, energy_of, entry, layer_of, near, pattern_of, root
from tests.limits.pattern_layer import layer_by_energies, lemma_of_the_moving_substrate
from tests.limits.reference import accepts


def roots_and_sums(checker: ModuleType) -> None:
    for x in (Fraction(2), Fraction(1, 3), Fraction(10) ** 30, Fraction(1, 10**40), Fraction(0), Fraction(9)):
        low, high = checker.root(x, up=False), checker.root(x, up=True)
        assert low**2 <= x < high**2
        assert high - low <= Fraction(1, 1 << 160)
    assert checker.row_norm([[1, -5], [-5, 2]]) == 7
    assert checker.total([{0: 3, 1: -4}, {0: -2}], 0) == 5
    assert checker.total([{0: 3, 1: -4}, {0: -2}], 1) == 7
    assert checker.congruence([[2, 1], [1, 3]], [{0: 1, 1: 2}, {1: -1}]) == [[18, -7], [-7, 3]]
    assert checker.fixed(Fraction(1, 3)) == round(Fraction(1 << 64, 3))
    for x in (Fraction(3, 4), Fraction(1, 7)):
        assert abs(checker.fixed(x) - x * 2**64) <= Fraction(1, 2)
    terms = [(Fraction(-2), (2, 1)), (Fraction(5), (0, 3))]
    assert checker.derivative(terms, 0) == [(Fraction(-4), (1, 1))]
    assert checker.derivative(terms, 1) == [(Fraction(-2), (2, 0)), (Fraction(15), (0, 2))]
    assert checker.value(terms, (Fraction(3), Fraction(2))) == -2 * 9 * 2 + 5 * 8
    assert checker.majorant(terms, (Fraction(3), Fraction(2))) == 2 * 9 * 2 + 5 * 8


def definiteness(checker: ModuleType) -> None:
    """Matrices with a known smallest eigenvalue: accepted at twice the bound, refused below the bound."""
    unit = 1 << 60
    rotation = [[3, 4], [-4, 3]]  # times 1/5, orthogonal
    for least, good in ((21, True), (9, False)):
        for other in (least, 1000):
            matrix = [
                [sum(rotation[k][i] * (least, other)[k] * rotation[k][j] for k in (0, 1)) * unit for j in (0, 1)]
                for i in (0, 1)
            ]
            assert accepts(checker, lambda m=matrix: checker.at_least(m, 10 * 25 * unit, "M")) is good
    for size in (1, 5):
        for least, good in ((2 * unit + 1, True), (unit - 1, False), (0, False), (-unit, False)):
            matrix = [[(least if i == 0 else 4 * unit) if i == j else 0 for j in range(size)] for i in range(size)]
            assert accepts(checker, lambda m=matrix: checker.at_least(m, unit, "M")) is good
    # floats cannot tell this one from a multiple of (1 1): its smallest eigenvalue is below 2, the claim is 2^20
    big = 1 << 200
    for shift in (3, 1 << 60, 1 << 100):
        matrix = [[big, big], [big, big + shift]]
        assert not accepts(checker, lambda m=matrix, s=shift: checker.at_least(m, s, "M"))
    assert not accepts(checker, lambda: checker.at_least([[1, 2], [2, 1]], 0, "M"))
    # an indefinite matrix whose pivots are positive in floats, beside a block whose factor is exact
    bound, tried, generate = 1 << 80, 0, random.Random(1)
    for _ in range(200):
        a, b = (3 << 200) + generate.getrandbits(200), (1 << 200) + generate.getrandbits(199)
        c = b * b // a - (1 << 100)
        pivot = c - 2 * bound - (b / math.sqrt(a - 2 * bound)) ** 2
        if pivot > 0:
            tried += 1
            matrix = [[a, b, 0], [b, c, 0], [0, 0, (1 << 210) + 2 * bound]]
            assert not accepts(checker, lambda m=matrix: checker.at_least(m, bound, "M"))
    assert tried > 20
    # symmetric off-diagonal errors count in both rows
    n = 12
    generator = np.random.default_rng(3)
    factor = generator.standard_normal((n, n))
    for margin in (1e-3, 0.5):
        M = factor @ factor.T
        M += (margin - np.linalg.eigvalsh(M)[0]) * np.eye(n)
        rows = [[round(float(x) * 2.0**50) for x in row] for row in (M + M.T) / 2]
        assert accepts(checker, lambda r=rows, m=margin: checker.at_least(r, int(0.49 * m * 2.0**50), "M"))
        assert not accepts(checker, lambda r=rows, m=margin: checker.at_least(r, int(1.001 * m * 2.0**50), "M"))


def residual_and_variation(checker: ModuleType) -> None:
    pattern, data = pattern_of(checker), entry()
    one, T = Fraction(1, 1 << 64), len(data["state"][0])
    u, v = ([x * one for x in row] for row in data["state"])
    F, k, s, D_u, D_v = (Fraction(data["parameters"][name]) for name in ("F", "k", "s", "D_u", "D_v"))

    def laplacian(x: list[Fraction], t: int) -> Fraction:
        return x[max(t - 1, 0)] + x[min(t + 1, T - 1)] - 2 * x[t]

    G_u = [F * (1 - u[t]) - s * u[t] * v[t] ** 2 + D_u * laplacian(u, t) for t in range(T)]
    G_v = [s * u[t] * v[t] ** 2 - (F + k) * v[t] + D_v * laplacian(v, t) for t in range(T)]
    assert pattern.residuals == G_u + G_v
    assert near(pattern.residual, root(sum(x * x for x in G_u + G_v)), above=True)
    assert pattern.largest_residual == max(map(abs, G_u + G_v))
    assert pattern.spread_of == max(max(x) - min(x) for x in (u, v))
    # the Jacobian, entry by entry, with the rounding that is stated
    n = 2 * T
    exact = [[Fraction(0)] * n for _ in range(n)]
    for t in range(T):
        block = ((-F - s * v[t] ** 2, -2 * s * u[t] * v[t]), (s * v[t] ** 2, 2 * s * u[t] * v[t] - F - k))
        for a in (0, 1):
            for b in (0, 1):
                exact[a * T + t][b * T + t] += block[a][b]
            for other in (t - 1, t + 1):
                if 0 <= other < T:
                    exact[a * T + t][a * T + other] += (D_u, D_v)[a]
                    exact[a * T + t][a * T + t] -= (D_u, D_v)[a]
    columns = pattern.jacobian()
    errors = np.array([[float(columns[j].get(i, 0) * one - exact[i][j]) * 2.0**64 for j in range(n)] for i in range(n)])
    assert abs(errors).max() <= 1.5
    assert np.linalg.norm(errors, 2) <= float(pattern.rounding * 2**64)
    # a matrix with entries off by what rounding may do, all with one sign, is within the bound too
    worst = (abs(errors) > 0) * 0.5 + np.diag(np.full(n, 1.0))
    assert np.linalg.norm(worst, 2) <= float(pattern.rounding * 2**64)
    assert pattern.rounding == Fraction(3 * 4, 2) * one
    # J varies at a clip by [-s(v'^2 - v^2), ...]: its Frobenius norm where both are at the far end of the box
    for d in (Fraction(1, 100), Fraction(1, 10)):
        largest = Fraction(0)
        for x, y in zip(u, v, strict=True):
            X, Y = abs(x) + d, abs(y) + d
            first, second = d * 2 * s * Y, d * (2 * s * Y + 2 * s * X)
            largest = max(largest, 2 * first**2 + 2 * second**2)
        assert near(pattern.variation(d), root(largest), above=True)


def equation_by_energies(checker: ModuleType) -> None:
    pattern, energy, data = pattern_of(checker), energy_of(checker), entry()["equation"]["energy"]
    unit = Fraction(1, 1 << data["bits"])
    n = len(data["P"])
    P = [[data["P"][max(i, j)][min(i, j)] * unit for j in range(n)] for i in range(n)]
    norm = max(sum(map(abs, row)) for row in P)
    assert energy.norm == norm
    p, b = Fraction(data["least"]), Fraction(data["decay_margin"])
    for d in (Fraction(entry()["equation"]["box"]), Fraction(1, 1 << 20)):
        c = b - 2 * norm * (pattern.variation(d) + pattern.rounding)
        distance, attraction, rate = energy.conclude(pattern, d)
        assert near(distance, 2 * norm * root(norm) * pattern.residual / (c * root(p)), above=True)
        assert near(attraction, d * root(p / norm), above=False)
        assert rate == c / (2 * norm)
    # the widest box: c = 0 where 2 |P| (variation + rounding) = b
    lo, hi = Fraction(0), Fraction(10)
    for _ in range(80):
        d = (lo + hi) / 2
        lo, hi = (d, hi) if 2 * norm * (pattern.variation(d) + pattern.rounding) < b else (lo, d)
    wide, beyond = lo * (1 - Fraction(1, 10**9)), hi * (1 + Fraction(1, 10**9))
    pattern.residual = Fraction(0)
    assert accepts(checker, lambda: energy.conclude(pattern, wide))
    assert not accepts(checker, lambda: energy.conclude(pattern, beyond))
    # the least accurate state: sqrt|P| |G| = c d sqrt(p)/(2 |P|)
    d = Fraction(entry()["equation"]["box"])
    c = b - 2 * norm * (pattern.variation(d) + pattern.rounding)
    most = c * d * root(p) / (2 * norm * root(norm))
    for factor, good in ((1 - Fraction(1, 10**12), True), (1 + Fraction(1, 10**12), False)):
        pattern.residual = most * factor
        assert accepts(checker, lambda: energy.conclude(pattern, d)) is good
    # P and -(J'P + PJ) as claimed: half their smallest eigenvalue can be had, more than all of it cannot
    matrix = np.array([[float(x) for x in row] for row in P])
    J = np.zeros((n, n))
    for j, column in enumerate(pattern_of(checker).jacobian()):
        for i, x in column.items():
            J[i, j] = x / 2.0**64
    for name, value in (("least", matrix), ("decay_margin", -(J.T @ matrix + matrix @ J))):
        smallest = float(np.linalg.eigvalsh(value)[0])
        for share, good in ((0.49, True), (1.01, False)):
            changed = copy.deepcopy(data) | {name: str(Fraction(smallest * share))}
            assert accepts(checker, lambda c=changed: checker.Energy(pattern_of(checker), c)) is good
    for name in ("least", "decay_margin"):
        assert not accepts(checker, lambda n=name: checker.Energy(pattern_of(checker), data | {n: "0"}))


def claims_of_a_pattern(checker: ModuleType) -> None:
    data = entry()
    equation, layer = data["equation"], data["layer"]
    pattern = pattern_of(checker)
    box = Fraction(equation["box"])
    distance, attraction, rate = energy_of(checker).conclude(pattern, box)
    factor, near_, ball = layer_of(checker).conclude(pattern, Fraction(layer["box"]))
    tiny = Fraction(1, 10**30)
    for part, name, limit, larger_is_safe in (
        ("equation", "distance", distance, True),
        ("equation", "attraction", attraction, False),
        ("equation", "decay_rate", rate, False),
        ("layer", "distance", near_, True),
        ("layer", "attraction", ball, False),
        ("layer", "factor", factor, True),
    ):
        for sign in (-1, 0, 1):
            value = limit + sign * tiny
            # the checker reads at most 400 digits: round to the safe side of what is tried
            scaled = value * 10**60
            rounded = -(-scaled // 1) if (sign > 0 or (sign == 0 and larger_is_safe)) else scaled // 1
            changed = copy.deepcopy(data)
            changed[part][name] = str(Fraction(rounded, 10**60))
            good = sign == 0 or (sign > 0) is larger_is_safe
            assert accepts(checker, lambda c=changed: checker.check_pattern(c, "gray-scott")) is good, (
                part,
                name,
                sign,
            )
    for part, name, value in (
        ("equation", "attraction", "0"), ("equation", "decay_rate", "0"), ("layer", "attraction", "0"),
        ("layer", "factor", "1"), ("equation", "box", "0"), ("layer", "box", "0"),
    ):  # fmt: skip
        changed = copy.deepcopy(data)
        changed[part][name] = value
        assert not accepts(checker, lambda c=changed: checker.check_pattern(c, "gray-scott"))
    # a pattern that may be flat, and a fixed point that may be another one: decided on stubs of what was concluded
    kept = checker.Energy, checker.Layer, checker.Pattern

    class Stub:
        def __init__(self, *_: Any) -> None:
            self.spread_of = Fraction(2)

        answer: Any = None

        def conclude(self, *_: Any) -> Any:
            return self.answer

    def stubbed(distance: Fraction, attraction: Fraction, near_: Fraction) -> bool:
        class StubEnergy(Stub):
            answer = (distance, attraction, Fraction(1))

        class StubLayer(Stub):
            answer = (Fraction(1, 2), near_, Fraction(1))

        changed = copy.deepcopy(data)
        changed["equation"] |= {"distance": "2", "attraction": "1/100000", "decay_rate": "1/100000"}
        changed["layer"] |= {"distance": "2", "attraction": "1/100000", "factor": "1/2"}
        checker.Energy, checker.Layer, checker.Pattern = StubEnergy, StubLayer, Stub
        gray_scott = checker.gray_scott
        checker.gray_scott = lambda *_: None
        try:
            return accepts(checker, lambda: checker.check_pattern(changed, "gray-scott"))
        finally:
            checker.Energy, checker.Layer, checker.Pattern = kept
            checker.gray_scott = gray_scott

    one, half = Fraction(1), Fraction(1, 2)
    assert stubbed(one - tiny, one, half)
    assert not stubbed(one, one, half)
    assert stubbed(half, one, one)
    assert not stubbed(half, one, one + tiny)


def reactions_of_gray_scott(checker: ModuleType) -> None:
    data = entry()

    def holds(change: Callable[[dict[str, Any]], Any]) -> bool:
        changed = copy.deepcopy(data)
        change(changed)
        return accepts(checker, lambda: checker.gray_scott(checker.Pattern(changed), changed["parameters"]))

    assert holds(lambda c: None)
    for name in ("F", "k", "s", "D_u", "D_v"):
        assert not holds(lambda c, n=name: c["parameters"].update({n: str(Fraction(c["parameters"][n]) + DIGITS)}))
    for i, j in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1)):
        assert not holds(
            lambda c, i=i, j=j: c["reactions"][i][j].__setitem__(0, str(Fraction(c["reactions"][i][j][0]) + DIGITS))
        )
    assert not holds(lambda c: c["reactions"][1].append(copy.deepcopy(c["reactions"][1][0])))


CHECKS = (
    roots_and_sums,
    definiteness,
    residual_and_variation,
    equation_by_energies,
    layer_by_energies,
    lemma_of_the_moving_substrate,
    claims_of_a_pattern,
    reactions_of_gray_scott,
)
