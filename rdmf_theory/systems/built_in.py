"""Which systems are there? The built-in reaction-diffusion systems by name, and the way to load any other.

Every built-in states its literature form, and has default values inside its Turing region.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import sympy as sp

from rdmf_theory.errors import ParameterError
from rdmf_theory.kinetics import GRAY_SCOTT, ReactionSystem


def _system(
    name: str,
    species: str,
    parameters: str,
    diffusions: str,
    reactions: Mapping[str, str],
    *,
    source: str,
    description: str,
    defaults: Mapping[str, str],
    concentrations: bool = True,
) -> ReactionSystem:
    assumptions: dict[str, Any] = {"nonnegative": True} if concentrations else {"real": True}
    fields = sp.symbols(species, **assumptions, seq=True)
    constants = sp.symbols(parameters, seq=True, real=True)
    coefficients = sp.symbols(diffusions, seq=True, positive=True)
    known: dict[str, Any] = {symbol.name: symbol for symbol in (*fields, *constants)}
    parse: Any = sp.sympify
    return ReactionSystem(
        name=name,
        species=tuple(fields),
        parameters=tuple(constants),
        # our own text above, not a user's: those go through the parser of `text`
        reactions=tuple(parse(reactions[symbol.name], locals=known) for symbol in fields),
        diffusions=tuple(coefficients),
        source=source,
        description=description,
        defaults={key: Fraction(value) for key, value in defaults.items()},
    )


SCHNAKENBERG = _system(
    "schnakenberg",
    "u v",
    "a b",
    "D_u D_v",
    {"u": "a - u + u**2*v", "v": "b - u**2*v"},
    source="Schnakenberg, J. Theor. Biol. 81 (1979); Murray, Mathematical Biology II, section 2.4; a = 0 is the lambda "
    "form of pde2path (Uecker, Wetzel, Rademacher 2014) with b = lambda",
    description="trimolecular autocatalysis, u the activator, v the substrate it depletes",
    defaults={"a": "1/5", "b": "1", "D_u": "1", "D_v": "50"},
)

BRUSSELATOR = _system(
    "brusselator",
    "X Y",
    "a b",
    "D_x D_y",
    {"X": "a - (b + 1)*X + X**2*Y", "Y": "b*X - X**2*Y"},
    source="Prigogine and Lefever, J. Chem. Phys. 48 (1968); Nicolis and Prigogine, Self-Organization (1977)",
    description="trimolecular autocatalysis, X the activator, Y its precursor",
    defaults={"a": "2", "b": "3", "D_x": "1", "D_y": "10"},
)

GIERER_MEINHARDT = _system(
    "gierer-meinhardt",
    "u v",
    "a b",
    "D_u D_v",
    {"u": "a - b*u + u**2/v", "v": "u**2 - v"},
    source="Gierer and Meinhardt, Kybernetik 12 (1972), in the dimensionless form of Murray, Mathematical Biology II, "
    "section 2.2",
    description="u activates itself and the inhibitor v",
    defaults={"a": "1/10", "b": "1", "D_u": "1", "D_v": "30"},
)

FITZHUGH_NAGUMO = _system(
    "fitzhugh-nagumo",
    "u v",
    "a b epsilon I",
    "D_u D_v",
    {"u": "u - u**3/3 - v + I", "v": "epsilon*(u + a - b*v)"},
    source="FitzHugh, Biophys. J. 1 (1961); Nagumo, Arimoto and Yoshizawa, Proc. IRE 50 (1962); both species diffuse",
    description="u is excited and recovers through v",
    defaults={"a": "0", "b": "3/4", "epsilon": "2", "I": "0", "D_u": "1", "D_v": "10"},
    concentrations=False,
)

LENGYEL_EPSTEIN = _system(
    "lengyel-epstein",
    "u v",
    "a b sigma",
    "D_u D_v",
    {"u": "a - u - 4*u*v/(1 + u**2)", "v": "sigma*b*(u - u*v/(1 + u**2))"},
    source="Lengyel and Epstein, Science 251 (1991); the literature's D_u = 1, D_v = sigma c",
    description="the chlorite-iodide-malonic acid reaction, u iodide, v chlorite; starch slows u by sigma",
    defaults={"a": "10", "b": "1/5", "sigma": "20", "D_u": "1", "D_v": "30"},
)

BUILT_IN: Mapping[str, ReactionSystem] = {
    system.name: system
    for system in (GRAY_SCOTT, SCHNAKENBERG, BRUSSELATOR, GIERER_MEINHARDT, FITZHUGH_NAGUMO, LENGYEL_EPSTEIN)
}
"""The built-in systems by name."""


def load_system(name_or_file: str | Path) -> ReactionSystem:
    """A built-in system by name, a system from a TOML file, or one from a string of equations.

    Arguments:
        name_or_file: a key of `BUILT_IN`; a path that ends in .toml or exists; or text with `'` and `=`, such as
            "u' = a - u + u^2*v; v' = b - u^2*v". With "; nonnegative" or "; real" behind it the species are, or are
            not, concentrations, whatever the system says itself.
    Raises: ParameterError for an unknown name or bad equations, DataError for a bad file.
    """
    base, _, domain = str(name_or_file).rpartition(";")
    if base and domain.strip() in ("nonnegative", "real"):
        return with_domain(load_system(base.strip()), domain.strip())
    text = str(name_or_file)
    if text in BUILT_IN:
        return BUILT_IN[text]
    from rdmf_theory.systems import text as system_text

    if "=" in text:
        return system_text.parse_system(text)
    path = Path(text)
    if path.suffix == ".toml" or path.exists():
        return system_text.read_system(path)
    raise ParameterError(f"--system must be a built-in system or a TOML file. Got {text!r}; {_near(text)}")


def with_domain(system: ReactionSystem, domain: str) -> ReactionSystem:
    """The same system with species that are concentrations ("nonnegative") or any real numbers ("real")."""
    assumption: dict[str, bool] = {"nonnegative": True} if domain == "nonnegative" else {"real": True}
    fields = tuple(sp.Symbol(symbol.name, **assumption) for symbol in system.species)
    at = dict(zip(system.species, fields, strict=True))
    reactions = tuple(reaction.xreplace(at) for reaction in system.reactions)
    requirements = tuple(requirement.subs(at) for requirement in system.requirements)
    return replace(system, species=fields, reactions=reactions, requirements=requirements)


def _near(text: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(text.lower(), BUILT_IN, n=1)
    return f"did you mean {close[0]!r}?" if close else f"built in are {', '.join(BUILT_IN)}."
