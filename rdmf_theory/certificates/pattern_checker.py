#!/usr/bin/env python3
"""Re-checks certified patterns: `python pattern_checker.py FILE`. Exit 0 it holds, 1 it does not, 3 it cannot be read.

One file, standard library only, nothing of the program that made the certificate. What decides is exact arithmetic on
integers and fractions; floats appear only as hints (a Cholesky factor), and a bad hint makes the check fail.

A pattern is a steady state of G(x) = D Lap x + R(x) on T clips with reflecting ends, R polynomial. The certificate
gives an approximate state y and two symmetric matrices. With |.| the Euclidean norm and J = G':
  E1. P >= p I > 0 and -(J(y)'P + P J(y)) >= b I. For every x with max |x - y| <= d, J(x) = J(y) + E with |E| <= e, so
      -(J(x)'P + P J(x)) >= c I, c = b - 2 |P| e, which must be > 0.
  E2. So <G(x) - G(y), x - y>_P <= -(c/2) |x - y|^2 on the ellipsoid |x - y|_P <= r = d sqrt(p), which lies in that
      box. If sqrt|P| |G(y)| < (c/2) r / |P| then G points inward on its surface: it holds a zero x* (Brouwer), only
      one, at |x* - y|_P <= 2 |P| sqrt|P| |G(y)| / c; every eigenvalue of J(x*) has real part <= -c/(2 |P|), and every
      solution of x_t = G(x) from the ellipsoid stays in it and converges to x*.
  L.  The layer's step M for Gray-Scott, h = 1:  A(v) u' = u + F,  A_v v' = v + s u' v^2  with
      A(v) = I + F + s v^2 - D_u Lap, A_v = I + F + k - D_v Lap. Its derivative is L(x)^-1 B(x) with
      L = [[A(v), 0], [-s v^2, A_v]], B = [[I, -2 s v u'], [0, I + 2 s v u']]; and L(y)(M(y) - y) = G(y) for every y.
  L1. S > 0 and k2 L'S L - B'S B >= b I at y (with u' = y_u), k2 < 1; hence L'S L >= q I, q = b/k2. Norm
      N(z) = |L(y) z|_S.
  L2. On N(x - y) <= r = d sqrt(q), so max |x - y| <= d: |A(v)^-1| <= 1 in the max norm (an M-matrix with row sums
      >= 1) and A(v)(u' - y_u) = (u - y_u) + G_u(y) - s (v^2 - y_v^2) y_u give one bound g for all clips,
          max |u' - y_u| <= g = d + max |G_u(y)| + max over clips of s (2 |y_v| d + d^2) |y_u|,
      and none clip by clip: the inverse of A(v) carries what happens at a clip to its neighbours. With it, at each clip
          |s v^2 - s y_v^2| <= s (2 |y_v| d + d^2)
          |2 s v u' - 2 s y_v y_u| = 2 s |y_v (u' - y_u) + (v - y_v) y_u + (v - y_v)(u' - y_u)|
                                  <= 2 s (|y_v| g + d |y_u| + d g).
      Each of the two stands twice in a column of L - L(y), of B - B(y), and these columns are orthogonal: so the norms
      are <= e_L, e_B, sqrt 2 times the largest over the clips. Then N(M'(x) z) <= c N(z) with
      c = (sqrt k2 + t e_B)/(1 - t e_L), t = sqrt(|S|/q), which must be < 1.
  L3. sqrt|S| |G(y)| <= (1 - c) r: M maps that ellipsoid into itself and contracts it (Banach), so every run of the
      layer from it converges to one fixed point, at N-distance <= sqrt|S| |G(y)|/(1 - c) from y, and that is x* of E2.
"""

import hashlib
import json
import re
import sys
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from math import ceil, isqrt, sqrt
from operator import mul
from pathlib import Path

