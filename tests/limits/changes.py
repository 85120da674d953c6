"""Changes of constants, roundings and corners in what decides: one fragment of source each, exactly once in its file.

Each weakens a checker: with it something false would be accepted. A change
that cannot be noticed says why.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Change:
    """An unsound change.

    Arguments:
        subject: name in `SUBJECTS`.
        old, new: a fragment of the file, which must occur exactly once, and what stands there instead.
        harmless: why no check can notice it; None: some check must.
    """

    subject: str
    old: str
    new: str
    harmless: str | None = None


SUBJECTS = {
    "design box": ("rdmf_theory.certificates.certificate_checker", "tests.limits.design_box"),
    "region": ("rdmf_theory.certificates.region_checker", "tests.limits.region"),
    "pattern": ("rdmf_theory.certificates.pattern_checker", "tests.limits.pattern"),
}
"""Name -> module that decides, module with the checks of its limits."""


def changed_module(change: Change) -> ModuleType:
    """The module with the change in it, beside the honest one. ValueError unless the fragment occurs exactly once."""
    honest = importlib.import_module(SUBJECTS[change.subject][0])
    source = Path(str(honest.__file__)).read_text(encoding="utf-8")
    if source.count(change.old) != 1:
        raise ValueError(f"{honest.__name__} holds {change.old!r} {source.count(change.old)} times; once is needed.")
    module = ModuleType(f"{honest.__name__}_changed")
    module.__file__ = honest.__file__
    # dataclasses look their module up
    sys.modules[module.__name__] = module
    exec(compile(source.replace(change.old, change.new), str(honest.__file__), "exec"), module.__dict__)
    return module


def noticed_by(change: Change) -> str | None:
    """The first check that fails on the changed module; None if all pass."""
    module = changed_module(change)
    for check in importlib.import_module(SUBJECTS[change.subject][1]).CHECKS:
        try:
            check(module)
        except Exception:
            # any failure is a notice: a refusal where none was due, or an assertion
            return check.__name__
    return None


BOX = [
    ("x * y, SCALE))", "x * y + SCALE - 1, SCALE))"),
    ("min(n // d for n, d in ends), max(-(-n // d)", "min(-(-n // d) for n, d in ends), max(-(-n // d)"),
    ("max(-(-n // d) for n, d in ends))", "max(n // d for n, d in ends))"),
    ("for x in (self.lo, self.hi) for y in (other.lo, other.hi)]", "for x in (self.lo, self.hi) for y in (other.lo,)]"),
    ("all(d > 0 for", "all(d != 0 for"),
    ("isqrt(self.hi * SCALE) + 1)", "isqrt(self.hi * SCALE))"),
    ("isqrt(self.lo * SCALE),", "isqrt(self.lo * SCALE) + 1,"),
    ("-(-hi.numerator * SCALE // hi.denominator)", "hi.numerator * SCALE // hi.denominator"),
    ("half * half * x if n % 2", "half * half if n % 2"),
    ("3.1415926535897932384626433832795028842", "3.141592653589793238462643"),
    ('"3.1415926535897932384626433832795028841"', '"3.1415926535897932384626434"'),
    ("(2 * i * (2 * i - 1))", "(2 * i * (2 * i + 1))"),
    ("for i in range(1, 30)", "for i in range(1, 14)"),
    ("((lo + hi) / 2, hi), (lo, (lo + hi) / 2)", "((lo + hi) / 2, hi), (lo, (lo + hi) / 4)"),
    ('need(not stack, "a proof tree ends', 'need(True, "a proof tree ends'),
    ("depth < DEEPEST", "depth < 1000"),
    ("(1 - 2 * u).sqrt() + (2 - 2 * u).sqrt()", "(1 - 2 * u).sqrt() + (2 - u).sqrt()"),
    ("* (1 - u_range[1]) * k * k)", "* (1 - u_range[1]) * k)"),
    ("v = ((k * k - 1) / root).upper", "v = ((k - 1) / root).upper"),
    ("v * (2 / (root * (1 + root)).sqrt())", "v * (1 / (root * (1 + root)).sqrt())"),
    ("X = k / (1 - v)", "X = 1 / (1 - v)"),
    ("Y = k * X / (1 - drift)", "Y = X / (1 - drift)"),
    ("/ (1 - drift)", "/ 1"),
    ("u_range[0] * (1 - v), u_range[1] * (1 + v)", "u_range[0], u_range[1] * (1 + v)"),
    ("r_range[0] / Y, r_range[1] * Y", "r_range[0], r_range[1] * Y"),
    ("- 2 - 2 * growth / z", "- 2 - growth / z"),
    ("+ 2 * growth / z, M", "+ growth / z, M"),
    ("M.lower > Fraction(1, 1 << 16)", "M.upper > Fraction(1, 1 << 16)"),
    ("(1 + growth / z) / (r * A)", "(1 - growth / z) / (r * A)"),
    ("lo * (1 - lo) / R0", "hi * (1 - hi) / R0"),
    (").sqrt()) / 2).lower)", ").sqrt()) / 2).upper)"),
    ("(threshold(y) / y).upper <= (", "(threshold(y) / y).lower <= (",
     "y is the lower end of an interval, rounded down by more than the enclosure of H(y) is wide"),
    ("* threshold(enclose(hi)) / hi).lower", "* threshold(enclose(lo)) / lo).lower"),
    ("0 < alpha < 1 < beta", "0 < alpha <= 1 < beta"),
    ('enclose(box["z"][0] / X), r)', 'enclose(box["z"][0]), r)'),
    ('enclose(box["z"][1] * X), r)', 'enclose(box["z"][1]), r)'),
    ('enclose(box["z"][1] * X), r)', 'enclose(box["z"][0] * X), r)'),
    ("low = k * (1", "low = (1"),
    ("(1 + (S + gE) / M) / k", "(1 + (S + gE) / M)"),
    ("low.upper <= alpha", "low.lower <= alpha"),
    ("high.lower >= beta", "high.upper >= beta"),
    ("2 <= clips[0] <= clips[1]", "1 <= clips[0] <= clips[1]",
     "one clip has no mode, so that the windows leave it open and the certificate is refused all the same"),
    ("(j + 1) ** 2 * alpha < j * j * beta", "j * (j + 1) * alpha < j * j * beta"),
    ("(ends[0] / beta).upper < bottom.lower", "(ends[0] / beta).upper < top.lower"),
    ("and (ends[1] / alpha).lower > top.upper", ""),
    ("(mu / beta).upper < reached < (mu / alpha).lower", "reached < (mu / alpha).lower"),
    ("reached = (mu / alpha).lower", "reached = (mu / alpha).upper * 2"),
    ("reached > top.upper", "reached > bottom.upper"),
    ("PI * Fraction(j, T))\n            if", "PI * Fraction(j, T - 1))\n            if"),
    ("gain[0] <= power(low, steps)", "gain[0] <= power(low, steps + 1)"),
    ("power(high, steps).upper", "power(high, steps - 1).upper"),
    ("(low, w_min / k, 1)", "(low, w_min, 1)"),
    ("(low, w_max * k, 1), (high", "(high",
     "h falls in x = (g - 1)/w, its slope being below 1 - m - a < 0: what holds at the smallest rate holds at the largest"),
    ("(high, w_max * k, -1)", "(high, w_max, -1)"),
    ("(g - 1) * (1 + m))", "(g - 1) * m)"),
    ("x * (x / g + 2 - 2 / g)", "x * (x + 2 - 2 / g)"),
    ("(sign * h).lower > 0", "(sign * h).upper > 0"),
    ("rational(region_lo) <= lo <= hi <= rational(region_hi)", "lo <= hi <= rational(region_hi)"),
    ("lo <= hi <= rational(region_hi)", "lo <= hi"),
    ("Fraction(1, 1 << 12) <= lo", "Fraction(1, 1 << 13) <= lo"),
    ("hi <= 1 << 12", "hi <= 1 << 13"),
    ("Fraction(1, 1 << 23) <= e < 1", "Fraction(1, 1 << 24) <= e < 1"),
    ("Fraction(1, 1 << 18) <= e_m < 1", "Fraction(1, 1 << 19) <= e_m < 1"),
    ("0 < f <= Fraction(999, 1000)", "0 < f <= Fraction(9999, 10000)"),
    ('rational(emission["step_size"]) == 1', 'rational(emission["step_size"]) >= 1'),
    ('box["wavelength"][0] > 2', 'box["wavelength"][0] >= 2'),
    ("r_lo > 1 and", "r_lo >= 1 and"),
    ("1 - z_hi * u_hi > Fraction(1, 1 << 16)", "1 - z_hi * u_hi > Fraction(1, 1 << 17)"),
    ("1 - z_hi * u_hi", "1 - z_lo * u_hi"),
    ("k = (1 + e) / (1 - e)", "k = 1 + e"),
    ("K, n = k * k / (1 - e_m)", "K, n = k / (1 - e_m)"),
    ("K, n = k * k / (1 - e_m)", "K, n = k * k"),
    ("ceil(1 / (1 - f))", "int(1 / (1 - f))"),
    ("c <= Fraction(1, 2) else 4 *", "c <= Fraction(1, 2) else 3 *"),
    ("(K * k) ** n < 1", "K**n < 1"),
    ("(K * k) ** n < 1", "(K * k) < 1"),
    ("room = K * k * k * (1", "room = K * k * (1"),
    ("low_end * K * k < m_lo", "low_end * K < m_lo"),
    ("m_lo <= 1 <= m_hi", "m_lo <= m_hi"),
    ("max(room**n, m_hi * room)", "room**n"),
    ("max(room**n, m_hi * room)", "max(room, m_hi * room)"),
    ("x < Fraction(1, 3) and 23 * x**4", "23 * x**4", "the quartic is negative between its two positive roots, and x = 1/A "
     "is at most 1/(3 - 2 u + 2 sqrt(2)) < 1 there: below the second root the first condition is implied"),
    ("- 72 * x + 27 > 0", "- 71 * x + 27 > 0"),
    ("(r_lo, r_lo), k)[0].upper", "(r_lo, r_lo), k)[0].lower"),
]  # fmt: skip

PATTERN = [
    ("Fraction(low + 1, shift)", "Fraction(low, shift)"),
    ("else Fraction(low, shift)", "else Fraction(low + 1, shift)"),
    ("[(c * p[i], (*p[:i]", "[(c, (*p[:i]"),
    ("(abs(c), powers) for", "(c, powers) for"),
    ("max(sum(map(abs, row)) for row in matrix)", "max(max(map(abs, row)) for row in matrix)"),
    ("max(sums) <= bound", "min(sums) <= bound"),
    ("max(sums) <= bound", "max(sums) <= bound << 80"),
    ("sums[i] += abs(error)", "sums[i] += error"),
    ("            if i != j:\n                sums[j] += abs(error)", "            pass",
     "each error above the diagonal is one below it: with floats of 53 bits and at most 1024 rows no row that is left out "
     "was seen to be the largest"),
    ("error = matrix[i][j] - (2 * bound if i == j else 0)", "error = matrix[i][j] - (bound if i == j else 0)"),
    ("root(sum(x * x for x in residual), up=True)", "root(max(x * x for x in residual), up=True)"),
    ("max(map(abs, residual))", "min(map(abs, residual))"),
    ("row[min(t + 1, self.clips - 1)]", "row[max(t - 1, 0)]"),
    ("Fraction(3 * (self.species + 2), 2 * ONE)", "Fraction(3, 2 * ONE)"),
    ("sizes = [abs(x) + d for x in point]", "sizes = [abs(x) for x in point]"),
    ("sum(x * x for row in rows for x in row)", "max(x * x for row in rows for x in row)"),
    ("largest = max(largest, sum(", "largest = max(Fraction(0), sum("),
    ("at_least(P, ceil(self.p / self.unit)", "at_least(P, ceil(self.p / self.unit / 3)"),
    ("ceil(self.b * ONE / self.unit)", "ceil(self.b * ONE / self.unit / 3)"),
    ("c = self.b - 2 * self.norm * (", "c = self.b - self.norm * ("),
    ("pattern.variation(d) + pattern.rounding", "pattern.variation(d)"),
    ('need(c > 0, "the Jacobian', 'need(True, "the Jacobian',
     "with c <= 0 the next line asks for a force below 0"),
    ("force = root(self.norm, up=True) * pattern.residual\n        need(force <", "force = pattern.residual\n        need(force <"),
    ("c * d * root(self.p, up=False) / (2 * self.norm)", "c * d * root(self.p, up=False) / self.norm"),
    ("c * d * root(self.p, up=False)", "c * d * root(self.p, up=True)",
     "the root differs by 2^-160, far less than the last digit of what is claimed"),
    ("distance = 2 * self.norm * force", "distance = self.norm * force"),
    ("d * root(self.p / self.norm, up=False)", "d * root(self.p, up=False)"),
    ("c / (2 * self.norm)\n", "c / self.norm\n"),
    ("min(F, k, s) > 0", "min(F, s) > 0",
     "positive k is part of the model's parameters, but no lemma needs it: A_v needs F + k >= 0, and the energy decides that"),
    ("pattern.diffusion == [D_u, D_v]", "pattern.diffusion[:1] == [D_u]"),
    ("least > 0 and b > 0 and 0 < self.k2 < 1", "least > 0 and b > 0 and 0 < self.k2 <= 1"),
    ("at_least(S, ceil(least / self.unit)", "at_least(S, ceil(least / self.unit / 3)"),
    ("1 + F + (s * v[t] ** 2 if a == 0 else k)", "1 + F + (s * v[t] ** 2 if a == 0 else 2 * k)"),
    ("push = fixed(2 * s * u[t] * v[t])", "push = fixed(s * u[t] * v[t])"),
    ("column[T + t] = -fixed(s * v[t] ** 2)", "column[T + t] = 0"),
    ("total(X, 0) * total(X, 1), ONE * ONE", "total(X, 0) * total(X, 0), ONE * ONE"),
    ("gap = [[top * x", "gap = [[top * abs(x)"),
    ("slip = Fraction(6, ONE)", "slip = Fraction(0)"),
    ("self.size = sizes[0] + slip", "self.size = slip"),
    ("ceil((b + lost) * bottom", "ceil((b / 3 + lost) * bottom"),
    ("top * x - bottom * y", "bottom * x - bottom * y"),
    ("self.q = b / self.k2", "self.q = b / self.k2**2"),
    ("self.s * (2 * v * d + d * d) for _, v", "self.s * (v * d + d * d) for _, v"),
    ("2 * self.s * (v * g + d * u + d * g)", "self.s * (v * g + d * u + d * g)"),
    ("2 * self.s * (v * g + d * u + d * g)", "2 * self.s * (v * g + d * g)"),
    ("Fraction(17, 12)", "Fraction(16, 12)"),
    ('need(t * e_L < 1, "the layer', 'need(True, "the layer'),
    ("(root(self.k2, up=True) + t * e_B)", "(self.k2 + t * e_B)"),
    ("/ (1 - t * e_L)", "/ 1"),
    ('need(c < 1, "the layer', 'need(c < 2, "the layer',
     "with c > 1 the next line asks for a force below 0, and c = 1 divides by 0, which is refused"),
    ("force <= (1 - c) * d * inward", "force <= d * inward"),
    ("force / ((1 - c) * inward)", "force / inward"),
    ("d * inward / (root(self.norm, up=True) * self.size)", "d * inward / root(self.norm, up=True)"),
    ("return d + residual + max(", "return residual + max("),
    ("return d + residual + max(", "return d + max("),
    ("max(s * (2 * v * d + d * d) * u for u, v in clips)", "min(s * (2 * v * d + d * d) * u for u, v in clips)"),
    ('need(distance <= rational(equation["distance"])', 'need(distance <= 2 * rational(equation["distance"])'),
    ('0 < rational(equation["attraction"]) <= attraction', '0 < rational(equation["attraction"]) <= 2 * attraction'),
    ('0 < rational(equation["decay_rate"]) <= rate', '0 < rational(equation["decay_rate"]) <= 2 * rate'),
    ("pattern.spread_of > 2 * distance", "pattern.spread_of > distance"),
    ('near <= rational(layer["distance"])', 'near <= 2 * rational(layer["distance"])'),
    ("near <= attraction", "near <= 2 * attraction"),
    ('0 < rational(layer["attraction"]) <= ball', '0 < rational(layer["attraction"]) <= 2 * ball'),
    ('factor <= rational(layer["factor"]) < 1', 'factor <= 2 * rational(layer["factor"]) < 2'),
]  # fmt: skip

CHANGES = tuple(
    Change(subject, *fields) for subject, changes in (("design box", BOX), ("pattern", PATTERN)) for fields in changes
)
