"""Do the intervals of the fusion benchmark cover what they should, and does the page keep its prose?"""

import numpy as np
import pytest
import torch

from benchmarks.fusion_report import BEGIN, END, compact, interval, page, tables, weights
from benchmarks.fusions import COLUMNS, add_distractors, codes
from rdmf_model.data.splits import load_split
from tests.model.tiny_data import tiny_config, write_tiny_data


def results(shift=5.0, queries=60, seed=0):
    """Two rows with two seeds each; the first is better by `shift` on average, with noise shared by videos."""
    generator = np.random.default_rng(seed)
    videos = np.repeat(np.arange(queries // 4), 4)
    base = generator.normal(50, 10, (queries, len(COLUMNS)))
    runs = []
    for row, gain in (("competition", shift), ("none", 0.0)):
        for number in range(2):
            figures = base + gain + generator.normal(0, 1, base.shape)
            run = {"row": row, "seed": number, "commit": "abcdef012", "parameters": 9000}
            runs.append(run | {"figures": figures.tolist()})
    return {
        "data": "planted",
        "fraction": 1.0,
        "noise": 0.0,
        "columns": list(COLUMNS),
        "queries": {"train": 1, "select": 1, "report": queries},
        "videos": [f"v{number}" for number in videos],
        "sentences": [f"s{number % 20}" for number in range(queries)],
        "floors": {},
        "runs": runs,
    }


def test_other_videos_around_a_video_move_its_moment_with_it(tmp_path):
    dataset = load_split(tiny_config(write_tiny_data(tmp_path)), "val")
    long = add_distractors(dataset, 3, seed=0)
    moved = 0
    for before, after in zip(dataset.annotations, long.annotations, strict=True):
        offset = round((after.windows[0, 0] - before.windows[0, 0]) / dataset.clip_length)
        short = dataset.videos[before.vid]
        assert torch.equal(long.videos[before.vid][offset : offset + len(short)], short)
        assert after.record["relevant_windows"] == after.windows.tolist()
        assert after.duration == len(long.videos[before.vid]) * dataset.clip_length
        assert (after.clip_ids - before.clip_ids == offset).all()
        moved += offset > 0
    assert 0 < moved <= len(dataset)
    relevant = [(a.relevance.sum(), b.relevance.sum()) for a, b in zip(dataset, long, strict=True)]
    assert all(a == b for a, b in relevant)


def test_a_paired_difference_is_found_and_bounded():
    text = tables(results())
    line = next(line for line in text.splitlines() if line.startswith("| none | +"))
    assert line.startswith(("| none | +5.", "| none | +4."))
    assert "| competition | 2 |" in text


def test_regimes_are_one_table():
    few, noisy = results() | {"fraction": 0.1}, results(shift=0.0) | {"noise": 1.0}
    for other in (few, noisy):
        other["runs"] = [run | {"row": "diffusion alone"} if run["row"] == "none" else run for run in other["runs"]]
    text = page(f"before\n{BEGIN}\nold\n{END}\nafter", [results(), few, noisy])
    assert text.count("### `planted`") == 1
    lines = [line for line in text.splitlines() if line.startswith("| `planted` | ")]
    assert [line.split(" | ")[1] for line in lines] == ["10 % of the training queries", "feature noise 1"]
    # N = 0 and cross-attention were not run; the differences to diffusion alone are those that were planted
    first, second = (line.strip("|").split("|")[10].strip() for line in lines)
    assert first.startswith(("+5.", "+4."))
    assert second.startswith(("+0.", "-0."))
    assert text.endswith(f"{END}\nafter")


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    hits = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        videos = np.repeat(np.arange(25), 4)
        effect = generator.normal(0, 1, 25)[videos] + generator.normal(0, 1, 100)
        low, high = interval(effect, weights(videos, np.arange(100), resamples=400, seed=seed))
        hits += low <= 0 <= high
    assert hits >= 50


def test_clusters_widen_the_interval():
    generator = np.random.default_rng(0)
    videos = np.repeat(np.arange(10), 10)
    effect = generator.normal(0, 1, 10)[videos]
    alone = np.subtract(*interval(effect, weights(np.arange(100), np.arange(100)))[::-1])
    clustered = np.subtract(*interval(effect, weights(videos, np.arange(100)))[::-1])
    assert clustered > 1.5 * alone


def test_a_stored_copy_has_no_names_and_the_same_tables():
    found = results()
    text = str(compact(found))
    assert "v3" not in text
    assert "s7" not in text
    assert tables(compact(found)) == tables(found)
    assert codes(["b", "a", "b"]) == [0, 1, 0]


def test_the_page_keeps_its_prose():
    text = page(f"before\n{BEGIN}\nold\n{END}\nafter\n", [results()])
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert page(text, [results()]) == text
    with pytest.raises(ValueError, match="needs the comments"):
        page("nothing", [results()])
