#!/usr/bin/env python3
"""Re-checks settled runs of the competition: `python competition_checker.py FILE`. Exit 0 holds, 1 not, 3 unreadable.

One file, standard library only. What decides is exact arithmetic on integers and fractions; floats appear only as hints
(a Cholesky factor), and a bad hint makes the check fail.

The layer's step M with one substrate u and an activator v_t on T clips, all numbers dyadic, s_t >= 0, 0 <= kappa <= 1:
    (T (1 + F) + q(v)) u' = T (u + F),  q(v) = sum s_t v_t^2          A v' = v + s u' v^2,  A = 1 + w - D Lap_kappa
A is an M-matrix with row sums 1 + w. The certificate gives an approximate steady state y and a symmetric matrix S.
  L.  The derivative of M at x is L(x)^-1 B(x), L = [[T (1 + F) + q(v), 0], [-s v^2, A]] and
      B = [[T, -2 u' s v], [0, 1 + 2 s u' v]] (rows of u first, u' = u'(x)). For G_u = T F (1 - u) - u q(v) and
      G_v = s u v^2 - w v + D Lap_kappa v: L(y) (M(y) - y) = G(y). So fixed points are exactly the steady states.
  L1. S > 0 and k2 L'S L - B'S B >= b Theta at y (with u' = y_u), k2 < 1, Theta = diag(4^j, 1, ..., 1). As B'S B >= 0,
      L'S L >= q Theta, q = b/k2: N(z) = |L(y) z|_S has |z_v| <= N/sqrt q and |z_u| <= N/(2^j sqrt q), |.| Euclidean.
  L2. On N(x - y) <= r = d sqrt q, so |v - y_v| <= d and |u - y_u| <= d_u = d/2^j:
        |q(v) - q(y)| <= m = 2 |s y_v| d + max s d^2,    |s v^2 - s y_v^2| <= n = 2 max(s y_v) d + max s d^2,
        |u' - y_u| <= g = (T d_u + |G_u| + |y_u| m)/max(T (1 + F), T (1 + F) + q(y) - m), as
        (T (1 + F) + q(v)) (u' - y_u) = T (u - y_u) + G_u - y_u (q(v) - q(y)),
        |s (u' v - y_u y_v)| <= |s y_v| g + max s (|y_u| + g) d, and clip by clip <= max(s y_v) g + max s (|y_u| + g) d.
      With |x|_S <= p_u |x_u| + p_v |x_v|, p_u^2 = S_uu, p_v^2 >= |S_vv|:
        |(L(x) - L(y)) z|_S <= (p_u m + p_v n) |z_u| <= e_L N(z),  |(B(x) - B(y)) z|_S <= e_B N(z),
        e_L = (p_u m + p_v n)/(2^j sqrt q),   e_B = 2 (p_u (|s y_v| g + ...) + p_v (max(s y_v) g + ...))/sqrt q.
      So N(M'(x) z) <= c N(z), c = (sqrt k2 + e_B)/(1 - e_L), which must be < 1.
  L3. |G(y)|_S <= (1 - c) r: M maps that ellipsoid into itself and contracts it (Banach), so it holds exactly one steady
      state x*, at N-distance <= |G(y)|_S/(1 - c) from y, and every run that enters the ellipsoid converges to it.
  F.  A run from the start in numbers rounded outward. With e_t = D kappa_t the elimination of A,
        g_t = a/(a + e_t), a = 1 + w + e_{t-1} g_{t-1}; offset_t = (b_t + e_{t-1} offset_{t-1})/(a + e_t);
        v_t = offset_t + (1 - g_t) v_{t+1},  1 - g_t = e_t/(a + e_t),
      has no subtraction, so lower ends follow from lower ends, upper ends from upper ends. u' falls with q. After N
      steps the box holds the N-th state of exact arithmetic, after `steps` it lies in the ellipsoid: the exact run
      converges to x*.
"""

import hashlib
import json
import re
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil, isqrt, sqrt
from operator import mul
from pathlib import Path

NUMBER = r"-?[0-9]{1,400}(/[1-9][0-9]{0,400})?"
ONE = 1 << 80
# units of the approximate state; limits on what one file may ask for: sums of clips cubed, and of clips times steps
LARGEST_FILE, MOST_CLIPS, MOST_WORK, MOST_STEPS, MOST_RUNS = 1 << 28, 640, 1 << 31, 1 << 25, 4096
CLAIM = (
    "of each run: a steady state of the layer's step exists, is unique in a ball and attracts it; the N-th state in "
    "exact arithmetic is as near to the answered and to the steady one as stated; where a flow is given, it goes there"
)


