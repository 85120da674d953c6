"""Makes the tables of docs/results.md from results of `python -m benchmarks.fusions`.

    python -m benchmarks.fusion_report runs/*/results.json              # print the tables
    python -m benchmarks.fusion_report runs/*/results.json --store      # keep copies in benchmarks/figures/fusions
    python -m benchmarks.fusion_report --write docs/results.md          # rewrite the tables of the page

A stored copy holds every query's figures and the numbers of its video and sentence, no names: the intervals can be
computed again, and no annotation is copied. The page's tables stand between two comments; the rest of it is prose.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fusions import CONFIG, ROOT, ROWS, codes

STORE = ROOT / "benchmarks" / "figures" / "fusions"
BEGIN, END = "<!-- tables of benchmarks.fusion_report: begin -->", "<!-- tables of benchmarks.fusion_report: end -->"
RESAMPLES = 4000
REFERENCE = "competition"
# what the table of regimes compares, and in which columns
RIVALS = ("competition, N = 0", "diffusion alone", "cross-attention + temporal self-attention")
SHOWN = ("R1@0.5", "mAP", "clip AP")


def weights(videos: np.ndarray, sentences: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Weights (resamples, queries) of a bootstrap over videos and sentences: products of both multinomial counts."""
    generator = np.random.default_rng(seed)

    def counts(groups: np.ndarray) -> np.ndarray:
        number = int(groups.max()) + 1
        return generator.multinomial(number, np.full(number, 1.0 / number), size=resamples)[:, groups]

    return (counts(videos) * counts(sentences)).astype(float)


