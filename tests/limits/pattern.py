"""Where is each limit of `pattern_checker`? The lemmas E1, E2, L1 to L3 computed again, and cases on both sides."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from tests.limits.design_box import accepts
from tests.theory.small_certificates import pattern_entry

DIGITS = Fraction(1, 10**14)


def root(x: Fraction) -> Fraction:
    """The square root within 10^-40 of itself."""
    from decimal import Context, Decimal

    context = Context(prec=60)
    return Fraction(context.sqrt(context.divide(Decimal(x.numerator), Decimal(x.denominator))))


def near(found: Fraction, expected: Fraction, above: bool | None = None) -> bool:
    """Whether two numbers agree; `above`: on which side of the expected one the found one must be."""
    if above is not None and found != expected and (found > expected) is not above:
        return False
    return abs(found - expected) <= DIGITS * abs(expected)


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


@cache
def entry_text() -> str:
    return pattern_entry()


def entry() -> dict[str, Any]:
    import json

    return json.loads(entry_text())


def pattern_of(checker: ModuleType) -> Any:
    return checker.Pattern(entry())


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


def energy_of(checker: ModuleType) -> Any:
    return checker.Energy(pattern_of(checker), entry()["equation"]["energy"])


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


def layer_of(checker: ModuleType) -> Any:
    data = entry()
    return checker.Layer(pattern_of(checker), data["layer"]["energy"], data["parameters"])


def layer_matrices(data: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """L(y) and B(y) of the checker's header, in floats."""
    u, v = (np.array([x / 2.0**64 for x in row]) for row in data["state"])
    F, k, s, D_u, D_v = (float(Fraction(data["parameters"][name])) for name in ("F", "k", "s", "D_u", "D_v"))
    T = len(u)
    laplacian = np.diff(np.eye(T), axis=0).T @ -np.diff(np.eye(T), axis=0)
    zero, identity = np.zeros((T, T)), np.eye(T)
    A = np.diag(1 + F + s * v**2) - D_u * laplacian
    A_v = (1 + F + k) * identity - D_v * laplacian
    push = np.diag(2 * s * v * u)
    return np.block([[A, zero], [np.diag(-s * v**2), A_v]]), np.block([[identity, -push], [zero, identity + push]])


def stored_rows(lower: list[list[int]]) -> list[list[int]]:
    """The symmetric matrix of a lower triangle."""
    return [[lower[max(i, j)][min(i, j)] for j in range(len(lower))] for i in range(len(lower))]


