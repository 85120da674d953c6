"""What does `rdmf branch` print for people? Branches, special points with the digits that hold, proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rdmf_theory.patterns.resolution import Resolution


def render(answer: dict[str, Any], certify: bool, resolution: Resolution | None) -> None:
    name = answer["parameter"]
    axis = answer["axis"]
    where = f"{axis['nodes']} clips" if axis["kind"] == "clips" else f"[0, {axis['length']:.12g}]"
    print(f"{answer['system']} on {where}, {name} in [{answer['range'][0]:g}, {answer['range'][1]:g}]")
    # one curve: states that cross it, at a transcritical point for one, have branch points of their own
    curve = f"the curve of homogeneous states {answer['homogeneous_curve']}"
    print(f"  {len(answer['branch_points'])} branch points on {curve}")
    if resolution is not None:
        _render_resolution(resolution)
    for index, row in enumerate(answer["branches"]):
        stable = sum(state["unstable"] == 0 for state in row["states"])
        print(
            f"{row['name']}: leaves at {name} = {row['start']:.12g}; {stable} of {len(row['states'])} states are stable"
        )
        for number, event in enumerate(row["events"]):
            before, after = event["unstable"]
            digits = 10 if event["kind"] in ("fold", "branch point", "hopf") else 5
            doubt = ""
            if resolution is not None:
                digits = min(digits, resolution.digits(index, number))
                doubt = "" if digits else ", NOT confirmed: two grids have no digit of it in common"
            shown = f"{event['parameter']:.{max(digits, 1)}g}"
            print(f"  {event['kind']:<12} at {shown}, unstable eigenvalues {before} -> {after}{doubt}")
        print(f"  end: {row['end']}")
    for row in answer["patterns"]:
        kind = "stable" if row["unstable"] == 0 else f"{row['unstable']} unstable eigenvalues"
        print(
            f"at {name} = {row['parameter']:g}: {row['branch']}, {row['min']:.4g} to {row['max']:.4g}, {kind}", end=""
        )
        print(f", growth rate {row['growth_rate']:+.4g}", end="")
        print("" if row["layer_multiplier"] is None else f", layer's multiplier {row['layer_multiplier']:.7f}")
        if certify:
            _render_proof(row["proof"])


def _render_resolution(resolution: Resolution) -> None:
    grids = ", ".join(map(str, resolution.grids))
    if resolution.resolved:
        print(f"  resolved: special points agree on grids of {grids} points; only digits in common are shown")
        return
    tail = f"the last cosine coefficients are {resolution.tail:.0e} of the largest"
    print(f"  NOT resolved on grids of {grids} points: {tail}")
    gone = f"; {resolution.vanished} special points of the coarser grid are gone" if resolution.vanished else ""
    print(f"  only digits that two grids have in common are shown{gone}; raise --timeout or --points")


def _render_proof(proof: dict[str, Any]) -> None:
    if proof["outcome"] != "certified":
        print(f"  {proof['outcome']}: {proof.get('detail', '')}")
        return
    test = proof["krawczyk"]
    print(f"  proved: exists within {test['distance']:.1e}, the only one within {test['uniqueness']:.0e},", end="")
    print(f" eigenvalues below {test['growth_rate'][1]:.6g}", end="")
    print("" if test["layer_multiplier"] is None else f", multipliers below {test['layer_multiplier'][1]:.8f}")
    if "layer" in proof:
        ball, factor = proof["layer"]["attraction"], proof["layer"]["factor"]
        print(f"  proved: runs of the layer from within {ball:.1e} converge to it, by {factor:.7f} a step")
