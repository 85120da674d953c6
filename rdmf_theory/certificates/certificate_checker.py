"""Does a certificate of kind `design-box` hold? `python certificate_checker.py FILE`: exit 0 yes, 1 no, 3 unreadable.

Standard library only, nothing of the program that made the certificate. Numbers are exact rationals or intervals with
integer ends over 2^96, never floats. Beyond its claim a certificate holds hints, how a box is split and some bounds: a
bad hint makes the check fail, never succeed. Claimed for ALL designs (u, z, r, l, w) in a box, after rounding of the
emitted F, k, s, D_u, D_v (relative error <= e each) and, for v_rich, damped, fed, turing, any gain m that is emitted.
`theorems` must be the table below, which names what the suite of the project finds in its Coq sources; `made_with` and
`subject` are remarks: their form is checked, their truth is not claimed.
Notation: A(u) = (sqrt(1-2u) + sqrt(2-2u))^2, so d_T = z A, d = r z A, D = d/z = r A, A + 1/A = 6 - 8u;
c = z u, q = u (1-u); H(y) = A(y)/y, decreasing. The gain interval of a design is (q/Q_c, q/Q_T) with Q_c = y(1-y) at
y = min(1/2, c), Q_T = y(1-y) at H(y) = r H(u). Emitted: m in [(q/Q_c)^f, (q/Q_T)^f], with relative error <= e_m.
  L1. Rounded parameters have F'/w' = c k^(+-1), d' = d k^(+-1), Q' = w'^2/(s'F') = (q/m) K^(+-1) with
      k = (1+e)/(1-e), K = k^2/(1-e_m). The frozen state solves y(1-y) = Q'.
  L2. For y1 < y2 < 1/2, Q = y(1-y):  y2/y1 = (Q2/Q1)(1-y1)/(1-y2) >= Q2/Q1, hence H(y2)/H(y1) <= Q1/Q2.
  L3. Turing needs H(y) k^2 < r H(u), as d_T(y, c/y) = c H(y). Now Q' >= Q_T R^(1-f)/K with R = q/Q_T, so by L2
      R^(1-f) >= K k^2 (1 + 2^-40) suffices; R grows with r, so r = r_min, all u. R >= R0 iff H(y(q/R0)) <= r H(u).
  L4. v_rich and damped, y < min(1/2, c/k): by L2 (q/Q_c)^(1-f) K k < 1 suffices; q/Q_c is (1-u)/(z(1-zu)) or
      4u(1-u), both largest at u_max, z_min. fed is F' > 0, k' > 0: z u < 1.
  L5. At m = 1, emitted exactly, the rounded state has u' = u(1 +- v), z' = z X^(+-1), r' = r Y^(+-1), see `rounded`.
      In units of the fastest mode the band is (a, b): with S = sqrt((r-1)(rA^2-1)), E = (sqrt r - 1)(sqrt r A - 1),
      g = (zD+1)/(zD-1), M = 2 D m_fast = D - 1 - gE:  a = 1 - (S-gE)/M,  b = 1 + (S+gE)/M; g falls with z.
  L6. mode_on_axis: mode j of T clips serves all l with mu_j/b < mu(l) < mu_j/a; mu_{j+1}/mu_j <= ((j+1)/j)^2 since
      sin is concave, so from some J on these windows overlap, and mu_J(T) falls, mu_{T-1}(T) grows with T.
  L7. gain, of the fastest mode of the rounded parameters: with l = z E/(zD-1) its growth rate over w, m = M/2D and
      a = z + d m, a number g is a multiplier of the step iff h(x) = 0, x = (g-1)/w,
      h = a(l - x - (g-1)(1+m)) - (1-m)(l-x) + l^2 - x^2/g - 2x(g-1)/g, concave in x, falling as a > 1 > m > 0;
      h >= 0 at both ends of the range of w: some multiplier is >= g; h < 0 at the largest w: all are < g.
"""

import hashlib
import json
import re
import sys
from fractions import Fraction
from math import ceil, factorial, isqrt
from pathlib import Path

