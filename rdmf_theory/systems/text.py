"""How is a system written down? From equations in strings and from TOML files, and back.

name = "substrate-inhibition"       # optional: the file's name
source = "..."                      # optional
domain = "nonnegative"              # optional: states with a negative entry are no states; default "real"

[equations]                         # one per species, in the species' order
u = "a - u - rho*u*v/(1 + u + K*u^2)"
v = "alpha*(b - v) - rho*u*v/(1 + u + K*u^2)"

[parameters]                        # value = default; or a list of names without defaults
a = 92
rho = "13/2"

[diffusion]                         # one per species, D_ and its name; default values as above
D_u = 1
D_v = 10
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any

import sympy as sp

from rdmf_theory.arithmetic.rational import to_fraction
from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.kinetics import ReactionSystem
from rdmf_theory.systems.equation_parser import names_in, parse_expression, parse_reaction, split_equation

MOST_SPECIES = 12
MOST_BYTES = 100_000
_KEYS = ("name", "source", "description", "domain", "equations", "parameters", "diffusion")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def parse_system(
    equations: str | Sequence[str] | Mapping[str, str],
    parameters: Sequence[str] | None = None,
    *,
    diffusions: Sequence[str] | None = None,
    name: str = "equations",
    source: str = "given as text",
    description: str = "",
    defaults: Mapping[str, Any] | None = None,
    domain: str = "real",
) -> ReactionSystem:
    """A reaction system from its equations.

    Arguments:
        equations: "u' = a - u + u^2*v", one string per species; or one string with the equations separated by
            semicolons or line breaks; or a mapping from species to right-hand side.
        parameters: their names; None: every name in the equations that is no species, in order of appearance.
        diffusions: names of the diffusion coefficients; None: `D_` and the species' name.
        name, source, description, defaults: as in `ReactionSystem`.
        domain: "real", or "nonnegative" if the species are concentrations.
    Raises: ParameterError naming equation, column, rule and remedy. The text is parsed, never evaluated.
    """
    sides = _sides(equations)
    species = list(sides)
    if len(species) > MOST_SPECIES:
        raise ParameterError(f"A system may have at most {MOST_SPECIES} species. Got {len(species)}.")
    if parameters is None:
        found = dict.fromkeys(found for side in sides.values() for found in names_in(side))
        parameters = [found_name for found_name in found if found_name not in sides]
    diffusions = [f"D_{species_name}" for species_name in species] if diffusions is None else list(diffusions)
    _check_names((*species, *parameters, *diffusions))
    if domain not in ("real", "nonnegative"):
        raise ParameterError(f'domain must be "real" or "nonnegative". Got {domain!r}.')
    fields = [sp.Symbol(field, real=True) for field in species]
    if domain == "nonnegative":
        fields = [sp.Symbol(field, nonnegative=True) for field in species]
    constants = [sp.Symbol(constant, real=True) for constant in parameters]
    symbols = {symbol.name: symbol for symbol in (*fields, *constants)}
    reactions, requirements = [], []
    for species_name, side in sides.items():
        try:
            reaction, wanted = parse_reaction(side, symbols)
            reactions.append(reaction)
            requirements.extend(wanted)
        except ParameterError as error:
            raise ParameterError(f"equation of {species_name}: {error}") from None
    return ReactionSystem(
        name=name,
        species=tuple(fields),
        parameters=tuple(constants),
        reactions=tuple(reactions),
        diffusions=tuple(sp.Symbol(coefficient, positive=True) for coefficient in diffusions),
        source=source,
        description=description,
        defaults={key: to_fraction(key, value) for key, value in (defaults or {}).items()},
        requirements=tuple(dict.fromkeys(requirements)),
    )


def equations_of(system: ReactionSystem) -> list[str]:
    """The equations as text that `parse_system` reads: "u' = ...", one per species."""
    return [f"{species}' = {reaction}" for species, reaction in zip(system.species, system.reactions, strict=True)]


def read_system(path: str | Path) -> ReactionSystem:
    """A reaction system from a TOML file in the format above. Raises: DataError naming file, line and remedy."""
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: a system file may have at most {MOST_BYTES} bytes; is this the right file?")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; write one as in docs/systems.md, or name a built-in system.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from None
    try:
        # decimals stay text, so that 0.1 is exactly 1/10
        document = tomllib.loads(text, parse_float=str)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise DataError(f"{path}:{line.group(1) if line else 1}: not valid TOML: {error}") from None
    except (RecursionError, ValueError) as error:
        raise DataError(f"{path}: not readable TOML: {error}") from None
    try:
        return _build(document, path.stem)
    except _KeyedError as error:
        line = _line(text, error.key)
        raise DataError(f"{path}{f':{line}' if line else ''}: {error}") from None
    except ParameterError as error:
        raise DataError(f"{path}: {error}") from None


class _KeyedError(ParameterError):
    """An error about one key of a document."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def _build(document: Mapping[str, Any], stem: str) -> ReactionSystem:
    for key in document:
        if key not in _KEYS:
            close = get_close_matches(key, _KEYS, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(_KEYS)}"
            raise _KeyedError(key, f"unknown key {key!r}; {remedy}")
    texts = {key: _text(document, key) for key in ("name", "source", "description", "domain")}
    equations = document.get("equations")
    if not isinstance(equations, dict | list) or not equations:
        raise _KeyedError("equations", '[equations] must hold one expression per species, such as u = "a - u"')
    try:
        sides = _sides(equations)
    except ParameterError as error:
        raise _KeyedError("equations", str(error)) from None
    parameters, defaults = _numbers(document, "parameters")
    diffusions, rates = _numbers(document, "diffusion")
    ordered = []
    for species in sides:
        wanted = [name for name in diffusions if name.lower() == f"d_{species}".lower()]
        if not wanted:
            raise _KeyedError("diffusion", f"[diffusion] must hold D_{species}, the diffusion of {species}")
        ordered.append(wanted[0])
    surplus = [name for name in diffusions if name not in ordered]
    if surplus:
        raise _KeyedError(surplus[0], f"[diffusion] holds {surplus[0]!r}, but no species has that diffusion")
    for species, side in sides.items():
        # checked here once more on its own, so that the message can name the line
        try:
            symbols = {name: sp.Symbol(name, real=True) for name in (*sides, *parameters)}
            parse_expression(side, symbols)
        except ParameterError as error:
            raise _KeyedError(species, f"equation of {species}: {error}") from None
    return parse_system(
        sides,
        parameters,
        diffusions=ordered,
        name=texts["name"] or stem,
        source=texts["source"] or "a file",
        description=texts["description"] or "",
        defaults=defaults | rates,
        domain=texts["domain"] or "real",
    )


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key, "")
    if not isinstance(value, str):
        raise _KeyedError(key, f"{key} must be text. Got {value!r}")
    return value


