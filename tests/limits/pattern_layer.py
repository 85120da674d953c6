"""Where are the limits of the layer's part of `pattern_checker`? Lemmas L1 to L3 again, and cases on both sides."""

from __future__ import annotations

import copy
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np

from tests.limits.pattern_case import entry, layer_of, near, pattern_of, root
from tests.limits.reference import accepts


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
