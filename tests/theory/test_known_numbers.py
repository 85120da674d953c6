"""Known numbers of other people's systems through the command line: values by hand or by dense numpy, with derivation.

Every case is one command and what must be true of its answer; the docstring-like `why` says how the value follows
without this project's code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rdmf_model.cli import main

THOMAS = Path(__file__).resolve().parents[2] / "examples" / "systems" / "thomas.toml"
SCHNAKENBERG = "u' = a - u + u^2*v; v' = b - u^2*v"
SCALED = "u' = G*(a - u + u^2*v); v' = G*(b - u^2*v)"
BRUSSELATOR_AND_FOLLOWER = "X' = a-(b+1)*X+X^2*Y; Y' = b*X-X^2*Y; Z' = X-Z"


@dataclass(frozen=True)
class Case:
    """A command, its exit code, and a check of its JSON answer (or of its printed text).

    Arguments:
        command: with its system; options of `values` follow as --set NAME=VALUE.
        why: how the right value follows by hand.
        check: of the JSON answer; None where only the text matters.
        text: what must be printed, never: what must not.
    """

    command: str
    system: str
    values: str
    options: str
    why: str
    check: Callable[[Any], Any] | None = None
    text: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    code: int = 0

    def arguments(self) -> list[str]:
        sets = [part for value in self.values.split() for part in ("--set", value)]
        system = ["--system", self.system] if self.system else []
        return [*self.command.split(), *system, *sets, *self.options.split()]


def near(value: Any, expected: float, digits: float = 1e-9) -> bool:
    return math.isclose(value, expected, rel_tol=digits, abs_tol=1e-12)


def kinds(answer: Any, name: str) -> list[tuple[str, float, bool]]:
    return [(item["kind"], item["values"][name], item["primary"]) for item in answer["bifurcations"]]


def only(answer: Any) -> Any:
    (state,) = answer["states"]
    return state


def line(expected: list[tuple[str, float, bool]], name: str) -> Callable[[Any], bool]:
    def check(answer: Any) -> bool:
        found = kinds(answer, name)
        return len(found) == len(expected) and all(
            kind == k and near(value, v) and primary == p
            for (kind, value, primary), (k, v, p) in zip(found, expected, strict=True)
        )

    return check


CASES = {
    "area over a signed window": Case(
        "region", SCHNAKENBERG, "D_u=1 D_v=40", "--x a=-2:2 --y b=-3:3", "counted on a grid of 6000^2 points by numpy",
        lambda a: a["turing_area"]["lower"] - 1e-3 < 3.50034 < a["turing_area"]["upper"] + 1e-3,
    ),
    "supercritical pitchfork": Case(
        "region", "u' = r*u - u^3; v' = u - v", "D_u=1 D_v=1", "--x r=-1.3:1",
        "J at 0 is [[r, 0], [1, -1]]: eigenvalues r and -1; equal diffusions shift both alike",
        line([("branch-point", 0.0, True)], "r"), text=("pitchfork", "stability changes"),
    ),
    "a mode of forty clips": Case(
        "region", "schnakenberg", "a=0 D_u=1 D_v=60", "--x b=0.5:5 --clips 40",
        "u = b, v = 1/b: mode 8 has mu = 4 sin^2(pi/10), det(J - mu D) = 0; trace 1 - b^2; by numpy over all modes",
        lambda a: near(next(i["values"]["b"] for i in a["bifurcations"] if i["kind"] == "turing-mode"), 3.20144086233)
        and [i["mode"] for i in a["bifurcations"] if i["kind"] == "turing-mode"] == [8]
        and [i["values"]["b"] for i in a["bifurcations"] if i["kind"] == "hopf"] == [1.0],
    ),
    "a removable pole": Case(
        "check", "u' = (u^2-1)/(u-1) - v; v' = v - 2*u", "D_u=1 D_v=1", "", "u + 1 - v = 0, v = 2u: (1, 2)",
        lambda a: only(a)["state"] == {"u": 1.0, "v": 2.0}, code=1,
    ),
    "two-parameter oscillator of Barrio": Case(
        "derive", "u' = al*u*(1-r1*v^2) + v*(1-r2*u); v' = v*(be + al*r1*u*v) + u*(ga + r2*v)", "", "--timeout 300",
        "(0, 0) is a state with J = [[al, 1], [ga, be]]", text=("tr = al + be", "det = al*be - ga"),
    ),
    "a parameter called e": Case(
        "derive", "u' = u - u^3 - v; v' = e*(u - g*v)", "", "", "no row may define the user's e",
        text=("e = 1/g",), never=("e = -4*D_u*D_v*(-e*g + e)", "and e = c^2"),
    ),
    "a threshold beyond all samples": Case(
        "derive", "u' = (a/1000 - 1)*u - v; v' = b*u - 2*v", "", "",
        "at a = 2000, b = 3, d = 50: J = [[1, -1], [3, -2]], tr -1, det 1, Turing-unstable",
        never=("never Turing-unstable", "no Turing instability"),
    ),
    "the same point": Case(
        "check", "u' = (a/1000 - 1)*u - v; v' = b*u - 2*v", "a=2000 b=3 D_u=1 D_v=50", "",
        "(50 - 2)^2 > 4*50 and 48 > 0", lambda a: a["classification"] == "turing",
    ),
    "a state that runs to infinity": Case(
        "derive", "u' = b - u - u*v/(1+q*u^2); v' = a - u*v/(1+q*u^2)", "b=2 q=0.5 D_u=1 D_v=20", "",
        "u = b - a, v = a (1 + q u^2)/u: no state at a = b = 2", never=("a = 2\n", "saddle_node"),
    ),
    "glycolysis of Sel'kov": Case(
        "derive", "u' = -u + a*v + u^2*v; v' = b - a*v - u^2*v", "", "",
        "u = b, v = b/(a + b^2); trace times (a + b^2): b^4 + (2a - 1) b^2 + a + a^2",
        text=("u = b\n", "v = b/(a + b**2)", "-a**2 - 2*a*b**2 - a - b**4 + b**2 = 0"),
    ),
    "a wave before the Hopf point": Case(
        "derive", "x' = a-(1+b)*x+x^2*y-c*x+d*z; y' = b*x-x^2*y; z' = c*x-d*z",
        "a=1 c=1 d=1 D_x=0.01 D_y=0 D_z=1", "", "largest abscissa over mu by numpy, zero in b by brentq",
        lambda a: {(t["kind"], round(t["value"], 6)) for t in a["thresholds"]} == {("hopf", 3.0), ("wave", 2.820298)},
    ),
    "modes that are no interval": Case(
        "dispersion --F 0.022 --k 0.051 --D-u 2 --D-v 1", "", "", "", "mode 2 has the growth rate -0.00073 by numpy",
        lambda a: a["growing_modes"] == [0, 1, 3, 4], text=("0, 1, 3, 4",), never=("0 to 4",),
    ),
    "the sign of a tiny eigenvalue": Case(
        "check", "brusselator", "a=1e-200 b=1/2 D_x=1 D_y=1", "", "tr = -1/2 - 1e-400, det = 1e-400",
        lambda a: only(a)["classification"] == "stable" and all(x["real"] < 0 for x in only(a)["eigenvalues"]),
        text=("-2.00000e-400, -0.5",), code=1,
    ),
    "on the boundary": Case(
        "check", "brusselator", "a=2 b=4 D_x=1 D_y=4", "", "a^2/(sqrt b - 1)^2 = 4 exactly",
        lambda a: a["classification"] == "turing-boundary", code=1,
    ),
    "1e-25 above it": Case(
        "check", "brusselator", "a=2 b=4 D_x=1 D_y=4.0000000000000000000000001", "", "one side of the same",
        lambda a: a["classification"] == "turing",
    ),
    "1e-25 below it": Case(
        "check", "brusselator", "a=2 b=4 D_x=1 D_y=3.9999999999999999999999999", "", "the other side",
        lambda a: a["classification"] == "stable", code=1,
    ),
    "fastest wave beside a slow species": Case(
        "check", BRUSSELATOR_AND_FOLLOWER, "a=2 b=3 D_X=1 D_Y=10 D_Z=1e-9", "",
        "the third eigenvalue is -1 - mu D_Z; the others by numpy on a grid of mu",
        lambda a: near(only(a)["fastest"]["wavenumber"], 0.81988, 1e-5)
        and near(only(a)["fastest"]["growth_rate"], 0.232344, 1e-5),
    ),
    "activator with decay 2b": Case(
        "derive", "u' = u^2/v - 2*b*u; v' = u^2 - v", "", "",
        "u = 1/(2b), f_u = 2b, det J = 2b: Hopf 2b = 1; (sqrt 2b + sqrt 4b)^2/(2b)^2 = (3 + 2 sqrt 2)/(2b)",
        lambda a: any(row["name"].startswith("hopf_b") and row["text"] == "b = 1/2" for row in a["rows"]),
        text=("2*sqrt(2)",),
    ),
    "a genetic switch": Case(
        "check", "X' = v/10 + v*X^3/(X^3+K^3) - d*X", "v=2 K=1 d=1 D_X=1", "", "roots by Newton, slopes by hand",
        lambda a: a["classification"] != "unstable"
        and [s["classification"] for s in a["states"]] == ["unstable", "stable", "unstable", "stable"]
        and all(
            near(s["state"]["X"], x, 1e-3)
            for s, x in zip(a["states"], (-0.67214, 0.2215, 0.6826, 1.9681), strict=True)
        ), code=1,
    ),
    "fifth powers": Case(
        "check", "a' = bA*a^5/(a^5+b^5) - gA*a; b' = bB*a^5/(a^5+b^5) - gB*b", "bA=2 bB=4 gA=1 gB=2 D_a=1 D_b=30", "",
        "state (1, 1), J = [[3/2, -5/2], [5, -7]]: ((sqrt 2 + sqrt 12.5)/1.5)^2 = 98/9",
        lambda a: near(
            next(s for s in a["states"] if near(s["state"]["a"], 1))["threshold"]["critical"], 98 / 9, 1e-12
        ),
    ),
    "vegetation on flat ground": Case(
        "region", "w' = a - w - w*n^2; n' = w*n^2 - m*n", "m=0.45 D_w=500 D_n=1", "--x a=0.3:5",
        "fold a = 2m; Turing point by brentq",
        line([("saddle-node", 0.9, False), ("turing", 2.882997740278, True)], "a"),
    ),
    "modes of an interval come and go": Case(
        "branch", SCALED, "a=0.1 b=0.9 D_u=1 D_v=10 G=29", "--range G=5:200 --length 1 --modes 1,2",
        "mode n grows for mu in G (1/5, 1/2): G from n^2 pi^2/0.5 to n^2 pi^2/0.2",
        lambda a: all(
            near(b["start"], 2 * n * n * math.pi**2) and near(b["end_parameter"], 5 * n * n * math.pi**2)
            for n, b in zip((1, 2), a["branches"], strict=True)
        ) and a["resolution"]["resolved"],
    ),
    "plankton and grazers": Case(
        "region", "u' = (35+16*u-u^2)*u/9 - u*v; v' = u*v - (1+2*v/5)*v", "D_u=0.12", "--x D_v=0.1:5",
        "state (5, 10), J = [[10/3, -5], [10, -4]]: D_v/D_u = ((sqrt(110/3) + sqrt 50)/(10/3))^2 = 15.50714",
        line([("turing", 0.12 * ((math.sqrt(110 / 3) + math.sqrt(50)) / (10 / 3)) ** 2, True)], "D_v"),
    ),
    "a square times v": Case(
        "schemes --scheme semi-implicit", "u' = (1-v)^2*v - u; v' = 1/2 - v", "D_u=1 D_v=1", "",
        "at u = 0 the next u is h (1-v)^2 v/(1+h) >= 0", never=("positive: no",),
    ),
    "scaled Schnakenberg": Case(
        "check", SCALED, "G=10000 a=0.14 b=1.34 D_u=1 D_v=20", "", "quadratic formula in numpy",
        lambda a: near(only(a)["threshold"]["critical"], 18.332254, 1e-7)
        and near(only(a)["bands"][0][0], 2347.4804, 1e-7) and near(only(a)["bands"][0][1], 4665.4278, 1e-7),
    ),
    "scaled Schnakenberg, other values": Case(
        "check", SCALED, "G=10000 a=0.02 b=1.77 D_u=1 D_v=20", "", "quadratic formula in numpy",
        lambda a: near(only(a)["threshold"]["critical"], 19.41029895, 1e-8)
        and near(only(a)["bands"][0][0], 3259.5617, 1e-7) and near(only(a)["bands"][0][1], 4914.9246, 1e-7),
    ),
    "substrate inhibition": Case(
        "check", str(THOMAS), "D_v=40", "", "Murray's state by Newton; ((sqrt det + sqrt(-f_v g_u))/f_u)^2",
        lambda a: near(only(a)["state"]["u"], 37.73821082)
        and near(only(a)["threshold"]["critical"], 27.01518825),
    ),
    "a predator invades": Case(
        "region", "u' = u*(1-u/K) - u*v/(1+u); v' = v*(c*u/(1+u) - m)", "c=2 m=0.6 D_u=1 D_v=1", "--x K=0.1:6",
        "c u/(1+u) = m at u = 3/7 = K; Hopf at the hump of the prey's nullcline, K = 1 + 2u",
        line([("branch-point", 3 / 7, True), ("hopf", 13 / 7, True)], "K"),
    ),
    "epidemic threshold": Case(
        "region", "S' = b - beta*S*I - d*S; I' = beta*S*I - (g+d)*I", "beta=2 d=0.1 g=0.5 D_S=1 D_I=1",
        "--x b=0.01:0.1", "beta b = d (g + d)", line([("branch-point", 0.03, True)], "b"),
    ),
    "an immobile activator": Case(
        "check", "u' = 1.42*u-2.02*v-0.44*w; v' = 1.21*u-1.58*v+0.07*w; w' = -0.5*u+0.67*v-1.99*w",
        "D_u=0 D_v=0.0016 D_w=0.0059", "", "det(mu D - J) falls without bound",
        lambda a: a["classification"] == "turing" and only(a)["conditions"]["turing"]["holds"],
    ),
    "three points beside one fold": Case(
        "region", "gray-scott", "F=0.055 D_u=2 D_v=1", "--x k=0:1", "by bisection in the chart; k = sqrt F/2 - F",
        line(
            [("turing", 0.0616021759327, True), ("hopf", 0.06204764004936, False),
             ("saddle-node", math.sqrt(0.055) / 2 - 0.055, False)], "k",
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_known_number(case: Case, capsys: pytest.CaptureFixture) -> None:
    if case.check is not None:
        assert main([*case.arguments(), "--json"]) == case.code
        assert case.check(json.loads(capsys.readouterr().out)), case.why
    if case.text or case.never or case.check is None:
        assert main(case.arguments()) == case.code
        printed = capsys.readouterr()
        for text in case.text:
            assert text in printed.out, case.why
        for text in case.never:
            assert text not in printed.out, case.why
        assert "Traceback" not in printed.err


def test_sweep_knows_the_saddle_node(tmp_path: Path) -> None:
    """F = 4 (F + k)^2 at F = 0.04, k = 0.06, as decimals."""
    (tmp_path / "points.csv").write_text("F,k\n0.04,0.06\n")
    assert main(["sweep", "--points", str(tmp_path / "points.csv"), "-o", str(tmp_path / "answers.csv")]) == 0
    assert ",saddle-node," in (tmp_path / "answers.csv").read_text()


DOMAINS = {"real": ["-0.6721", "0.2215", "0.6825", "1.968"], "nonnegative": ["0.2215", "0.6825", "1.968"]}


@pytest.mark.parametrize(("domain", "states"), DOMAINS.items())
def test_the_domain_is_an_option(domain: str, states: list[str], capsys: pytest.CaptureFixture) -> None:
    switch = ["--system", "X' = v/10 + v*X^3/(X^3+1) - X", "--set", "v=2", "--set", "D_X=1", "--domain", domain]
    assert main(["check", *switch]) == 1
    printed = capsys.readouterr().out
    assert [item in printed for item in states] == [True] * len(states)
    assert printed.count("state X = ") == len(states)
    assert main(["check", "--domain", "real", "--F", "0.04", "--k", "0.06"]) == 2
    assert "--domain wants --system" in capsys.readouterr().err
