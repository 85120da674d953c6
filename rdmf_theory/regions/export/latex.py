"""A region as a LaTeX document: every condition as a displayed formula with its name."""

from __future__ import annotations

from typing import Any

import sympy as sp

from rdmf_theory.regions.admissible import AdmissibleRegion
from rdmf_theory.regions.conditions import Conjunction
from rdmf_theory.regions.design_conditions import design_region

NAMES = {"u_star": r"u_{*}", "excess": "r", "wavelength": r"\ell", "rate": "w", "D_u": "D_{u}", "D_v": "D_{v}"}

_PREAMBLE = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage[margin=2.5cm]{geometry}
\begin{document}
"""


def latex_text(region: AdmissibleRegion | Conjunction, *, document: bool = True) -> str:
    """LaTeX of a region: one labelled display per condition, `margin > 0`.

    Arguments:
        region: an `AdmissibleRegion` (with its box, and `mode_on_axis` in words) or a `Conjunction`.
        document: a complete document that compiles with amsmath; False gives the body alone.
    """
    body = _admissible(region) if isinstance(region, AdmissibleRegion) else _conjunction(region)
    return _PREAMBLE + body + "\\end{document}\n" if document else body


def _display(name: str, words: str, formula: str) -> str:
    return f"\\paragraph{{{name.replace('_', ' ')}}} {_escape(words)}\n\\[\n  {formula}\n\\]\n"


def _escape(words: str) -> str:
    return words.replace("_", r"\_").replace("u*", "$u_{*}$").replace("<", "$<$").replace(">", "$>$")


def _conjunction(conjunction: Conjunction) -> str:
    symbols = [sp.Symbol(name, positive=True) for name in conjunction.coordinates]
    parts = [f"A point $({', '.join(_name(name) for name in conjunction.coordinates)})$ is in the region iff\n"]
    for condition in conjunction.conditions:
        margin: Any = sp.nsimplify(sp.sympify(condition(*symbols)), rational=True)
        parts.append(
            _display(condition.name, condition.words, f"{sp.latex(margin, symbol_names=_symbols(symbols))} > 0")
        )
    return "".join(parts)


def _symbols(symbols: list[sp.Symbol]) -> dict[sp.Symbol, str]:
    return {symbol: _name(str(symbol)) for symbol in symbols}


def _name(name: str) -> str:
    return NAMES.get(name, name)


def _admissible(region: AdmissibleRegion) -> str:
    low, high = region.clips
    parts = ["A design $(u_{*}, z, r, \\ell, w)$ of the box\n\\[\n  "]
    ranges = zip(("u_{*}", "z", "r", r"\ell", "w"), region.lower, region.upper, strict=True)
    parts.append(",\\quad ".join(f"{a:g} \\le {name} \\le {b:g}" for name, a, b in ranges))
    parts.append("\n\\]\nis admissible iff all of the following hold, with\n")
    parts.append(
        "\\begin{align*}\n"
        "  d &= r\\,d_T, & d_T &= z\\left(\\sqrt{1-2u_{*}}+\\sqrt{2-2u_{*}}\\right)^2, \\\\\n"
        "  m &= \\frac{(d+1)\\sqrt{2dz(1-u_{*})}-d(1+z)}{d(d-1)}, & "
        "D_{v} &= \\frac{w\\,m}{4\\sin^2(\\pi/\\ell)},\\quad D_{u}=d\\,D_{v},\n"
        "\\end{align*}\n"
        "$G$ the amplification matrix of one layer step ($h=1$) at the fastest mode, $\\varrho$ its spectral radius.\n"
    )
    formulas = {
        "v_rich": r"u_{*} < \tfrac12",
        "damped": "z > 1",
        "fed": "z u_{*} < 1",
        "turing": r"r > 1 \quad\Longleftrightarrow\quad d > d_T",
        "wavelength_low": rf"{region.lower[3]:g} \le \ell \le {region.upper[3]:g}",
        "gain_low": rf"{region.gain[0]:g} \le \varrho(G)^{{{region.steps}}} \le {region.gain[1]:g}",
        "soft_onset": r"23x^4-124x^3-6x^2-72x+27>0,\quad x=z/d_T<\tfrac13",
    }
    if region.modulation is not None:
        a, b = region.modulation
        formulas["modulation_low"] = (
            rf"m_{{\mathrm{{lo}}}} < {a:g},\quad {b:g} < m_{{\mathrm{{hi}}}}: \quad"
            r"\text{every frozen state with gain } s\,m_t \text{ is admissible}"
        )
    for condition in design_region(region).conditions:
        if condition.name in formulas:
            name = condition.name.removesuffix("_low")
            words = "" if name in ("wavelength", "gain", "modulation") else condition.words
            parts.append(_display(name, words, formulas[condition.name]))
    if region.bandwidth is not None:
        a, b = region.bandwidth
        words = f"the fractional half-power band over {region.steps} steps:"
        parts.append(_display("bandwidth", words, rf"{a:g} \le b_{{{region.steps}}} \le {b:g}"))
    band = r"\mu_{\mathrm{lo}} < 4\sin^2\frac{j\pi}{2T} < \mu_{\mathrm{hi}}"
    words = f"for every number of clips T from {low} to {high} some mode lies in the unstable band:"
    return "".join([*parts, _display("mode on axis", words, rf"\exists j \in \{{1,\dots,T-1\}}:\quad {band}")])