SCALE = 1 << 96
COORDINATES = ("u_star", "z", "excess", "wavelength", "rate")
NUMBER = r"-?[0-9]{1,400}(/[1-9][0-9]{0,400}|\.[0-9]{1,400})?"
VERSION = r"(not installed|[0-9][0-9A-Za-z.+!-]{0,60})"
CLAIM = "every design of the box, rounded as the layer rounds, satisfies the conditions of the region"
THEOREMS = {
    "v_rich": "Chart.v_rich_unique",
    "damped": "Chart.stable_without_diffusion_iff",
    "fed": "Design.design_positive",
    "turing": "Turing.turing_iff",
    "mode_on_axis": "Modes.clips_grow",
    "wavelength": "Design.mode_eigenvalue_injective",
    "gain": "Transfer.layer_grows_iff",
    "modulation": "ModulatedGain.gain_interval_iff",
    "soft_onset": "Onset.soft_onset_iff",
}
# limits that no certificate of the program comes near, so that any file is decided in a minute
LARGEST_FILE, MOST_SPLITS, DEEPEST, MOST_OVERLAP, MOST_MODES = 1 << 22, 200_000, 60, 64, 200_000


class Refused(Exception):
    """The certificate does not hold; the message says where."""


class Unreadable(Exception):
    """The file is no certificate that this checker knows."""


def need(holds, why):
    if not holds:
        raise Refused(why)