def interval(values: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """95 % interval of the weighted mean of `values` (queries,), NaN left out."""
    known = ~np.isnan(values)
    kept = drawn[:, known]
    means = kept @ values[known] / np.maximum(kept.sum(1), 1e-9)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def by_row(results: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Figures of each row, shape (seeds, queries, columns); floors have one seed."""
    found: dict[str, list[Any]] = {}
    for run in sorted(results["runs"], key=lambda run: (list(ROWS).index(run["row"]), run["seed"])):
        found.setdefault(run["row"], []).append(run["figures"])
    rows = {row: np.asarray(figures, dtype=float) for row, figures in found.items()}
    return rows | {row: np.asarray([figures], dtype=float) for row, figures in results.get("floors", {}).items()}


def cell(figures: np.ndarray) -> str:
    """Mean over queries and seeds, ± sample standard deviation over seeds."""
    means = np.nanmean(figures, axis=1)
    return f"{means.mean():.1f}" + (f" ± {means.std(ddof=1):.1f}" if len(means) > 1 else "")


def tables(results: Mapping[str, Any]) -> str:
    """Both tables of one results file: the figures, and the differences of the first row to every other."""
    rows, columns = by_row(results), results["columns"]
    sizes = results["queries"]
    setting = f"{sizes['train']} training queries, {sizes['select']} to select, {sizes['report']} reported"
    regime = regime_of(results)
    commits = sorted({run["commit"][:7] for run in results["runs"]})
    lines = [
        f"### `{results['data']}`" + (f" ({regime})" if regime else ""),
        "",
        f"{setting}; commit {', '.join(commits)}.",
        "",
    ]
    lines += [f"| row | seeds | {' | '.join(columns)} | parameters |", "|---" * (len(columns) + 3) + "|"]
    sizes_of = {run["row"]: run["parameters"] for run in results["runs"]}
    for row, figures in rows.items():
        cells = [cell(figures[..., column]) for column in range(len(columns))]
        size = f"{sizes_of[row]:,}" if row in sizes_of else ""
        lines.append(f"| {row} | {len(figures) if row in sizes_of else ''} | {' | '.join(cells)} | {size} |")
    if REFERENCE in rows:
        drawn = weights(*(np.array(codes(results[key])) for key in ("videos", "sentences")))
        lines += ["", f"Differences, `{REFERENCE}` minus the row, paired by query, mean over common seeds [95 %]:", ""]
        lines += [f"| row | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
        for row, figures in rows.items():
            if row == REFERENCE:
                continue
            shared = len(figures) if row not in sizes_of else min(len(figures), len(rows[REFERENCE]))
            ours = rows[REFERENCE].mean(0) if row not in sizes_of else rows[REFERENCE][:shared].mean(0)
            difference = ours - figures[:shared].mean(0)
            cells = []
            for column in range(len(columns)):
                low, high = interval(difference[:, column], drawn)
                cells.append(f"{np.nanmean(difference[:, column]):+.1f} [{low:+.1f}, {high:+.1f}]")
            lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


def regime_of(results: Mapping[str, Any]) -> str:
    """What differs from training and reporting on everything as it is; empty where nothing does."""
    parts = [f"{100 * results['fraction']:g} % of the training queries"] if results["fraction"] < 1 else []
    parts += [f"feature noise {results['noise']:g}"] if results["noise"] else []
    parts += [f"{results['distractors']} other videos around each"] if results.get("distractors") else []
    return ", ".join(parts)


def regime_table(found: Sequence[Mapping[str, Any]]) -> str:
    """One line per data set and regime: the first row's figures, and its differences to the rows of `RIVALS`."""
    head = ["data", "regime", "training queries", "seeds", *(f"{REFERENCE}, {name}" for name in SHOWN)]
    head += [f"minus {row}, {name}" for row in RIVALS for name in SHOWN]
    lines = ["### Regimes", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for results in found:
        rows, places = by_row(results), [results["columns"].index(name) for name in SHOWN]
        drawn = weights(*(np.array(codes(results[key])) for key in ("videos", "sentences")))
        cells = [
            f"`{results['data']}`",
            regime_of(results),
            str(results["queries"]["train"]),
            str(len(rows[REFERENCE])),
        ]
        cells += [cell(rows[REFERENCE][..., place]) for place in places]
        for row in RIVALS:
            if row not in rows:
                cells += [""] * len(places)
                continue
            shared = min(len(rows[row]), len(rows[REFERENCE]))
            difference = rows[REFERENCE][:shared].mean(0) - rows[row][:shared].mean(0)
            for place in places:
                low, high = interval(difference[:, place], drawn)
                cells.append(f"{np.nanmean(difference[:, place]):+.1f} [{low:+.1f}, {high:+.1f}]")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def compact(results: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without names of videos and sentences, paths, or more than two decimals."""
    kept = {key: value for key, value in results.items() if key not in ("config", "videos", "sentences")}
    for run in kept["runs"]:
        run["figures"] = np.round(run["figures"], 2).tolist()
    kept["floors"] = {row: np.round(figures, 2).tolist() for row, figures in results.get("floors", {}).items()}
    kept["videos"], kept["sentences"] = codes(results["videos"]), codes(results["sentences"])
    return kept


def store(results: Mapping[str, Any]) -> Path:
    """Write the compact copy; returns its path."""
    name = results["data"]
    name += f"-{100 * results['fraction']:g}%" if results["fraction"] < 1 else ""
    name += f"-noise{results['noise']:g}" if results["noise"] else ""
    name += f"-distractors{results['distractors']}" if results.get("distractors") else ""
    path = STORE / f"{name.replace('%', 'percent')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(compact(results)) + "\n")
    temporary.rename(path)
    return path


def page(text: str, found: Sequence[Mapping[str, Any]]) -> str:
    """The page with the tables of these results between its two comments, regimes as one table at their end.

    Raises: ValueError if the comments are not there.
    """
    if BEGIN not in text or END not in text:
        raise ValueError(f"the page needs the comments {BEGIN!r} and {END!r}. Add them where the tables belong.")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    parts = [tables(results) for results in found if not regime_of(results)]
    regimes = [results for results in found if regime_of(results)]
    return (
        f"{before}{BEGIN}\n\n"
        + "\n\n".join([*parts, *([regime_table(regimes)] if regimes else [])])
        + f"\n\n{END}{after}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="*", help="results.json files; default: the stored copies")
    parser.add_argument("--store", action="store_true", help=f"keep compact copies in {STORE.relative_to(ROOT)}")
    parser.add_argument("--write", type=Path, help="page whose tables are rewritten")
    arguments = parser.parse_args()
    found = [json.loads(path.read_text()) for path in arguments.results or sorted(STORE.glob("*.json"))]
    if not found:
        parser.error(f"no results given, none stored; run python -m benchmarks.fusions with {CONFIG.name} first")
    if arguments.store:
        for results in found:
            print(store(results))
    if arguments.write is not None:
        arguments.write.write_text(page(arguments.write.read_text(encoding="utf-8"), found), encoding="utf-8")
    if not arguments.store and arguments.write is None:
        print("\n\n".join(tables(results) for results in found))


if __name__ == "__main__":
    main()
