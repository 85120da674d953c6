"""Do the checkers refuse false certificates? Changes numbers of valid ones at random and judges what is accepted.

`python proofs/mutate_certificates.py [--mutations 10000] [--seed 0] [--checker FILE]` prints the table of README.md.
Each mutation changes one number (every fourth: two or three) anywhere in the file, also inside texts. There are two
modes: `kept` leaves the digest alone, so the certificate must be refused; `signed` recomputes it, so it may be accepted
only if what it says is still true (a wider bracket, a smaller box), which `certificate_oracle` judges. The subject is
changed in `kept` only: whom a certificate is about is not in its numbers. Exit 1 if a false or a `kept` one is accepted
or the checker crashes.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "proofs")]

from certificate_oracle import falsehood  # noqa: E402

from rdmf_theory.certificates import checkers  # noqa: E402
from rdmf_theory.certificates.certificate import Certificate, digest  # noqa: E402
from rdmf_theory.certificates.certify import certify_box  # noqa: E402
from rdmf_theory.certificates.region_certificate import certify_region  # noqa: E402
from rdmf_theory.regions.admissible import AdmissibleRegion  # noqa: E402

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:/\d+)?|-?0x[0-9a-f.]+p[+-]?\d+")
_LOWER, _UPPER = (0.36, 1.2, 1.5, 8.0, 0.2), (0.4, 1.4, 1.75, 16.0, 0.25)
_SOFT_LOWER, _SOFT_UPPER = (0.28, 1.2, 1.5, 8.0, 0.2), (0.3, 1.4, 1.75, 16.0, 0.25)
Key = tuple[str | int, ...]


@cache
def certificates() -> dict[str, list[dict[str, Any]]]:
    """The valid certificates that are changed, by kind, each checked in milliseconds."""
    modulated = AdmissibleRegion(_LOWER, _UPPER, (12, 300), 12, (1.28, 1.62), (0.97, 1.06))
    soft = AdmissibleRegion(_SOFT_LOWER, _SOFT_UPPER, (16, 64), 8, (1.01, 4.0), soft_onset=True)
    boxes = [certify_box(r.lower, r.upper, r, subject="model-7") for r in (modulated, soft)]
    cuts = (("2", "1", None), ("3/2", "2", "0.1"), ("4", "1", None), ("8", "1", "0.05"))
    regions = [certify_region(*cut, strips=6, subject="region-7")[0] for cut in cuts]
    made: dict[str, list[Certificate]] = {"design-box": boxes, "fixed-ratio-region": regions}
    # through JSON, as a reader of the file sees them
    return {kind: [json.loads(json.dumps(item.to_dict())) for item in items] for kind, items in made.items()}


@dataclass
class Count:
    """One row of the table."""

    tried: int = 0
    refused: int = 0
    true: int = 0
    false: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    seconds: float = 0.0


def places(part: Any, key: Key = ()) -> Iterator[tuple[Key, int]]:
    """Every number below a JSON value: the path of its leaf, and which number of a text it is (-1: the leaf itself)."""
    if isinstance(part, dict | list):
        for name, value in part.items() if isinstance(part, dict) else enumerate(part):
            yield from places(value, (*key, name))
    elif isinstance(part, str):
        yield from ((key, index) for index, _ in enumerate(NUMBER.finditer(part)))
    elif isinstance(part, int | float) and not isinstance(part, bool):
        yield key, -1


def _holder(content: Any, key: Key) -> Any:
    for name in key[:-1]:
        content = content[name]
    return content


def read(content: Any, place: tuple[Key, int]) -> str:
    """The number at a place, as written."""
    key, index = place
    value = _holder(content, key)[key[-1]]
    return str(value) if index < 0 else list(NUMBER.finditer(value))[index][0]


def write(content: Any, place: tuple[Key, int], number: str) -> None:
    """Replace the number at a place; a JSON number stays one."""
    key, index = place
    holder = _holder(content, key)
    if index < 0:
        value = Fraction(number)
        holder[key[-1]] = int(value) if value.denominator == 1 else float(value)
    else:
        match = list(NUMBER.finditer(holder[key[-1]]))[index]
        holder[key[-1]] = holder[key[-1]][: match.start()] + number + holder[key[-1]][match.end() :]


def _value(text: str) -> Fraction:
    try:
        return Fraction(float.fromhex(text)) if "x" in text else Fraction(text)
    except ZeroDivisionError:
        return Fraction(0)


def _written(value: Fraction, like: str) -> str:
    """In the style of the text it replaces: a decimal where that is one and the value has few digits."""
    scaled = value * 10**24
    if "." in like and scaled.denominator == 1:
        return f"{'-' if value < 0 else ''}{abs(int(scaled)) // 10**24}.{abs(int(scaled)) % 10**24:024d}"
    return str(value)


def _part(change: Callable[[int, random.Random], int]) -> Callable[[str, random.Random], str]:
    """Change one of the integers of a number: numerator, denominator, digits before or after the point."""

    def changed(text: str, rng: random.Random) -> str:
        match = rng.choice(list(re.finditer(r"\d+", text)))
        number = max(0, change(int(match[0]), rng))
        return text[: match.start()] + str(number).zfill(len(match[0])) + text[match.end() :]

    return changed


def _times(*factors: Fraction) -> Callable[[str, random.Random], str]:
    return lambda text, rng: _written(_value(text) * rng.choice(factors), text)


def _digit(text: str, rng: random.Random) -> str:
    match = rng.choice(list(re.finditer(r"\d", text)))
    return text[: match.start()] + str(rng.randrange(10)) + text[match.end() :]


_ULP = Fraction(1, 1 << 52)
CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "sign": lambda text, rng: _written(-_value(text), text),
    "ulp": _times(1 + _ULP, 1 - _ULP, 1 + _ULP / 4, 1 - 16 * _ULP),
    "unit": _part(lambda number, rng: number + rng.choice((-1, 1))),
    "add": lambda text, rng: _written(_value(text) + rng.choice((-1, 1)) * Fraction(1, 2 ** rng.randrange(24)), text),
    "nudge": _times(*(1 + Fraction(sign, 10**digits) for sign in (-1, 1) for digits in range(1, 9))),
    "scale": _times(*map(Fraction, ("1/10", "1/2", "2/3", "3/2", "2", "10"))),
    "zero": lambda text, rng: "0",
    "huge": lambda text, rng: str(10 ** rng.choice((3, 9, 30, 400))),
    "round": lambda text, rng: str(round(_value(text), rng.choice((0, 1, 2, 4)))),
    "digit": _digit,
}


def mutate(content: dict[str, Any], rng: random.Random, protected: frozenset[str]) -> tuple[dict[str, Any], str]:
    """A copy with one to three numbers changed or exchanged, and what was done; never equal to the original."""
    pool = [place for place in places(content) if place[0][0] not in protected]
    while True:
        changed, done = copy.deepcopy(content), []
        # several changes stay in one field half of the time: there they can fit each other
        field_ = rng.choice(pool)[0][0] if rng.random() < 0.5 else None
        near = [place for place in pool if field_ in (None, place[0][0])]
        for _ in range(rng.choice((1, 1, 1, rng.choice((2, 3))))):
            place, other, name = rng.choice(near), rng.choice(near), rng.choice([*CHANGES, "swap", "copy"])
            try:
                old = read(changed, place)
                new = CHANGES[name](old, rng) if name in CHANGES else read(changed, other)
                if name == "swap" and other[0] != place[0]:
                    write(changed, other, old)
                write(changed, place, new)
            except (OverflowError, ZeroDivisionError, IndexError):
                # a JSON number cannot hold it, or the text has lost this number in an earlier round
                continue
            done.append(f"{name} {'.'.join(map(str, place[0]))}: {old[:30]} -> {new[:30]}")
        if changed != content:
            return changed, "; ".join(done)


def verdict(checker: ModuleType, content: dict[str, Any]) -> bool | str:
    """Whether a checker accepts; its crash as text."""
    try:
        checker.check_content(content)
    except (checker.Refused, checker.Unreadable):
        return False
    except Exception as error:
        # any other exception is a defect of the checker, and part of the report
        return f"{type(error).__name__}: {error}"[:120]
    return True


def knows(checker: ModuleType, content: dict[str, Any]) -> bool:
    """Whether a checker judges certificates of this kind: a single checker file judges one kind."""
    try:
        checker.check_content(content)
    except checker.Unreadable:
        return False
    except checker.Refused:
        pass
    return True


def campaign(checker: ModuleType, mutations: int, seed: int) -> dict[tuple[str, str], Count]:
    """Try `mutations` changes, shared evenly among the kinds, in both modes."""
    kinds = {kind: items for kind, items in certificates().items() if knows(checker, items[0])}
    table = {(mode, kind): Count() for mode in ("kept", "signed") for kind in kinds}
    for mode, kind in table:
        rng, count, start = random.Random(f"{seed} {mode} {kind}"), table[mode, kind], time.process_time()
        protected = frozenset() if mode == "kept" else frozenset({"subject", "sha256", "made_with", "theorems"})
        for number in range(mutations // len(kinds)):
            changed, done = mutate(kinds[kind][number % len(kinds[kind])], rng, protected)
            if mode == "signed":
                changed["sha256"] = digest(changed)
            count.tried += 1
            answer = verdict(checker, changed)
            if isinstance(answer, str):
                count.crashed.append(f"{answer} [{done}]")
            elif not answer:
                count.refused += 1
            else:
                wrong = "the digest does not fit" if mode == "kept" else falsehood(changed, seed=number)
                if wrong is None:
                    count.true += 1
                else:
                    count.false.append(f"{wrong} [{done}]")
        count.seconds = time.process_time() - start
    return table


def load_checker(path: Path) -> ModuleType:
    """A checker from a file, for instance one that was weakened on purpose."""
    spec = importlib.util.spec_from_file_location("weakened_checker", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 0 if nothing false was accepted and nothing crashed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--mutations", type=int, default=10_000, help="in each mode, both kinds together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checker", type=Path, help="one checker file, for its kind; default all of the project")
    options = parser.parse_args(arguments)
    checker = checkers if options.checker is None else load_checker(options.checker)
    for kind, items in certificates().items():
        for number, item in enumerate(items if knows(checker, items[0]) else ()):
            if verdict(checker, item) is not True or (wrong := falsehood(item)) is not None:
                print(f"the unchanged {kind} certificate {number} is refused or judged false: {wrong}")
                return 1
    table = campaign(checker, options.mutations, options.seed)
    print("| digest | kind | tried | refused | accepted, true | accepted, false | crashed | CPU seconds |")
    print("|---|---|---|---|---|---|---|---|")
    for (mode, kind), row in table.items():
        cells = (row.tried, row.refused, row.true, len(row.false), len(row.crashed), f"{row.seconds:.0f}")
        print(f"| {mode} | {kind} | {' | '.join(map(str, cells))} |")
    failures = [text for row in table.values() for text in (*row.false, *row.crashed)]
    for text in failures[:20]:
        print(f"FAILED: {text}")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