def _numbers(document: Mapping[str, Any], key: str) -> tuple[list[str], dict[str, Fraction]]:
    """Names and default values of a table of numbers, or of a list of names."""
    table = document.get(key, {})
    if isinstance(table, list) and all(isinstance(name, str) for name in table):
        return table, {}
    if not isinstance(table, dict):
        raise _KeyedError(key, f"[{key}] must be a table of numbers or a list of names. Got {table!r}")
    values = {}
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise _KeyedError(name, f"{name} must be a number or a fraction in quotes. Got {value!r}")
        try:
            values[name] = to_fraction(name, value)
        except ParameterError as error:
            raise _KeyedError(name, str(error)) from None
    return list(table), values


def _sides(equations: str | Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Right-hand sides by species."""
    if isinstance(equations, Mapping):
        pairs = list(equations.items())
        wrong = [key for key, value in pairs if not isinstance(value, str)]
        if wrong:
            raise ParameterError(f"equation of {wrong[0]} must be text. Got {equations[wrong[0]]!r}.")
    else:
        lines = re.split(r"[;\n]", equations) if isinstance(equations, str) else list(equations)
        if not all(isinstance(line, str) for line in lines):
            raise ParameterError(f"equations must be texts such as u' = a - u. Got {equations!r}.")
        pairs = [split_equation(line) for line in lines if line.strip()]
    if not pairs:
        raise ParameterError("A system needs at least one equation, such as u' = a - u.")
    names = [name for name, _ in pairs]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ParameterError(f"{repeated[0]} has two equations; keep one.")
    return dict(pairs)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > 40:
            raise ParameterError(
                f"A name must be letters, digits and _, at most 40, and start with a letter. Got {str(name)[:60]!r}."
            )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ParameterError(f"The name {repeated[0]!r} is used twice among species, parameters and diffusions.")


def _line(text: str, key: str) -> int | None:
    """Line of the first place where a key is set, or its table opens."""
    pattern = re.compile(rf"\s*(\[+\s*{re.escape(key)}\s*\]|[\"']?{re.escape(key)}[\"']?\s*=)")
    for number, line in enumerate(text.splitlines(), start=1):
        if pattern.match(line):
            return number
    return None