BITS = 64
ONE = 1 << BITS
NUMBER = r"-?[0-9]{1,400}(/[1-9][0-9]{0,400})?"
# limits on what one file may ask for; MOST_WORK is of the sum over patterns of unknowns cubed
LARGEST_FILE, MOST_CLIPS, MOST_UNKNOWNS, MOST_TERMS, MOST_WORK = 1 << 28, 512, 1024, 64, 1 << 30
CLAIM = (
    "each pattern exists, is locally unique and stable, for the equation and, where it is given, for the layer's step"
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
    x = Fraction(x)
    shift = 1 << 160
    low = isqrt(x.numerator * shift * shift // x.denominator)
    return Fraction(low + 1, shift) if up else Fraction(low, shift)


def polynomial(terms, species):
    """[(coefficient, exponents)] of a certificate's list of terms."""
    parsed = []
    need(isinstance(terms, list) and len(terms) <= MOST_TERMS, f"a reaction has at most {MOST_TERMS} terms")
    for term in terms:
        need(isinstance(term, list) and len(term) == 2, "a term is a coefficient and exponents")
        powers = term[1]
        need(len(powers) == species and all(type(p) is int and 0 <= p <= 9 for p in powers), "exponents are in 0 to 9")
        parsed.append((rational(term[0]), tuple(powers)))
    return parsed


def derivative(terms, i):
    """The partial derivative of a polynomial by species i."""
    return [(c * p[i], (*p[:i], p[i] - 1, *p[i + 1 :])) for c, p in terms if p[i]]


def value(terms, point):
    total = Fraction(0)
    for c, powers in terms:
        for x, power in zip(point, powers, strict=True):
            c = c * x**power
        total += c
    return total


def majorant(terms, sizes):
    """Largest absolute value of a polynomial where |x_i| <= sizes[i]."""
    return value([(abs(c), powers) for c, powers in terms], sizes)


def row_norm(matrix):
    """An upper bound of the Euclidean norm of a symmetric matrix: its largest absolute row sum."""
    return max(sum(map(abs, row)) for row in matrix)


def at_least(matrix, bound, name):
    """Whether a symmetric matrix of integers is >= bound (an integer) times I.

    R R' is never negative, whatever R is. So with R R' = matrix - 2 bound I + error, all of it exact, and every row
    sum of |error| at most bound, the claim holds. R comes from Cholesky's method in floats.
    """
    size = len(matrix)
    # so many bits that the factor, rounded to integers, keeps all the digits of its floats
    shift = max(0, 120 - max(row[i].bit_length() for i, row in enumerate(matrix)))
    shift += shift % 2
    matrix = [[x << shift for x in row] for row in matrix]
    bound <<= shift
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


def fixed(x):
    """The nearest integer to 2^64 x."""
    return round(Fraction(x) * ONE)


class Pattern:
    """Everything about one pattern that does not depend on the matrices; index of species a at clip t is a T + t."""

    def __init__(self, entry):
        self.diffusion = [rational(x) for x in entry["diffusion"]]
        n = self.species = len(self.diffusion)
        need(1 <= n <= 8 and len(entry["reactions"]) == n and len(entry["state"]) == n, "species do not fit together")
        need(all(x > 0 for x in self.diffusion), "diffusions are positive")
        self.reactions = [polynomial(terms, n) for terms in entry["reactions"]]
        T = self.clips = len(entry["state"][0])
        need(2 <= T <= MOST_CLIPS and n * T <= MOST_UNKNOWNS, "too many clips")
        need(all(len(row) == T for row in entry["state"]), "the state is ragged")
        self.state = [[Fraction(integer(x), ONE) for x in row] for row in entry["state"]]
        points = self.points = list(zip(*self.state, strict=True))
        residual = [value(self.reactions[a], points[t]) + self.diffusion[a] * d for a, t, d in self.spread()]
        self.residuals = residual
        self.residual = root(sum(x * x for x in residual), up=True)
        self.largest_residual = max(map(abs, residual))
        self.first = [[derivative(terms, b) for b in range(n)] for terms in self.reactions]
        # derivatives of J's entries by every species
        self.second = [[[derivative(entry, c) for c in range(n)] for entry in row] for row in self.first]
        self.spread_of = max(max(row) - min(row) for row in self.state)

    def spread(self):
        """(species, clip, Laplacian of the state there)."""
        for a, row in enumerate(self.state):
            for t in range(self.clips):
                left, right = row[max(t - 1, 0)], row[min(t + 1, self.clips - 1)]
                yield a, t, left + right - 2 * row[t]

    def jacobian(self):
        """Columns {row: entry} of 2^64 J(y), every entry rounded: the error is within `rounding`."""
        n, T = self.species, self.clips
        columns = []
        for b in range(n):
            for t in range(T):
                column = {a * T + t: fixed(value(self.first[a][b], self.points[t])) for a in range(n)}
                for other in (t - 1, t + 1):
                    if 0 <= other < T:
                        column[b * T + other] = fixed(self.diffusion[b])
                        column[b * T + t] -= fixed(self.diffusion[b])
                columns.append(column)
        return columns

    @property
    def rounding(self):
        """Bound of the norm of what `jacobian` rounds: at most n + 2 entries per row and column, each off by <= 3/2."""
        return Fraction(3 * (self.species + 2), 2 * ONE)

    def variation(self, d):
        """Bound of |J(x) - J(y)| where max |x - y| <= d: J(x) - J(y) is block-diagonal, so its largest block's norm."""
        largest = Fraction(0)
        for point in self.points:
            sizes = [abs(x) + d for x in point]
            rows = [[d * sum(majorant(g, sizes) for g in entry) for entry in row] for row in self.second]
            largest = max(largest, sum(x * x for row in rows for x in row))
        return root(largest, up=True)


def symmetric(rows, size, name):
    """A symmetric matrix of integers from its lower triangle."""
    need(len(rows) == size and all(len(row) == i + 1 for i, row in enumerate(rows)), f"{name} is no lower triangle")
    lower = [[integer(x) for x in row] for row in rows]
    return [[lower[max(i, j)][min(i, j)] for j in range(size)] for i in range(size)]


class Energy:
    """E1: the matrix P of a pattern, in units of 2^-bits, and its bounds."""

    def __init__(self, pattern, entry):
        fields(entry, "bits P least decay_margin")
        self.unit = Fraction(1, 1 << small(entry["bits"]))
        P = symmetric(entry["P"], pattern.species * pattern.clips, "P")
        self.p, self.b = rational(entry["least"]), rational(entry["decay_margin"])
        need(self.p > 0 and self.b > 0, "the bounds of P are positive")
        self.norm = row_norm(P) * self.unit
        at_least(P, ceil(self.p / self.unit), "P")
        columns = pattern.jacobian()
        PJ = [[sum(row[i] * x for i, x in column.items()) for column in columns] for row in P]
        energy = [[-PJ[i][j] - PJ[j][i] for j in range(len(P))] for i in range(len(P))]
        at_least(energy, ceil(self.b * ONE / self.unit), "-(J'P + PJ)")

    def conclude(self, pattern, d):
        """E2 for the box of half-width d: (distance of x* from y, radius of attraction, decay rate)."""
        c = self.b - 2 * self.norm * (pattern.variation(d) + pattern.rounding)
        need(c > 0, "the Jacobian varies too much in the box: take a smaller one")
        force = root(self.norm, up=True) * pattern.residual
        need(force < c * d * root(self.p, up=False) / (2 * self.norm), "the state is not accurate enough")
        distance = 2 * self.norm * force / (c * root(self.p, up=False))
        return distance, d * root(self.p / self.norm, up=False), c / (2 * self.norm)


def gray_scott(pattern, parameters):
    """F, k, s, D_u, D_v, if reactions and diffusions are Gray-Scott's at these parameters."""
    fields(parameters, "F k s D_u D_v")
    F, k, s, D_u, D_v = (rational(parameters[name]) for name in ("F", "k", "s", "D_u", "D_v"))
    need(min(F, k, s) > 0, "the parameters of Gray-Scott are positive")
    expected = [{(1, 2): -s, (1, 0): -F, (0, 0): F}, {(1, 2): s, (0, 1): -F - k}]
    need([{p: c for c, p in terms} for terms in pattern.reactions] == expected, "the reactions are not Gray-Scott's")
    need([len(terms) for terms in pattern.reactions] == [3, 2], "the reactions are not Gray-Scott's")
    need(pattern.diffusion == [D_u, D_v], "the diffusions are not those of the parameters")
    return F, k, s, D_u, D_v


class Layer:
    """L1: the matrix S of a pattern of Gray-Scott, and its bounds."""

    def __init__(self, pattern, entry, parameters):
        fields(entry, "bits S least margin factor_squared")
        F, k, s, D_u, D_v = gray_scott(pattern, parameters)
        self.s, T, (u, v) = s, pattern.clips, pattern.state
        self.unit = Fraction(1, 1 << small(entry["bits"]))
        S = symmetric(entry["S"], 2 * T, "S")
        self.norm = row_norm(S) * self.unit
        least, b, self.k2 = (rational(entry[name]) for name in ("least", "margin", "factor_squared"))
        need(least > 0 and b > 0 and 0 < self.k2 < 1, "the bounds of S are positive, the factor is below 1")
        at_least(S, ceil(least / self.unit), "S")
        left, right = [], []
        for a, D in enumerate((D_u, D_v)):
            for t in range(T):
                column = {a * T + t: fixed(1 + F + (s * v[t] ** 2 if a == 0 else k))}
                for other in (t - 1, t + 1):
                    if 0 <= other < T:
                        column[a * T + other] = -fixed(D)
                        column[a * T + t] += fixed(D)
                if a == 0:
                    column[T + t] = -fixed(s * v[t] ** 2)
                left.append(column)
                push = fixed(2 * s * u[t] * v[t])
                right.append({t: ONE} if a == 0 else {t: -push, T + t: ONE + push})
        # the rounding of L and B (each entry <= 3/2 units, at most 4 per row and column) as one more perturbation
        sizes = [root(Fraction(total(X, 0) * total(X, 1), ONE * ONE), up=True) for X in (left, right)]
        slip = Fraction(6, ONE)
        self.size = sizes[0] + slip
        lost = self.norm * sum(2 * size * slip + slip * slip for size in sizes)
        LSL, BSB = congruence(S, left), congruence(S, right)
        top, bottom = self.k2.numerator, self.k2.denominator
        gap = [[top * x - bottom * y for x, y in zip(*rows, strict=True)] for rows in zip(LSL, BSB, strict=True)]
        at_least(gap, ceil((b + lost) * bottom * ONE * ONE / self.unit), "k2 L'SL - B'SB")
        self.q = b / self.k2

    def conclude(self, pattern, d):
        """L2, L3 for half-width d: (contraction factor, distance of the fixed point from y, radius of attraction)."""
        clips = list(zip(*([abs(x) for x in row] for row in pattern.state), strict=True))
        e_L = max(self.s * (2 * v * d + d * d) for _, v in clips)
        g = substrate_moves(clips, self.s, d, pattern.largest_residual)
        e_B = max(2 * self.s * (v * g + d * u + d * g) for u, v in clips)
        # the entry stands twice in a column of L, of B: factor sqrt 2 < 17/12
        t = root(self.norm / self.q, up=True) * Fraction(17, 12)
        need(t * e_L < 1, "the layer's step varies too much in the box: take a smaller one")
        c = (root(self.k2, up=True) + t * e_B) / (1 - t * e_L)
        need(c < 1, "the layer's step varies too much in the box: take a smaller one")
        force, inward = root(self.norm, up=True) * pattern.residual, root(self.q, up=False)
        need(force <= (1 - c) * d * inward, "the state is not accurate enough for the layer")
        return c, force / ((1 - c) * inward), d * inward / (root(self.norm, up=True) * self.size)


def substrate_moves(clips, s, d, residual):
    """g of L2, for clips (|y_u|, |y_v|): one bound of |u' - y_u| for all of them, where u and v move by at most d."""
    return d + residual + max(s * (2 * v * d + d * d) * u for u, v in clips)


def total(columns, axis):
    """Largest absolute row sum (axis 0) or column sum (axis 1) of a sparse matrix."""
    if axis:
        return max(sum(map(abs, column.values())) for column in columns)
    sums = {}
    for column in columns:
        for i, x in column.items():
            sums[i] = sums.get(i, 0) + abs(x)
    return max(sums.values())


def check_pattern(entry, system):
    """What the entry of one pattern of a system establishes, in words."""
    fields(entry, "parameters reactions diffusion state equation layer")
    pattern = Pattern(entry)
    if system == "gray-scott":
        # for other systems the reactions themselves are the claim, and their parameters a remark
        gray_scott(pattern, entry["parameters"])
    equation = entry["equation"]
    fields(equation, "energy box distance attraction decay_rate")
    box = rational(equation["box"])
    need(box > 0, "a box has a positive width")
    distance, attraction, rate = Energy(pattern, equation["energy"]).conclude(pattern, box)
    need(distance <= rational(equation["distance"]), "the state is farther from the steady state than claimed")
    need(0 < rational(equation["attraction"]) <= attraction, "the region of attraction is smaller than claimed")
    need(0 < rational(equation["decay_rate"]) <= rate, "the decay is slower than claimed")
    need(pattern.spread_of > 2 * distance, "the state may be homogeneous: it is no pattern")
    words = f"a steady state within {shown(rational(equation['distance']), ROUND_CEILING)}, "
    words += f"decay rate >= {shown(rational(equation['decay_rate']), ROUND_FLOOR)}"
    layer = entry["layer"]
    if layer is None:
        return words
    fields(layer, "energy box distance attraction factor")
    box = rational(layer["box"])
    need(box > 0, "a box has a positive width")
    factor, near, ball = Layer(pattern, layer["energy"], entry["parameters"]).conclude(pattern, box)
    need(near <= rational(layer["distance"]), "the layer's fixed point is farther away than claimed")
    need(near <= attraction, "the layer's fixed point may be another one than the equation's")
    need(0 < rational(layer["attraction"]) <= ball, "the layer's region of attraction is smaller than claimed")
    need(factor <= rational(layer["factor"]) < 1, "the layer contracts less than claimed")
    return f"{words}; the layer contracts by 1 - {shown(1 - rational(layer['factor']), ROUND_FLOOR)} a step"


def shown(x, rounding):
    """Three digits of x > 0, rounded in one direction."""
    return str(Context(prec=3, rounding=rounding).divide(Decimal(x.numerator), Decimal(x.denominator)))


def remarks(content):
    """The form of what is not claimed: plain short texts, so that whoever prints them prints no more than text."""
    for name, empty in (("subject", True), ("system", False)):
        x = content[name]
        plain = isinstance(x, str) and 0 < len(x) <= 200 and x.isprintable()
        need((empty and x is None) or plain, f"the {name} is no printable text of at most 200 characters")


def rational(text):
    """An exact number, written p or p/q."""
    if not isinstance(text, str) or not re.fullmatch(NUMBER, text):
        raise Refused(f"{str(text)[:40]!r} is no exact number")
    return Fraction(text)


def integer(x):
    need(type(x) is int and abs(x).bit_length() <= 256, "an entry is no integer of at most 256 bits")
    return x


def small(x):
    need(type(x) is int and 0 <= x <= 200, "a number of bits is in 0 to 200")
    return x


def fields(part, names):
    need(isinstance(part, dict) and set(part) == set(names.split()), f"the fields must be: {names}")


def digest(content):
    """SHA-256 of the content without its own field, in canonical JSON."""
    rest = {key: x for key, x in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def check_content(content):
    """What a certificate establishes, in words. Raises Refused or Unreadable."""
    try:
        if not isinstance(content, dict) or content.get("format") != "rdmf-certificate":
            raise Unreadable("is no certificate: the field format must be rdmf-certificate")
        need(content.get("sha256") == digest(content), "the content was changed after it was written (sha256)")
        version = content.get("version")
        if type(version) is not int or version != 1 or content.get("kind") != "patterns":
            raise Unreadable("is of a version or kind that this checker does not know")
        fields(content, "format version kind claim system subject patterns sha256")
        need(content["claim"] == CLAIM, "the claim in words is not the one that is checked")
        remarks(content)
        patterns = content["patterns"]
        need(isinstance(patterns, list) and patterns, "there is no pattern")
        work = sum((len(entry["state"]) * len(entry["state"][0])) ** 3 for entry in patterns)
        need(work <= MOST_WORK, "there are too many patterns for one file: split them")
        words = [f"pattern {i}: {check_pattern(entry, content['system'])}" for i, entry in enumerate(patterns, start=1)]
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError, RecursionError) as error:
        raise Refused(f"a field is missing or malformed ({type(error).__name__}: {str(error)[:200]!r})") from error
    return f"{len(words)} stable pattern{'s' * (len(words) > 1)}. " + ". ".join(words)


def once(pairs):
    need(len(dict(pairs)) == len(pairs), "a field occurs twice")
    return dict(pairs)


def check(path):
    """`check_content` of a file, which is read once."""
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
        print("usage: pattern_checker.py FILE", file=sys.stderr)
        return 2
    try:
        print(f"{arguments[0]}: holds: {check(arguments[0])}")
    except Unreadable as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 3
    except Refused as error:
        print(f"{arguments[0]}: refused: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
