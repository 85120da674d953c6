"""Textbook systems through `check` and `region`: no traceback, and the thresholds that are known.

Sources of the values: by hand where a formula stands beside the system; Klausmeier 1999, Mimura and Murray 1978, and
Thomas 1975 as in Murray, Mathematical Biology II, chapter 2, the critical ratios computed from det J_q = 0.
"""

from __future__ import annotations

import json

import pytest

from rdmf_model.cli import main

# name: equations, fixed values, axis, [(kind, value)] that must be among what is found; None: only that it answers
SYSTEMS = {
    # b beta/d = g + d
    "sir": (
        "S' = b - beta*S*I - d*S; I' = beta*S*I - (g+d)*I",
        "beta=2 d=0.1 g=0.5 D_S=1 D_I=1",
        "b=0.01:0.1",
        [("branch-point", 0.03)],
    ),
    # m S0/(a + S0) = D
    "chemostat": (
        "S' = D*(S0 - S) - m*S*X/(a+S); X' = X*(m*S/(a+S) - D)",
        "D=0.5 m=1 a=1 D_S=1 D_X=1",
        "S0=0.2:3",
        [("branch-point", 1)],
    ),
    # m/(c - m), and (c + m)/(c - m)
    "rosenzweig-macarthur": (
        "u' = u*(1-u/K) - u*v/(1+u); v' = v*(c*u/(1+u) - m)",
        "c=2 m=0.6 D_u=1 D_v=1",
        "K=0.1:6",
        [("branch-point", 3 / 7), ("hopf", 13 / 7)],
    ),
    "klausmeier": (
        "w' = a - w - w*n^2; n' = w*n^2 - m*n",
        "m=0.45 D_w=500 D_n=1",
        "a=0.3:5",
        [("saddle-node", 0.9), ("turing", 2.882997740278)],
    ),
    "thomas": (
        "u' = a - u - r*u*v/(1+u+K*u^2); v' = al*(b-v) - r*u*v/(1+u+K*u^2)",
        "a=150 b=100 al=1.5 r=13 K=0.05 D_u=1",
        "D_v=1:60",
        [("turing", 27.01518825489)],
    ),
    "mimura-murray": (
        "u' = (35+16*u-u^2)*u/9 - u*v; v' = u*v - (1+2*v/5)*v",
        "D_u=1",
        "D_v=1:40",
        [("turing", 15.5071395472)],
    ),
    # 1 + a^2, and (1 + a sqrt(D_u/D_v))^2
    "brusselator": (
        "u' = a - (b+1)*u + u^2*v; v' = b*u - u^2*v",
        "a=2 D_u=1 D_v=10",
        "b=1:6",
        [("hopf", 5), ("turing", (1 + 2 * 10**-0.5) ** 2)],
    ),
    # F = 4 (F + k)^2
    "gray-scott": (
        "u' = F*(1-u) - u*v^2; v' = u*v^2 - (F+k)*v",
        "F=0.04 D_u=2 D_v=1",
        "k=0.02:0.08",
        [("saddle-node", 0.06), ("turing", None), ("hopf", None)],
    ),
    # b^4 + (2a - 1) b^2 + a + a^2 = 0
    "selkov": (
        "u' = -u + a*v + u^2*v; v' = b - a*v - u^2*v",
        "a=0.1 D_u=1 D_v=10",
        "b=0.1:1.2",
        [("hopf", ((0.8 - 0.2**0.5) / 2) ** 0.5), ("hopf", ((0.8 + 0.2**0.5) / 2) ** 0.5)],
    ),
    # 3 u^2 = 1 - e g at i = v - u + u^3, v = u/g
    "fitzhugh-nagumo": (
        "u' = u - u^3 - v + i; v' = e*(u - g*v)",
        "e=0.1 g=0.5 D_u=1 D_v=20",
        "i=-1:1",
        [("hopf", (0.95 / 3) ** 0.5 * (1 + 0.95 / 3)), ("hopf", -((0.95 / 3) ** 0.5) * (1 + 0.95 / 3))],
    ),
    # b = 3 a/5 - 25/a
    "lengyel-epstein": (
        "u' = a - u - 4*u*v/(1+u^2); v' = b*(u - u*v/(1+u^2))",
        "a=10 D_u=1 D_v=12",
        "b=0.1:6",
        [("hopf", 3.5)],
    ),
    "oregonator": (
        "u' = (u*(1-u) - f*v*(u-q)/(u+q))/e; v' = u - v",
        "q=0.01 e=0.1 D_u=1 D_v=1",
        "f=0.3:3",
        [("hopf", None)],
    ),
    "competition": (
        "u' = u*(1-u-a*v); v' = r*v*(1-v-b*u)",
        "a=0.5 r=1 D_u=1 D_v=1",
        "b=0.2:2",
        [("branch-point", 1)],
    ),
    "toggle switch": ("u' = a/(1+v^2) - u; v' = a/(1+u^2) - v", "D_u=1 D_v=1", "a=0.5:5", [("branch-point", 2)]),
    # d = (1 + al)/2
    "allee predator": (
        "u' = u*(1-u)*(u-al) - b*u*v; v' = v*(c*u - d)",
        "al=0.2 b=1 c=1 D_u=1 D_v=1",
        "d=0.2:1.1",
        [("hopf", 0.6), ("branch-point", 1)],
    ),
    "holling-tanner": (
        "u' = u*(1-u) - a*u*v/(u+d); v' = r*v*(1 - v/u)",
        "a=1 d=0.1 D_u=1 D_v=20",
        "r=0.02:1",
        [("hopf", None), ("turing", None)],
    ),
    # c = 2 sqrt(d)/sqrt(k)
    "autocatalysis": (
        "m' = c - k*m*p^2 - d*m; p' = k*m*p^2 - p",
        "k=1 d=1 D_m=10 D_p=1",
        "c=0.5:5",
        [("saddle-node", 2), ("turing", None)],
    ),
    # (50 a - 2)^2 = 200 (3 - 2 a)
    "linear": (
        "u' = a*u - v; v' = b*u - 2*v",
        "b=3 D_u=1 D_v=50",
        "a=0.1:3",
        [("turing", (-200 + (200**2 + 4 * 2500 * 596) ** 0.5) / 5000)],
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_thresholds_of_textbook_systems(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    equations, fixed, axis, expected = SYSTEMS[name]
    sets = [part for setting in fixed.split() for part in ("--set", setting)]
    assert main(["region", "--system", equations, *sets, "--x", axis, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    key = axis.partition("=")[0]
    points = [(point["kind"], float(point["values"][key])) for point in found["bifurcations"]]
    for kind, value in expected:
        values = [x for other, x in points if other == kind]
        assert values, f"no {kind} among {points}"
        if value is not None:
            assert min(abs(x - value) for x in values) < 1e-9 * max(1.0, abs(value)), (kind, value, points)
    middle = f"{key}={sum(float(end) for end in axis.partition('=')[2].split(':')) / 2}"
    assert main(["check", "--system", equations, *sets, "--set", middle]) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err
