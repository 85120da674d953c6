"""`rdmf check`: what is this parameter point?"""

from __future__ import annotations

from typing import Annotated

import typer

from rdmf_theory.commands.options import Feed, Gain, Json, Kill
from rdmf_theory.terminal import emit


def check(
    F: Feed,
    k: Kill,
    s: Gain = "1",
    D_u: Annotated[str, typer.Option("--D-u", metavar="NUMBER", help="Diffusion of the substrate, clip^2/step.")] = "2",
    D_v: Annotated[str, typer.Option("--D-v", metavar="NUMBER", help="Diffusion of the activator, clip^2/step.")] = "1",
    json: Json = False,
) -> None:
    """Decide exactly what a parameter point is, with a signed margin for every condition.

    Exit code 0 only for `turing`: stable without diffusion, unstable with it. Points on a boundary are reported as
    such (saddle-node, hopf, turing-boundary, fed-boundary), since decimals are taken as the exact rationals that they
    write.
    """
    from rdmf_theory.turing import classify

    result = classify(F, k, s, D_u, D_v)
    answer = result.to_dict() | {"parameters": {"F": F, "k": k, "s": s, "D_u": D_u, "D_v": D_v}}

    def render() -> None:
        print(f"{result.name}: {answer['description']}")
        if result.u_star is not None:
            print(f"  v-rich state   u* = {result.u_star:.9g}, v* = {result.v_star:.9g}")
            print(f"  damping ratio  z = {result.z:.9g}")
            print(f"  diffusion      d = {result.d:.9g}, threshold d_T = {result.d_T:.9g}")
        for name, condition in result.conditions.items():
            margin = "undefined" if condition.margin is None else f"{condition.margin:+.6g}"
            print(f"  {name:<8} {'holds' if condition.holds else 'fails':<6} margin {margin}")

    emit(answer, json, render)
    if result.name != "turing":
        raise typer.Exit(1)