def corners(fraction):
    """An operation that is monotone in each argument, rounded outward; `fraction` is its result at two end points."""

    def operation(self, other):
        other = enclose(other)
        ends = [fraction(x, y) for x in (self.lo, self.hi) for y in (other.lo, other.hi)]
        need(all(d > 0 for _, d in ends), "a divisor is not positive: split the box further")
        return Interval(min(n // d for n, d in ends), max(-(-n // d) for n, d in ends))

    return operation


class Interval:
    """All reals between lo/2^96 and hi/2^96."""

    def __init__(self, lo, hi):
        self.lo, self.hi = lo, hi

    __add__ = __radd__ = corners(lambda x, y: (x + y, 1))
    __sub__ = corners(lambda x, y: (x - y, 1))
    __rsub__ = corners(lambda x, y: (y - x, 1))
    __mul__ = __rmul__ = corners(lambda x, y: (x * y, SCALE))
    __truediv__ = corners(lambda x, y: (x * SCALE, y))
    __rtruediv__ = corners(lambda x, y: (y * SCALE, x))
    lower = property(lambda self: Fraction(self.lo, SCALE))
    upper = property(lambda self: Fraction(self.hi, SCALE))

    def sqrt(self):
        need(self.lo >= 0, "a radicand is negative: split the box further")
        return Interval(isqrt(self.lo * SCALE), isqrt(self.hi * SCALE) + 1)


def enclose(lo, hi=None):
    """The smallest interval around a number, or around [lo, hi]."""
    if isinstance(lo, Interval):
        return lo
    lo, hi = Fraction(lo), Fraction(lo if hi is None else hi)
    return Interval(lo.numerator * SCALE // lo.denominator, -(-hi.numerator * SCALE // hi.denominator))


def power(x, n):
    """x^n, n >= 1, for a number x >= 1; its digits are rounded outward at 2^-96."""
    half = enclose(x) if n < 2 else power(x, n // 2)
    return half if n < 2 else half * half * x if n % 2 else half * half


PI = enclose("3.1415926535897932384626433832795028841", "3.1415926535897932384626433832795028842")


def mode_eigenvalue(angle):
    """2 - 2 cos(angle) by Taylor's series, Lagrange's remainder for angle < 4; all callers have angle < pi."""
    term, total, rest = enclose(-2), enclose(0), Fraction(2 * 4**60, factorial(60))
    for i in range(1, 30):
        term = -1 * term * angle * angle / (2 * i * (2 * i - 1))
        total = total + term
    return total + enclose(-rest, rest)


def leaves(box, splits):
    """The boxes of a bisection: `.` keeps a box, a digit halves it along that axis. They cover it by construction."""
    need(
        isinstance(splits, str) and len(splits) <= MOST_SPLITS, f"splits must be a text of at most {MOST_SPLITS} marks"
    )
    stack = [(0, box)]
    for mark in splits:
        depth, part = stack.pop()
        if mark == ".":
            yield part
            continue
        need(depth < DEEPEST, f"a box is halved more than {DEEPEST} times")
        axis = "01234".index(mark)
        lo, hi = part[axis]
        halves = ((lo + hi) / 2, hi), (lo, (lo + hi) / 2)
        stack += [(depth + 1, (*part[:axis], half, *part[axis + 1 :])) for half in halves]
    need(not stack, "a proof tree ends before the box is covered")


def threshold(u):
    """A(u), decreasing."""
    root = (1 - 2 * u).sqrt() + (2 - 2 * u).sqrt()
    return root * root


def rounded(u_range, r_range, k):
    """u', r' and X of L5 on a leaf: |u' - u| <= q(k^2-1)/(1-u-u'), |d ln A/du| = 2/sqrt((1-2u)(2-2u))."""
    root = (1 - 4 * enclose(u_range[1] * (1 - u_range[1]) * k * k)).sqrt()
    v = ((k * k - 1) / root).upper
    drift = v * (2 / (root * (1 + root)).sqrt()).upper
    need(v < 1 and drift < 1, "rounding moves u_star too far: lower its upper bound")
    X = k / (1 - v)
    Y = k * X / (1 - drift)
    return enclose(u_range[0] * (1 - v), u_range[1] * (1 + v)), enclose(r_range[0] / Y, r_range[1] * Y), X


def mode(u, z, r):
    """(S, gE, M, l, m, a) of L5 and L7, in the forms that repeat a variable least: q = 1/(z sqrt r) and
    l = (1 - 1/sqrt r)(1 - (1-q)/(sqrt r A - q)), M = sqrt r (A+1) - 2 - 2 l/z, gE = E + 2 l/z."""
    A, root = threshold(u), r.sqrt()
    q = 1 / (z * root)
    growth = (1 - 1 / root) * (1 - (1 - q) / (root * A - q))
    M = root * (A + 1) - 2 - 2 * growth / z
    need(M.lower > Fraction(1, 1 << 16), "the fastest mode is not certified: split the box further")
    S = ((r - 1) * (r * A * A - 1)).sqrt()
    m = (1 + 1 / A) / (2 * root) - (1 + growth / z) / (r * A)
    return S, (root - 1) * (root * A - 1) + 2 * growth / z, M, growth, m, z * root * (A + 1) / 2 - growth


def check_gain_interval(u_range, r_min, R0, splits):
    """L3: H(y(q/R0)) <= r H(u) for all u, leaf by leaf from the monotonicity of H."""
    for ((lo, hi),) in leaves((u_range,), splits):
        y = enclose(((1 - (1 - 4 * enclose(lo * (1 - lo) / R0)).sqrt()) / 2).lower)
        need(
            (threshold(y) / y).upper <= (r_min * threshold(enclose(hi)) / hi).lower,
            f"turing is open at u_star {float(lo)}",
        )


def check_band(box, proof, k):
    """L5: the band contains (alpha, beta) times the fastest mode, for all u, r; z only moves the fastest mode."""
    alpha, beta = rational(proof["alpha"]), rational(proof["beta"])
    need(0 < alpha < 1 < beta, "band.alpha, band.beta must enclose 1")
    for u_range, r_range in leaves((box["u_star"], box["excess"]), proof["splits"]):
        u, r, X = rounded(u_range, r_range, k)
        S, gE, M, *_ = mode(u, enclose(box["z"][0] / X), r)
        low = k * (1 - (S - gE) / M)
        S, gE, M, *_ = mode(u, enclose(box["z"][1] * X), r)
        high = (1 + (S + gE) / M) / k
        need(low.upper <= alpha and high.lower >= beta, f"the band is open at u_star {float(u_range[0])}")
    return alpha, beta


def check_modes(wavelength, clips, alpha, beta):
    """L6: every wavelength of the range is served by some mode of every clip number."""
    need([type(T) for T in clips] == [int, int] and 2 <= clips[0] <= clips[1], "clips must be integers 2 <= min <= max")
    bottom, top = (mode_eigenvalue(2 * PI / length) for length in (wavelength[1], wavelength[0]))
    first = next((j for j in range(1, MOST_OVERLAP + 1) if (j + 1) ** 2 * alpha < j * j * beta), 0)
    need(first > 0, f"mode_on_axis: the band is so narrow that windows overlap after mode {MOST_OVERLAP} only")
    modes = 0
    for T in range(clips[0], clips[1] + 1):
        ends = [mode_eigenvalue(PI * Fraction(j, T)) for j in (min(first, T - 1), T - 1)]
        if first < T and (ends[0] / beta).upper < bottom.lower and (ends[1] / alpha).lower > top.upper:
            return
        modes += T
        need(modes <= MOST_MODES, f"mode_on_axis: the windows do not overlap from {T} clips on")
        reached = bottom.lower
        for j in range(1, T):
            mu = mode_eigenvalue(PI * Fraction(j, T))
            if (mu / beta).upper < reached < (mu / alpha).lower:
                reached = (mu / alpha).lower
        need(reached > top.upper, f"mode_on_axis is open for {T} clips")


def check_gain(box, steps, gain, proof, k):
    """L7: the multiplier of the fastest mode to the power `steps` is in `gain`."""
    need(type(steps) is int and 1 <= steps <= 10_000, "steps must be in 1..10000")
    (low, high), (w_min, w_max) = map(rational, proof["multiplier"]), box["rate"]
    need(1 <= low < high <= 1 << 64, "gain.multiplier must be an interval in [1, 2^64]")
    implied = gain[0] <= power(low, steps).lower and power(high, steps).upper <= gain[1]
    need(implied, "gain.multiplier does not imply gain")
    for u_range, z_range, r_range in leaves((box["u_star"], box["z"], box["excess"]), proof["splits"]):
        u, r, X = rounded(u_range, r_range, k)
        *_, lam, m, a = mode(u, enclose(z_range[0] / X, z_range[1] * X), r)
        need(m.lower > 0 and a.lower >= 1, f"L7 does not apply at u_star {float(u_range[0])}")
        for g, w, sign in ((low, w_min / k, 1), (low, w_max * k, 1), (high, w_max * k, -1)):
            x = (g - 1) / w
            h = a * (lam - x - (g - 1) * (1 + m)) - (1 - m) * (lam - x) + lam * lam - x * (x / g + 2 - 2 / g)
            where = f"u_star {float(u_range[0])}, z {float(z_range[0])}, excess {float(r_range[0])}"
            need((sign * h).lower > 0, f"the gain is open at {where}")


def check_design_box(content):
    """All conditions of the region on the box."""
    fields(content, "format version kind claim conditions theorems box region emission proof made_with subject sha256")
    remarks(content)
    region, emission, proof = content["region"], content["emission"], content["proof"]
    fields(proof, "gain_interval band gain")
    for name, names in (("gain_interval", "splits"), ("band", "alpha beta splits"), ("gain", "multiplier splits")):
        fields(proof[name], names)
    need(type(region["soft_onset"]) is bool, "soft_onset is true or false")
    fields(region, "lower upper clips steps gain modulation soft_onset")
    fields(emission, "parameter_error gain_error modulation_fraction step_size")
    fields(content["box"], " ".join(COORDINATES))
    box = {name: pair(content["box"][name]) for name in COORDINATES}
    for (name, (lo, hi)), region_lo, region_hi in zip(box.items(), region["lower"], region["upper"], strict=True):
        need(rational(region_lo) <= lo <= hi <= rational(region_hi), f"the box leaves the region in {name}")
        need(Fraction(1, 1 << 12) <= lo and hi <= 1 << 12, f"{name} is out of the range in which rounding was analysed")
    u_hi, (z_lo, z_hi), r_lo = box["u_star"][1], box["z"], box["excess"][0]
    e, e_m, f = (rational(emission[n]) for n in ("parameter_error", "gain_error", "modulation_fraction"))
    need(Fraction(1, 1 << 23) <= e < 1 and Fraction(1, 1 << 18) <= e_m < 1, "emission errors below those of float32")
    need(0 < f <= Fraction(999, 1000) and rational(emission["step_size"]) == 1, "emission is not the layer's")
    need(u_hi < Fraction(1, 2) and z_lo > 1 and r_lo > 1 and box["wavelength"][0] > 2, "no pattern in this box")
    need(1 - z_hi * u_hi > Fraction(1, 1 << 16), "fed: z u_star reaches 1")
    k = (1 + e) / (1 - e)
    K, n = k * k / (1 - e_m), ceil(1 / (1 - f))
    c = z_lo * u_hi
    low_end = u_hi * (1 - u_hi) / (c * (1 - c)) if c <= Fraction(1, 2) else 4 * u_hi * (1 - u_hi)
    need(low_end * (K * k) ** n < 1, "v_rich and damped: no room for rounding at the low end of the gain")
    room = K * k * k * (1 + Fraction(1, 1 << 40))
    m_lo, m_hi = (1, 1) if region["modulation"] is None else pair(region["modulation"])
    need(low_end * K * k < m_lo <= 1 <= m_hi, "modulation: its lower end is too low")
    R0 = max(room**n, m_hi * room)
    named = ["v_rich", "damped", "fed", "turing", "mode_on_axis", "wavelength", "gain"]
    named += [name for name in ("modulation", "soft_onset") if region[name] not in (None, False)]
    check_gain_interval(box["u_star"], r_lo, R0, proof["gain_interval"]["splits"])
    check_modes(box["wavelength"], region["clips"], *check_band(box, proof["band"], k))
    check_gain(box, region["steps"], pair(region["gain"]), proof["gain"], k)
    if region["soft_onset"]:
        x = (1 / threshold(enclose(rounded(box["u_star"], (r_lo, r_lo), k)[0].upper))).upper
        need(x < Fraction(1, 3) and 23 * x**4 - 124 * x**3 - 6 * x**2 - 72 * x + 27 > 0, "soft_onset fails")
    need(content["conditions"] == named, f"the conditions must be those that the proof covers, {named}")
    need(
        content["theorems"] == {name: THEOREMS[name] for name in named}, "the theorems are not those of the conditions"
    )
    return f"all designs of the box satisfy {', '.join(named)}"


def remarks(content):
    """The form of what is not claimed: plain short texts, so that whoever prints them prints no more than text."""
    made, subject = content["made_with"], content["subject"]
    need(isinstance(made, dict) and set(made) == {"python", "rdmf", "python-flint"}, "made_with names other programs")
    need(all(isinstance(x, str) and re.fullmatch(VERSION, x) for x in made.values()), "made_with holds no versions")
    plain = isinstance(subject, str) and len(subject) <= 200 and subject.isprintable()
    need(subject is None or plain, "the subject is no printable text of at most 200 characters")


def rational(text):
    """An exact number, written p, p/q or as a decimal."""
    need(isinstance(text, str) and re.fullmatch(NUMBER, text), f"{str(text)[:40]!r} is no exact number")
    return Fraction(text)


def pair(ends):
    lo, hi = map(rational, ends)
    need(lo <= hi, f"an interval is reversed: {lo}, {hi}")
    return lo, hi


def fields(part, names):
    need(isinstance(part, dict) and set(part) == set(names.split()), f"the fields must be: {names}")


def check_content(content):
    """What a certificate establishes, in words. Raises Refused or Unreadable."""
    try:
        if not isinstance(content, dict) or content.get("format") != "rdmf-certificate":
            raise Unreadable("is no certificate: the field format must be rdmf-certificate")
        rest = {key: value for key, value in content.items() if key != "sha256"}
        digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        need(content.get("sha256") == digest, "the content was changed after it was written (sha256)")
        version = content.get("version")
        if type(version) is not int or version != 1 or content.get("kind") != "design-box":
            raise Unreadable("is of a version or kind that this checker does not know")
        need(content.get("claim") == CLAIM, "the claim in words is not the one that is checked")
        return check_design_box(content)
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError, RecursionError) as error:
        raise Refused(f"a field is missing or malformed ({type(error).__name__}: {str(error)[:200]!r})") from error


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
        print("usage: certificate_checker.py FILE", file=sys.stderr)
        return 2
    try:
        print(f"{arguments[0]}: holds: {check(arguments[0])}")
    except (Refused, Unreadable) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 1 if isinstance(error, Refused) else 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