def layer_by_energies(checker: ModuleType) -> None:
    data = entry()
    stored = data["layer"]["energy"]
    pattern, layer = pattern_of(checker), layer_of(checker)
    unit = Fraction(1, 1 << stored["bits"])
    n = len(stored["S"])
    S = [[stored["S"][max(i, j)][min(i, j)] * unit for j in range(n)] for i in range(n)]
    norm = max(sum(map(abs, row)) for row in S)
    assert layer.norm == norm
    k2, margin = Fraction(stored["factor_squared"]), Fraction(stored["margin"])
    q = margin / k2
    assert layer.q == q
    L, B = layer_matrices(data)
    size = root(Fraction(abs(L).sum(0).max() * abs(L).sum(1).max()))
    assert abs(layer.size - size) <= Fraction(1, 10**12) * size
    assert layer.size > Fraction(np.linalg.norm(L, 2))
    u, v = ([abs(x) * Fraction(1, 1 << 64) for x in row] for row in data["state"])
    s = Fraction(data["parameters"]["s"])

    def factor(d: Fraction) -> tuple[Fraction, Fraction]:
        e_L = max(s * (2 * y * d + d * d) for y in v)
        g = d + pattern.largest_residual + max(s * (2 * y * d + d * d) * x for x, y in zip(u, v, strict=True))
        e_B = max(2 * s * (y * g + d * x + d * g) for x, y in zip(u, v, strict=True))
        t = root(norm / q) * Fraction(17, 12)
        return (root(k2) + t * e_B) / (1 - t * e_L), t * e_L

    for d in (Fraction(data["layer"]["box"]), Fraction(1, 1 << 24)):
        c, _ = factor(d)
        got = layer.conclude(pattern, d)
        assert near(got[0], c, above=True)
        assert near(got[1], root(norm) * pattern.residual / ((1 - c) * root(q)), above=True)
        assert near(got[2], d * root(q) / (root(norm) * layer.size), above=False)
    # sqrt 2 times the larger of two equal entries in a column
    assert Fraction(17, 12) ** 2 > 2
    pattern.residual = pattern.largest_residual = Fraction(0)
    lo, hi = Fraction(0), Fraction(1)
    for _ in range(90):
        d = (lo + hi) / 2
        c, slack = factor(d)
        lo, hi = (d, hi) if slack < 1 and c < 1 else (lo, d)
    assert accepts(checker, lambda: layer.conclude(pattern, lo * (1 - Fraction(1, 10**9))))
    assert not accepts(checker, lambda: layer.conclude(pattern, hi * (1 + Fraction(1, 10**9))))
    assert not accepts(checker, lambda: layer.conclude(pattern, Fraction(100)))
    d = Fraction(1, 1 << 16)
    c, _ = factor(d)
    most = (1 - c) * d * root(q) / root(norm)
    for part, good in ((1 - Fraction(1, 10**12), True), (1 + Fraction(1, 10**12), False)):
        pattern.residual = most * part
        assert accepts(checker, lambda: layer.conclude(pattern, d)) is good
    # the matrices themselves, and what is asked of them
    seen: list[Any] = []
    kept = checker.congruence, checker.at_least
    checker.congruence = lambda m, columns: seen.append(columns) or kept[0](m, columns)
    checker.at_least = lambda m, bound, name: seen.append((m, bound))
    try:
        layer_of(checker)
    finally:
        checker.congruence, checker.at_least = kept
    (S_asked, S_bound), left, right, (gap, gap_bound) = seen
    assert S_asked == stored_rows(stored["S"])
    assert S_bound >= Fraction(stored["least"]) / unit
    for columns, exact in ((left, L), (right, B)):
        found = np.array([[columns[j].get(i, 0) / 2.0**64 for j in range(n)] for i in range(n)])
        assert abs(found - exact).max() < 1e-14
    expected = [
        [k2.numerator * x - k2.denominator * y for x, y in zip(*rows, strict=True)]
        for rows in zip(kept[0](S_asked, left), kept[0](S_asked, right), strict=True)
    ]
    assert gap == expected
    sizes = [abs(x).sum(0).max() * abs(x).sum(1).max() for x in (L, B)]
    slip = Fraction(6, 1 << 64)
    lost = norm * sum(2 * root(Fraction(x)) * slip + slip**2 for x in sizes)
    scale = k2.denominator * (1 << 128) / unit
    assert margin * scale < gap_bound
    assert abs(gap_bound / scale - margin - lost) < Fraction(1, 10**9) * lost
    # S and k2 L'SL - B'SB as claimed
    matrix = np.array([[float(x) for x in row] for row in S])
    gap = float(k2) * L.T @ matrix @ L - B.T @ matrix @ B
    for name, value in (("least", matrix), ("margin", gap)):
        smallest = float(np.linalg.eigvalsh((value + value.T) / 2)[0])
        for share, good in ((0.49, True), (1.01, False)):
            changed = copy.deepcopy(stored) | {name: str(Fraction(smallest * share))}
            build = lambda c=changed: checker.Layer(pattern_of(checker), c, data["parameters"])  # noqa: E731
            assert accepts(checker, build) is good
    for changes in ({"least": "0"}, {"margin": "0"}, {"factor_squared": "1"}):
        build = lambda c=changes: checker.Layer(pattern_of(checker), stored | c, data["parameters"])  # noqa: E731
        assert not accepts(checker, build)


def lemma_of_the_moving_substrate(checker: ModuleType) -> None:
    """What one step makes of a perturbed state, against g of L2, also where the neighbours are what moves a clip."""
    T, s, F, D_u, d = 6, 100.0, 1.0, 50.0, 1e-3
    laplacian = np.diff(np.eye(T), axis=0).T @ -np.diff(np.eye(T), axis=0)
    v = np.array([0.0] + [0.1] * (T - 1))
    u = np.linalg.solve((F + s * v**2) * np.eye(T) - D_u * laplacian, np.full(T, F))
    moved = np.array([v[0], *(v[1:] - d)])
    after = np.linalg.solve(np.diag(1 + F + s * moved**2) - D_u * laplacian, u + d + F)
    clips = [(Fraction(x), Fraction(y)) for x, y in zip(u, v, strict=True)]
    tiny = Fraction(1, 10**12)
    assert abs(after - u).max() <= checker.substrate_moves(clips, Fraction(s), Fraction(d), tiny)
    two = [(Fraction(1), Fraction(2)), (Fraction(3), Fraction(1))]
    # d + residual + max(5 (4 d + d^2), 15 (2 d + d^2)) at d = 1/10
    expected = Fraction(1, 10) + Fraction(1, 7) + max(Fraction(5 * 41, 100), Fraction(15 * 21, 100))
    assert checker.substrate_moves(two, Fraction(5), Fraction(1, 10), Fraction(1, 7)) == expected


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
