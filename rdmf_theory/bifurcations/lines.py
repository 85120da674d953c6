"""Which bifurcations lie along one parameter? All of them by algebra, and by sign changes between samples as a check.

Exact algebra (`exact_line`) misses nothing, but its time has no bound; samples end always, but two sign changes between
neighbours hide from them. Both run, and what neither excludes is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import flint
import numpy as np

from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.rational import Rational, to_fraction
from rdmf_theory.arithmetic.zeros import BITS
from rdmf_theory.bifurcations.equations import DefiningSystem, clip_modes, conditions_of, require_two_species
from rdmf_theory.bifurcations.exact_line import LINE_KINDS, ExactLine, exact_line
from rdmf_theory.bifurcations.record import Bifurcation, describe
from rdmf_theory.bifurcations.roots import Root, find_root, float_system, newton
from rdmf_theory.bifurcations.stability_samples import Samples, matches, sample
from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.point import SystemPoint, resolve_name


@dataclass(frozen=True)
class Seed:
    """A guess: a kind of bifurcation between two neighbouring samples, and their distance."""

    kind: str
    guess: np.ndarray
    spacing: float
    mode: int | None = None


def axis_range(point: SystemPoint, name: str, low: Rational, high: Rational) -> tuple[str, float, float]:
    """The resolved name and the ends of an axis as floats.

    Raises: ParameterError for an unknown name, ends that are reversed or not finite, or a sign that the symbol forbids.
    """
    name = resolve_name(point.system, name)
    first, last = to_fraction(name, low), to_fraction(name, high)
    if first >= last:
        raise ParameterError(f"range of {name} must have low < high. Got {low}:{high}; swap the ends.")
    point.replace(**{name: first})
    return name, float(first), float(last)


@dataclass(frozen=True)
class LineSearch:
    """All bifurcations that were found along a line, and what that is worth.

    Arguments:
        records: the bifurcations, sorted by the parameter.
        complete: kinds of which algebra proves that none is missing.
        samples: number of parameter values at which all states were computed.
        notes: what cannot be excluded, in words; empty if nothing is missing.
    """

    records: tuple[Bifurcation, ...]
    complete: tuple[str, ...]
    samples: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: how it was searched."""
        return {"complete": list(self.complete), "samples": self.samples, "notes": list(self.notes)}


def bifurcations_along(
    point: SystemPoint, axis: str, low: Rational, high: Rational, *, clips: int | None = None, samples: int = 801
) -> list[Bifurcation]:
    """The records of `search_line`."""
    return list(search_line(point, axis, low, high, clips=clips, samples=samples).records)


def search_line(
    point: SystemPoint,
    axis: str,
    low: Rational,
    high: Rational,
    *,
    clips: int | None = None,
    samples: int = 801,
    seconds: float = 6.0,
) -> LineSearch:
    """All bifurcations of homogeneous states along one parameter or diffusion, sorted by it.

    Arguments:
        point: all other values.
        axis: name of the parameter that varies from `low` to `high`.
        clips: None for patterns of any wavenumber on a continuous axis; T for the modes of T clips, of which only those
            are listed at which a state loses or gains stability. The same list holds for the semi-implicit layer, whose
            modes grow iff those of the equation do.
        samples: number of parameter values at which all states are computed, besides those near folds and crossings.
        seconds: processor time for the algebra of each kind; 0 for samples alone.
    Raises: ParameterError for a bad axis, or a system that is not rational or has not two species.
    """
    require_two_species(point.system)
    name, first, last = axis_range(point, axis, low, high)
    ends = to_fraction(name, low), to_fraction(name, high)
    exact = ExactLine((), ())
    if seconds > 0 and point.system.is_rational:
        exact = exact_line(point, name, *ends, clips=clips, seconds=seconds)
    x = _sample_places(first, last, samples, [record.values[name] for record in exact.records])
    found, scale = _sampled(point, name, x, clips)
    if "saddle-node" not in exact.complete:
        # once more, with samples near the folds and crossings that the first ones showed
        places = [record.values[name] for record in found if record.kind in _SINGULAR]
        x = _sample_places(first, last, samples, places)
        found, scale = _sampled(point, name, x, clips)
    records, notes = list(exact.records), []
    for record in found:
        if any(_agree(record, other, scale) for other in records):
            continue
        if _family(record.kind) in exact.complete:
            if record.radius is None:
                continue
            notes.append(
                f"the algebra does not list {record.kind} {name} = {record.values[name]:.10g}, which is proved"
            )
        records.append(record)
    missed = [kind for kind in LINE_KINDS if kind not in exact.complete and (clips is None or kind != "turing")]
    if clips is not None:
        missed.append("turing-mode")
    if missed:
        notes.append(
            f"{', '.join(missed)}: by sign changes between {len(x)} samples; two of one kind on one family of states "
            "between neighbouring samples may be missing"
        )
    ordered = sorted(records, key=lambda item: item.values[name])
    return LineSearch(tuple(ordered), exact.complete, len(x), tuple(notes))


_SINGULAR = ("saddle-node", "branch-point", "cusp")


def _family(kind: str) -> str:
    return "saddle-node" if kind in _SINGULAR else kind


def _agree(one: Bifurcation, other: Bifurcation, scale: np.ndarray) -> bool:
    """Whether two records are of one point, found twice."""
    if (_family(one.kind), one.mode) != (_family(other.kind), other.mode):
        return False
    a, b = ([*item.state.values(), *item.values.values()] for item in (one, other))
    tolerance = 1e-9 if one.radius is not None and other.radius is not None else 1e-4
    return bool(np.all(np.abs(np.subtract(a, b)) <= tolerance * (scale + np.abs(b))))


