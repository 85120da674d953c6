"""Which bifurcations lie along one parameter? All states on a line are sampled, sign changes are located and proved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import flint
import numpy as np

from rdmf_theory.arithmetic.enclosure import precision
from rdmf_theory.arithmetic.rational import Rational, to_fraction
from rdmf_theory.arithmetic.zeros import BITS
from rdmf_theory.bifurcations.equations import DefiningSystem, clip_modes, conditions_of, require_two_species
from rdmf_theory.bifurcations.record import Bifurcation, describe
from rdmf_theory.bifurcations.roots import Root, find_root, float_system, newton
from rdmf_theory.bifurcations.stability_samples import Samples, matches, sample
from rdmf_theory.errors import ParameterError
from rdmf_theory.systems.point import SystemPoint, resolve_name


@dataclass(frozen=True)
class Seed:
    """A guess: a kind of bifurcation between two neighbouring samples."""

    kind: str
    guess: np.ndarray
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


def bifurcations_along(
    point: SystemPoint, axis: str, low: Rational, high: Rational, *, clips: int | None = None, samples: int = 801
) -> list[Bifurcation]:
    """All bifurcations of homogeneous states along one parameter or diffusion, sorted by it.

    Arguments:
        point: all other values.
        axis: name of the parameter that varies from `low` to `high`.
        clips: None for patterns of any wavenumber on a continuous axis; T for the modes of T clips, of which only those
            are listed at which a state loses or gains stability. The same list holds for the semi-implicit layer, whose
            modes grow iff those of the equation do.
        samples: number of parameter values at which all states are computed; two bifurcations of one kind and one
            family of states between neighbouring values may be missed.
    Raises: ParameterError for a bad axis, or a system that is not rational or has not two species.
    """
    require_two_species(point.system)
    name, first, last = axis_range(point, axis, low, high)
    x = np.linspace(first, last, samples)
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
        strayed = abs(record.values[name] - seed.guess[2]) > 3 * (x[1] - x[0])
        if strayed or (record.mode is not None and not record.primary):
            continue
        if not any(_same(record, other, scale) for other in records):
            records.append(record)
    return sorted(records, key=lambda item: item.values[name])


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
            yield Seed(kind, np.array([*state, where]), mode)
    for row in range(len(x) - 1):
        # states without a partner appear or vanish in pairs
        here = [s for s in range(pairs.shape[1]) if pairs[row, s] < 0 and np.isfinite(found.states[row, s, 0])]
        taken = set(pairs[row])
        there = [s for s in range(pairs.shape[1]) if s not in taken and np.isfinite(found.states[row + 1, s, 0])]
        for at, lonely in ((row, here), (row + 1, there)):
            for a, b in combinations(lonely, 2):
                middle = (found.states[at, a] + found.states[at, b]) / 2
                yield Seed("saddle-node", np.array([*middle, (x[row] + x[row + 1]) / 2]))


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