class Refused(Exception):
    """The certificate does not hold; the message says where."""


class Unreadable(Exception):
    """The file is no certificate that this checker knows."""


def need(holds, why):
    if not holds:
        raise Refused(why)


def root(x, up):
    """A rational at or above, or at or below, the square root of x >= 0, within 2^-160."""
    x, shift = Fraction(x), 1 << 160
    low = isqrt(x.numerator * shift * shift // x.denominator)
    return Fraction(low + 1, shift) if up else Fraction(low, shift)


def length(values):
    return root(sum(x * x for x in values), up=True)


def at_least(matrix, bound, name):
    """Whether a symmetric matrix of integers is >= bound (an integer > 0) times I.

    R R' is never negative, whatever R is. So with R R' = matrix - 2 bound I + error, all of it exact, and every row
    sum of |error| at most bound, the claim holds. R comes from Cholesky's method in floats.
    """
    size = len(matrix)
    # 120 to 200 bits keep all digits of the floats, and none overflows; what is cut off, < 1 per entry, joins the bound
    largest = max(row[i].bit_length() for i, row in enumerate(matrix))
    cut, shift = max(0, largest - 200), max(0, 120 - largest)
    matrix = [[x << shift >> cut for x in row] for row in matrix]
    bound = -(-(bound << shift) >> cut) + (size if cut else 0)
    factor, columns = [], []
    for i in range(size):
        row = []
        for j in range(i):
            row.append((matrix[i][j] - sum(map(mul, row, factor[j]))) / factor[j][j])
        pivot = matrix[i][i] - 2 * bound - sum(map(mul, row, row))
        need(pivot > 0, f"{name} is not positive definite enough")
        factor.append([*row, sqrt(pivot)])
        columns.append([round(x) for x in factor[i]])
    sums = [0] * size
    for i in range(size):
        for j in range(i + 1):
            error = matrix[i][j] - (2 * bound if i == j else 0) - sum(map(mul, columns[i], columns[j]))
            sums[i] += abs(error)
            if i != j:
                sums[j] += abs(error)
    need(max(sums) <= bound, f"{name} is not positive definite enough")


def congruence(matrix, sparse):
    """X' M X of integers for a sparse X given as columns {row: entry}."""
    half = [[sum(row[i] * x for i, x in column.items()) for column in sparse] for row in matrix]
    return [[sum(half[i][j] * x for i, x in column.items()) for j in range(len(sparse))] for column in sparse]


class Layer:
    """The numbers of one run: F, w, the gain s_t and the coupling e_t = D kappa_t between clip t and the next."""

    def __init__(self, entry):
        self.F, self.w, D = (dyadic(entry[name]) for name in ("F", "w", "D"))
        need(min(self.F, self.w) > 0 and D >= 0, "F and w are positive, D is not negative")
        self.gain = [dyadic(x) for x in entry["gain"]]
        kappa = [dyadic(x) for x in entry["conductances"]]
        T = self.clips = len(self.gain)
        need(2 <= T <= MOST_CLIPS and len(kappa) == T - 1, f"clips are 2 to {MOST_CLIPS}, edges one less")
        need(min(self.gain) >= 0 and all(0 <= x <= 1 for x in kappa), "gains are >= 0, conductances in 0 to 1")
        self.edge = [D * x for x in kappa]

    def consumption(self, v):
        return sum(s * x * x for s, x in zip(self.gain, v, strict=True))

    def residual(self, u, v):
        """G of L at the state: (G_u, G_v)."""
        flux = [0, *(e * (b - a) for e, (a, b) in zip(self.edge, pairwise(v), strict=True)), 0]
        moved = zip(self.gain, v, pairwise(flux), strict=True)
        return self.clips * self.F * (1 - u) - u * self.consumption(v), [
            s * u * x * x - self.w * x + b - a for s, x, (a, b) in moved
        ]


class Pattern:
    """L1 to L3 for the matrix S, in units of 2^-bits."""

    def __init__(self, layer, state, entry):
        fields(entry, "bits S least scale margin factor_squared")
        T, (u, *v) = layer.clips, state
        self.layer, self.u, self.v = layer, u, v
        unit = Fraction(1, 1 << integer(entry["bits"], 0, 200))
        S = symmetric(entry["S"], T + 1)
        least, b, k2 = (rational(entry[name]) for name in ("least", "margin", "factor_squared"))
        need(least > 0 and b > 0 and 0 < k2 < 1, "the bounds of S are positive, the factor is below 1")
        at_least(S, ceil(least / unit), "S")
        j = self.j = integer(entry["scale"], 0, 60)
        self.consumed = layer.consumption(v)
        self.diagonal = [1 + layer.w + a + e for a, e in zip([0, *layer.edge], [*layer.edge, 0], strict=True)]
        left: list = [{0: T * (1 + layer.F) + self.consumed}]
        right: list = [{0: T}]
        for t, (s, x) in enumerate(zip(layer.gain, v, strict=True), start=1):
            left[0][t] = -s * x * x
            column = {t: self.diagonal[t - 1]}
            if t > 1:
                column[t - 1] = -layer.edge[t - 2]
            if t < T:
                column[t + 1] = -layer.edge[t - 1]
            left.append(column)
            right.append({0: -2 * u * s * x, t: 1 + 2 * s * u * x})
        # every entry is dyadic: one common unit makes them integers, exactly
        digits = max(Fraction(x).denominator for X in (left, right) for column in X for x in column.values())
        left, right = ([{i: int(x * digits) for i, x in column.items()} for column in X] for X in (left, right))
        LSL, BSB = congruence(S, left), congruence(S, right)
        top, bottom = k2.as_integer_ratio()
        gap = [[top * x - bottom * y for x, y in zip(*rows, strict=True)] for rows in zip(LSL, BSB, strict=True)]
        # ... >= b Theta: in the variable whose first entry is 2^j times larger, >= b I
        scaled = [[x << (j * ((i > 0) + (k > 0))) for k, x in enumerate(row)] for i, row in enumerate(gap)]
        at_least(scaled, ceil(b * bottom * digits * digits / unit) << (2 * j), "k2 L'SL - B'SB")
        q = b / k2
        self.q_low, self.factor = root(q, up=False), root(k2, up=True)
        self.p_u = root(S[0][0] * unit, up=True)
        self.p_v = root(max(sum(map(abs, row[1:])) for row in S[1:]) * unit, up=True)
        self.residual = layer.residual(u, v)

    def conclude(self, d):
        """(contraction factor, distance of x* from y in v (Euclidean), radius r) for half-width d."""
        layer, T, u = self.layer, self.layer.clips, abs(self.u)
        drive = [s * abs(x) for s, x in zip(layer.gain, self.v, strict=True)]
        top, most, whole = max(drive), max(layer.gain), length(drive)
        G_u, G_v = self.residual
        m, n = 2 * whole * d + most * d * d, 2 * top * d + most * d * d
        damped = T * (1 + layer.F)
        g = (T * d / (1 << self.j) + abs(G_u) + u * m) / max(damped, damped + self.consumed - m)
        e_L = (self.p_u * m + self.p_v * n) / (self.q_low * (1 << self.j))
        further = most * (u + g) * d
        e_B = 2 * (self.p_u * (whole * g + further) + self.p_v * (top * g + further)) / self.q_low
        need(e_L < 1, "the step varies too much in the ball: take a smaller one")
        c = (self.factor + e_B) / (1 - e_L)
        need(c < 1, "the step varies too much in the ball: take a smaller one")
        force, r = self.p_u * abs(G_u) + self.p_v * length(G_v), d * self.q_low
        need(force <= (1 - c) * r, "the state is not accurate enough")
        return c, force / ((1 - c) * self.q_low), r

    def reach(self, u, v):
        """A bound of N(x - y) over the states with |u - y_u| and |v_t - y_t| at most those given."""
        layer = self.layer
        around = [a + b for a, b in zip([0, *map(mul, layer.edge, v)], [*map(mul, layer.edge, v[1:]), 0], strict=True)]
        rows = zip(self.diagonal, v, around, layer.gain, self.v, strict=True)
        moved = [a * x + near + s * y * y * u for a, x, near, s, y in rows]
        return self.p_u * (layer.clips * (1 + layer.F) + self.consumed) * u + self.p_v * length(moved)


class Run:
    """F: a run of boxes in units of 2^-bits, every operation rounded outward."""

    def __init__(self, layer, start, bits):
        self.bits, unit = bits, 1 << bits
        numbers = [layer.F, layer.w, *layer.gain, *layer.edge, *start]
        need(all(unit % Fraction(x).denominator == 0 for x in numbers), "the run has too few bits for its numbers")
        F, w, edge = int(layer.F * unit), int(layer.w * unit), [int(e * unit) for e in layer.edge] + [0]
        self.unit, self.T, self.F, self.gain = unit, layer.clips, F, [int(s * unit) for s in layer.gain]
        self.before = [0, *edge[:-1]]
        # reciprocals of the pivots a + e_t, and the slopes 1 - g_t: (lower, upper)
        self.pivots, self.slopes = [], []
        low = high = unit
        for e, back in zip(edge, self.before, strict=True):
            a, b = unit + w + self.down(back, low), unit + w + self.up(back, high)
            self.pivots.append((unit * unit // (b + e), -(-unit * unit // (a + e))))
            self.slopes.append((e * unit // (b + e), -(-e * unit // (a + e))))
            low, high = a * unit // (a + e), -(-b * unit // (b + e))
        self.u = (int(start[0] * unit),) * 2
        self.v = ([int(x * unit) for x in start[1:]],) * 2

    def down(self, a, b):
        return a * b >> self.bits

    def up(self, a, b):
        return -(-a * b >> self.bits)

    def step(self):
        low, high = self.v
        need(max(self.u[1], *high) >> 64 < self.unit, "the boxes of the run get too wide")
        ends = (self.down, low), (self.up, high)
        reacting = [[product(s, product(x, x)) for s, x in zip(self.gain, v, strict=True)] for product, v in ends]
        plain = self.T * (self.unit + self.F)
        bottom = self.T * (self.u[0] + self.F) * self.unit // (plain + sum(reacting[1]))
        top = -(-self.T * (self.u[1] + self.F) * self.unit // (plain + sum(reacting[0])))
        self.u = bottom, top
        self.v = self.solve(self.down, low, reacting[0], 0), self.solve(self.up, high, reacting[1], 1)

    def solve(self, product, v, reacting, end):
        """One end of the solution of A v' = v + s u' v^2."""
        offset, offsets = 0, []
        for x, r, e, pivot in zip(v, reacting, self.before, self.pivots, strict=True):
            offset = product(x + product(self.u[end], r) + product(e, offset), pivot[end])
            offsets.append(offset)
        after, solution = 0, []
        for x, slope in zip(reversed(offsets), reversed(self.slopes), strict=True):
            after = x + product(slope[end], after)
            solution.append(after)
        return solution[::-1]

    def away(self, state):
        """Per number of a state (u, v_1, ..., v_T), the least and the largest distance of the box from it."""
        ends = zip((self.u[0], *self.v[0]), (self.u[1], *self.v[1]), state, strict=True)
        gaps = [(Fraction(a, self.unit) - x, x - Fraction(b, self.unit)) for a, b, x in ends]
        return [max(0, *gap) for gap in gaps], [max(map(abs, gap)) for gap in gaps]


def check_run(entry):
    fields(entry, "F w D gain conductances start steps answered rounding state energy box distance factor apart flow")
    layer = Layer(entry)
    T, steps = layer.clips, entry["steps"]
    start, answered = [dyadic(x) for x in entry["start"]], [dyadic(x) for x in entry["answered"]]
    need(
        len(start) == len(answered) == len(entry["state"]) == T + 1, "the states do not have one number per clip and u"
    )
    need(min(start) >= 0, "the start is not negative")
    state = [Fraction(integer(x), ONE) for x in entry["state"]]
    box = rational(entry["box"])
    need(box > 0, "a ball has a positive radius")
    pattern = Pattern(layer, state, entry["energy"])
    factor, distance, r = pattern.conclude(box)
    need(distance <= rational(entry["distance"]), "the steady pattern may be farther from the state than claimed")
    need(factor <= rational(entry["factor"]) < 1, "the step contracts less than claimed")
    flow = entry["flow"]
    run = Run(layer, start, 256 if flow is None else integer(flow["bits"], 64, 4096))
    for _ in range(steps):
        run.step()
    need(
        max(run.away(answered)[1]) <= rational(entry["rounding"]),
        "the answered state is farther from exact arithmetic than claimed",
    )
    (low, high), (least, most) = map(rational, entry["apart"]), run.away(state)
    need(low <= max(least[1:]) - distance, "the N-th state may be nearer than claimed")
    need(high >= max(most[1:]) + distance, "the N-th state may be farther than claimed")
    words = f"state {steps} is {shown(low, ROUND_FLOOR)} to {shown(high, ROUND_CEILING)} from a state that attracts by "
    words += f"1 - {shown(1 - rational(entry['factor']), ROUND_FLOOR)} a step"
    if flow is None:
        return words + "; whether it flows there is undecided"
    fields(flow, "bits steps")
    need(flow["steps"] >= steps, "what is left of the steps is not negative")
    for _ in range(flow["steps"] - steps):
        run.step()
    u, *v = run.away(state)[1]
    need(pattern.reach(u, v) <= r, "the run does not reach the ball")
    return f"{words} and flows into it"


def shown(x, rounding):
    return str(Context(prec=3, rounding=rounding).divide(Decimal(x.numerator), Decimal(x.denominator)))


def symmetric(rows, size):
    need(len(rows) == size and all(len(row) == i + 1 for i, row in enumerate(rows)), "S is no lower triangle")
    lower = [[integer(x) for x in row] for row in rows]
    return [[lower[max(i, j)][min(i, j)] for j in range(size)] for i in range(size)]


def rational(text):
    """An exact number, written p or p/q."""
    if not isinstance(text, str) or not re.fullmatch(NUMBER, text):
        raise Refused(f"{str(text)[:40]!r} is no exact number")
    return Fraction(text)


def dyadic(text):
    need(rational(text).denominator.bit_count() == 1, "a number of the layer is no binary one")
    return rational(text)


def integer(x, least=-(1 << 256), most=1 << 256):
    need(type(x) is int and least <= x <= most, f"an entry is no integer from {least} to {most}")
    return x


def fields(part, names):
    need(isinstance(part, dict) and set(part) == set(names.split()), f"the fields must be: {names}")


def digest(content):
    rest = {key: x for key, x in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def check_content(content):
    """What a certificate establishes, in words. Raises Refused or Unreadable."""
    try:
        if not isinstance(content, dict) or content.get("format") != "rdmf-certificate":
            raise Unreadable("is no certificate: the field format must be rdmf-certificate")
        need(content.get("sha256") == digest(content), "the content was changed after it was written (sha256)")
        version = content.get("version")
        if type(version) is not int or version != 1 or content.get("kind") != "settled-runs":
            raise Unreadable("is of a version or kind that this checker does not know")
        fields(content, "format version kind claim subject runs sha256")
        need(content["claim"] == CLAIM, "the claim in words is not the one that is checked")
        subject, runs = content["subject"], content["runs"]
        need(
            subject is None or (0 < len(subject) <= 200 and str.isprintable(subject)),
            "the subject is no printable text of at most 200 characters",
        )
        need(isinstance(runs, list) and 0 < len(runs) <= MOST_RUNS, f"runs are 1 to {MOST_RUNS}")
        work = sum(len(e["gain"]) * integer(x["steps"], 0, MOST_STEPS) for e in runs for x in (e, e["flow"] or e))
        need(sum(len(e["gain"]) ** 3 for e in runs) <= MOST_WORK and work <= MOST_STEPS, "too many runs for one file")
        words = [f"run {i}: {check_run(entry)}" for i, entry in enumerate(runs, start=1)]
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError, RecursionError) as error:
        raise Refused(f"a field is missing or malformed ({type(error).__name__}: {str(error)[:200]!r})") from error
    return f"{len(words)} settled run{'s' * (len(words) > 1)}. " + ". ".join(words)


def once(pairs):
    need(len(dict(pairs)) == len(pairs), "a field occurs twice")
    return dict(pairs)


def check(path):
    try:
        with Path(path).open("rb") as stream:
            text = stream.read(LARGEST_FILE + 1)
        if len(text) > LARGEST_FILE:
            raise Unreadable(f"is longer than any certificate of this kind ({LARGEST_FILE} bytes)")
        content = json.loads(text.decode("utf-8"), object_pairs_hook=once)
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(f"cannot be read ({error})") from error
    return check_content(content)


def main(arguments):
    if len(arguments) != 1:
        print("usage: competition_checker.py FILE", file=sys.stderr)
        return 2
    try:
        print(f"{arguments[0]}: holds: {check(arguments[0])}")
    except (Unreadable, Refused) as error:
        print(f"{arguments[0]}: {'refused: ' * isinstance(error, Refused)}{error}", file=sys.stderr)
        return 1 if isinstance(error, Refused) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