def _sample_places(first: float, last: float, samples: int, critical: Sequence[float]) -> np.ndarray:
    """Evenly spaced values, and ever denser ones beside critical values, where states come near each other."""
    near = (last - first) * 10.0 ** -np.arange(1.5, 10.0, 0.25)
    clusters = [value + sign * near for value in critical for sign in (-1, 1)]
    x = np.unique(np.concatenate([np.linspace(first, last, samples), *clusters]))
    return x[(x >= first) & (x <= last)]


def _sampled(point: SystemPoint, name: str, x: np.ndarray, clips: int | None) -> tuple[list[Bifurcation], np.ndarray]:
    """Records from sign changes between samples, and the typical sizes of the unknowns."""
    first, last = float(x[0]), float(x[-1])
    found = sample(point, (name,), {name: x})
    scale = np.array([*found.scale, last - first])
    records: list[Bifurcation] = []
    for seed in _seeds(found, x, scale, clips):
        record = _locate(point, name, seed, scale, clips)
        if record is None or not first <= record.values[name] <= last:
            continue
        if (
            record.kind == "branch-point"
            and min(record.values[name] - first, last - record.values[name]) < 1e-9 * scale[2]
        ):
            # at an edge such as epsilon = 0 a whole line of states is steady, and nothing branches
            continue
        strayed = abs(record.values[name] - seed.guess[2]) > 3 * seed.spacing + 1e-9 * scale[2]
        if strayed or (record.mode is not None and not record.primary):
            continue
        if not any(_same(record, other, scale) for other in records):
            records.append(record)
    return records, scale


def _same(one: Bifurcation, other: Bifurcation, scale: np.ndarray) -> bool:
    if (one.kind, one.mode) != (other.kind, other.mode):
        return False
    a, b = ([*item.state.values(), *item.values.values()] for item in (one, other))
    tolerance = 1e-9 if one.radius is not None else 1e-5
    return bool(np.all(np.abs(np.subtract(a, b)) <= tolerance * scale))


def _seeds(found: Samples, x: np.ndarray, scale: np.ndarray, clips: int | None) -> Iterator[Seed]:
    """Guesses from sign changes between neighbouring samples, and from states that vanish between them."""
    pairs = matches(found.states[:-1], found.states[1:], scale[:2])
    tests: list[tuple[str, np.ndarray, int | None]] = [
        ("saddle-node", found.determinant, None),
        ("hopf", found.trace, None),
    ]
    if clips is None:
        tests.append(("turing", found.band, None))
    else:
        modes = found.modes(clips)
        tests += [("turing-mode", modes[..., j - 1], j) for j in range(1, clips)]
    rows, columns = np.nonzero(pairs >= 0)
    other = pairs[rows, columns]
    for kind, values, mode in tests:
        before, after = values[rows, columns], values[rows + 1, other]
        for i in np.flatnonzero((before * after <= 0) & ((before != 0) | (after != 0))):
            share = before[i] / (before[i] - after[i])
            state = (1 - share) * found.states[rows[i], columns[i]] + share * found.states[rows[i] + 1, other[i]]
            where = (1 - share) * x[rows[i]] + share * x[rows[i] + 1]
            yield Seed(kind, np.array([*state, where]), float(x[rows[i] + 1] - x[rows[i]]), mode)
    for row in range(len(x) - 1):
        # states without a partner appear or vanish in pairs
        here = [s for s in range(pairs.shape[1]) if pairs[row, s] < 0 and np.isfinite(found.states[row, s, 0])]
        taken = set(pairs[row])
        there = [s for s in range(pairs.shape[1]) if s not in taken and np.isfinite(found.states[row + 1, s, 0])]
        for at, lonely in ((row, here), (row + 1, there)):
            for a, b in combinations(lonely, 2):
                middle = (found.states[at, a] + found.states[at, b]) / 2
                yield Seed("saddle-node", np.array([*middle, (x[row] + x[row + 1]) / 2]), float(x[row + 1] - x[row]))


def _locate(point: SystemPoint, name: str, seed: Seed, scale: np.ndarray, clips: int | None) -> Bifurcation | None:
    modes: tuple[flint.arb, ...] = ()
    if seed.mode is not None and clips is not None:
        with precision(BITS):
            modes = (clip_modes(clips)[seed.mode],)
    system = DefiningSystem(point, (name,), conditions_of(seed.kind), modes)
    root = find_root(system, seed.guess, scale)
    kind = seed.kind
    if root is None and kind == "saddle-node":
        root, kind = _branch_point(system, seed, scale), "branch-point"
    elif root is not None and not root.certified and kind == "saddle-node":
        kind = "branch-point"
    if root is None:
        return None
    balls = list(root.balls)
    with precision(BITS):
        if kind == "hopf" and not system.test("determinant", balls) > 0:
            return None
        if kind == "turing" and not system.test("spread", balls) > 0:
            return None
    return describe(system, kind, root, seed.mode, clips)


def _branch_point(system: DefiningSystem, seed: Seed, scale: np.ndarray) -> Root | None:
    """Where two families of states cross; the defining system is singular there, so Newton's method creeps."""
    found = newton(*float_system(system), seed.guess, scale, most=200)
    return None if found is None else Root(tuple(flint.arb(float(x)) for x in found), False)
