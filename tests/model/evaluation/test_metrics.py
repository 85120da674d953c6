"""Metrics: equal to the published figures to the digit, and to plain loops from the definitions on odd cases."""

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_model.cli import main
from rdmf_model.evaluation.files import evaluate_files
from rdmf_model.evaluation.highlights import ranking_precision
from rdmf_model.evaluation.metrics import evaluate_predictions
from rdmf_model.evaluation.moments import AP_THRESHOLDS, average_precision
from rdmf_theory.errors import DataError

ORACLES = ["moment_detr", "qd_detr_video_checkpoint", "eatr", "cg_detr"]


def leaves(tree, path=()):
    """{path: number} of a nested dict."""
    if not isinstance(tree, dict):
        return {path: tree}
    return {key: value for name, branch in tree.items() for key, value in leaves(branch, (*path, name)).items()}


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize("model", ORACLES)
def test_every_published_figure_is_reproduced_to_the_digit(shared_data, model, capsys):
    predictions = shared_data / "qvh_oracle" / f"{model}.predictions.jsonl"
    truth = shared_data / "qvhighlights" / "highlight_val_release.jsonl"
    start = time.process_time()
    assert main(["evaluate", "--predictions", str(predictions), "--ground-truth", str(truth), "--json"]) == 0
    assert time.process_time() - start < 3.0
    found = leaves(json.loads(capsys.readouterr().out))
    published = leaves(json.loads((shared_data / "qvh_oracle" / f"{model}.metrics.json").read_text()))
    assert len(published) >= 104
    assert {key: found.get(key) for key in published} == published


# --- what the definitions say, one query at a time -------------------------------------------------------------------


def iou_by_definition(first, second):
    both = max(0.0, min(first[1], second[1]) - max(first[0], second[0]))
    either = (first[1] - first[0]) + (second[1] - second[0]) - both
    return both / either if either else math.nan


def precision_by_definition(predictions, windows, threshold):
    """AP of one query: ten listed first, then by score; greedy matching; area under the interpolated curve."""
    ranked = sorted(predictions[:10], key=lambda row: -row[2])
    free, hits = set(range(len(windows))), []
    for row in ranked:
        reach = [(iou_by_definition(row, windows[g]), g) for g in free]
        # NaN is "not below" the threshold and comes before every number
        reach = [(math.inf if math.isnan(iou) else iou, g) for iou, g in reach if not iou < threshold]
        hits.append(bool(reach))
        if reach:
            free.remove(max(reach)[1])
    precisions = [sum(hits[: rank + 1]) / (rank + 1) for rank in range(len(hits))]
    return sum(max(precisions[rank:]) for rank, hit in enumerate(hits) if hit) / len(windows)


def ranking_by_definition(positive, score):
    """Mean over recall levels that differ of the best precision at that level or a higher recall."""
    curve = []
    for threshold in sorted(set(score), reverse=True):
        chosen = [p for p, s in zip(positive, score, strict=True) if s >= threshold]
        curve.append((sum(chosen), sum(chosen) / len(chosen)))
    levels = sorted({found for found, _ in curve if found})
    best = [max(precision for found, precision in curve if found >= level) for level in levels]
    return sum(best) / len(best) if best else 0.0


bound = st.integers(0, 8).map(float)
window = st.tuples(bound, bound).map(lambda pair: sorted(pair))
scored = st.tuples(window, st.integers(0, 3)).map(lambda item: [*item[0], float(item[1])])
query = st.tuples(st.lists(scored, min_size=1, max_size=13), st.lists(window, min_size=1, max_size=4))


@settings(max_examples=200)
@given(st.lists(query, min_size=1, max_size=3))
def test_average_precision_of_odd_windows(queries):
    """Ties in score and IoU, zero lengths, more than ten predictions, ragged counts."""
    most = max(len(windows) for _, windows in queries)
    truth, real = np.zeros((len(queries), most, 2)), np.zeros((len(queries), most), dtype=bool)
    for row, (_, windows) in enumerate(queries):
        truth[row, : len(windows)], real[row, : len(windows)] = windows, True
    found = average_precision([np.asarray(predictions) for predictions, _ in queries], truth, real)
    expected = [[precision_by_definition(p, w, threshold) for threshold in AP_THRESHOLDS] for p, w in queries]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@settings(max_examples=200)
@given(st.lists(st.lists(st.tuples(st.booleans(), st.integers(-2, 2)), min_size=1, max_size=9), min_size=1, max_size=3))
def test_ranking_precision_of_tied_scores(rows):
    most = max(map(len, rows))
    positive, real = np.zeros((len(rows), most), dtype=bool), np.zeros((len(rows), most), dtype=bool)
    score = np.zeros((len(rows), most))
    for index, row in enumerate(rows):
        positive[index, : len(row)], score[index, : len(row)] = zip(*row, strict=True)
        real[index, : len(row)] = True
    expected = [ranking_by_definition(*zip(*row, strict=True)) for row in rows]
    np.testing.assert_allclose(ranking_precision(positive, score, real), expected, atol=1e-12)


# --- the quirks, one by one ------------------------------------------------------------------------------------------


def one(predictions, windows, **extra):
    truth = {"qid": 1, "duration": 20, "relevant_windows": windows, **extra.pop("truth", {})}
    return evaluate_predictions([{"qid": 1, "pred_relevant_windows": predictions, **extra}], [truth])


def highlights(scores, ids, annotated, duration=8):
    truth = {"qid": 1, "duration": duration, "relevant_clip_ids": ids, "saliency_scores": annotated}
    return evaluate_predictions([{"qid": 1, "pred_saliency_scores": scores}], [truth])


def test_r1_uses_the_first_listed_window_and_map_sorts_by_score():
    metrics = one([[10, 20, 0.1], [0, 8, 0.9]], [[0, 8]])["full"]
    assert metrics["MR-R1"]["0.5"] == 0.0
    assert metrics["MR-mAP"]["average"] == 100.0


def test_the_cut_at_ten_windows_comes_before_sorting():
    assert one([[10, 20, 0.1]] * 10 + [[0, 8, 0.9]], [[0, 8]])["full"]["MR-mAP"]["average"] == 0.0


def test_r1_takes_the_ground_truth_window_that_fits_best():
    assert one([[4, 8, 1.0]], [[0, 2], [4, 8]])["full"]["MR-R1"]["0.95"] == 100.0


def test_length_ranges_filter_the_ground_truth_only():
    metrics = one([[0, 20, 0.9], [0, 4, 0.5]], [[0, 4], [0, 20]])
    # the long prediction still ranks first and is wrong for the short window
    assert metrics["short"]["MR-mAP"]["average"] == 50.0
    assert metrics["short"]["MR-R1"]["0.5"] == 0.0
    assert metrics["middle"]["MR-mAP"]["average"] == 100.0
    assert metrics["long"]["MR-mAP"]["average"] is None
    assert metrics["brief"]["MR-long-mAP"] is None


def test_length_ranges_include_their_longer_end():
    metrics = one([[0, 10, 1.0]], [[0, 10]])
    assert metrics["short"]["MR-mAP"]["average"] == 100.0
    assert metrics["middle"]["MR-mAP"]["average"] is None


def test_zero_length_against_zero_length_counts_for_map_and_not_for_r1():
    metrics = one([[3, 3, 1.0]], [[3, 3]])["full"]
    assert metrics["MR-mAP"]["average"] == 100.0
    assert metrics["MR-R1"]["0.5"] == 0.0
    assert metrics["MR-mIoU"] == 0.0


def test_thresholds_are_exact_decimals():
    assert one([[0, 6, 1.0]], [[0, 10]])["full"]["MR-R1"]["0.6"] == 100.0


def test_an_annotator_without_positives_has_precision_zero_and_hit_takes_the_best():
    metrics = highlights([0.1, 0.9, 0.2, 0.3], [1], [[4, 0]])["HL-min-VeryGood"]
    assert metrics == {"HL-mAP": 50.0, "HL-Hit1": 100.0}


def test_short_saliency_lists_are_padded_with_zeros_and_long_ones_cut():
    # the zero beats the two negative scores, and its clip is the positive one
    assert highlights([-1.0, -2.0], [2], [[4]], duration=6)["HL-min-Fair"] == {"HL-mAP": 100.0, "HL-Hit1": 0.0}
    # the top clip lies past the video: no hit, and AP ranks what is left
    assert highlights([0, 0, 1, 9], [2], [[4]], duration=6)["HL-min-Fair"] == {"HL-mAP": 100.0, "HL-Hit1": 0.0}


def test_figures_have_two_decimals():
    truth = [{"qid": i, "duration": 20, "relevant_windows": [[0, 10]]} for i in range(3)]
    predicted = [{"qid": i, "pred_relevant_windows": [[0, 10 if i else 1, 1.0]]} for i in range(3)]
    assert evaluate_predictions(predicted, truth)["full"]["MR-R1"]["0.5"] == 66.67


def test_only_what_is_there_is_evaluated():
    assert set(highlights([1.0] * 4, [1], [3])) == {"brief", "queries", "HL-min-Fair", "HL-min-Good", "HL-min-VeryGood"}
    assert set(one([[0, 8, 1.0]], [[0, 8]])) == {"brief", "queries", "full", "long", "middle", "short"}


# --- bad input -------------------------------------------------------------------------------------------------------

TRUTH = [{"qid": qid, "query": "a", "vid": "v", "duration": 20, "relevant_windows": [[0, 8]]} for qid in (1, 2)]
GOOD = [{"qid": qid, "pred_relevant_windows": [[0, 8, 0.5]]} for qid in (1, 2)]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        pytest.param({"qid": 2, "pred_relevant_windows": []}, ":2: .*at least one .start, end, score.", id="no window"),
        pytest.param(
            {"qid": 2, "pred_relevant_windows": [[0, 8]]}, r":2: pred_relevant_windows\[0\] must be", id="no score"
        ),
        pytest.param({"qid": 2, "pred_relevant_windows": [[8, 0, 1]]}, ":2: .*reversed", id="reversed"),
        pytest.param({"qid": 2, "pred_relevant_windows": [[0, 1e999, 1]]}, "malformed JSON|finite", id="infinite"),
        pytest.param({"qid": 1, "pred_relevant_windows": [[0, 8, 1]]}, ":2: qid 1 is predicted twice", id="duplicate"),
        pytest.param({"qid": 3, "pred_relevant_windows": [[0, 8, 1]]}, r"1 have no prediction \(2\)", id="missing qid"),
        pytest.param({"pred_relevant_windows": [[0, 8, 1]]}, ":2: qid must be an integer", id="no qid"),
        pytest.param({"qid": 2}, ":2: a prediction needs", id="nothing predicted"),
        pytest.param({"qid": 2, "pred_saliency_scores": [1]}, ":2: has .*All must have the same", id="other field"),
        pytest.param(
            {"qid": 2, "pred_relevant_windows": [[0, 8, 1]], "pred_saliency_scores": ["x"]}, ":2: ", id="score is text"
        ),
    ],
)
def test_bad_predictions_name_file_and_line(tmp_path, second, message):
    predictions = write_lines(tmp_path / "predictions.jsonl", [GOOD[0], second])
    truth = write_lines(tmp_path / "truth.jsonl", TRUTH)
    with pytest.raises(DataError, match=message) as raised:
        evaluate_files(predictions, truth)
    assert str(raised.value).startswith(str(predictions))


@pytest.mark.parametrize(
    ("predictions", "truth", "message"),
    [
        pytest.param(GOOD, TRUTH[:1], r"1 are predicted but not in the ground truth \(2\)", id="extra qid"),
        pytest.param([], TRUTH, "is empty", id="no predictions"),
        pytest.param(
            GOOD, [{**row, "relevant_windows": None} for row in TRUTH], "nothing to evaluate", id="unlabelled"
        ),
        pytest.param(GOOD, [], "split is empty", id="no truth"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, predictions, truth, message):
    files = write_lines(tmp_path / "p.jsonl", predictions), write_lines(tmp_path / "t.jsonl", truth)
    with pytest.raises(DataError, match=message):
        evaluate_files(*files)


def test_command_prints_tables_or_maps_bad_data_to_exit_3(tmp_path, capsys):
    predictions, truth = write_lines(tmp_path / "p.jsonl", GOOD), write_lines(tmp_path / "t.jsonl", TRUTH)
    arguments = ["evaluate", "--predictions", str(predictions), "--ground-truth", str(truth)]
    assert main(arguments) == 0
    assert "100.00" in capsys.readouterr().out
    predictions.write_text('{"qid": 1')
    assert main([*arguments, "--json"]) == 3
    answer = capsys.readouterr()
    assert json.loads(answer.out)["exit"] == 3
    assert f"rdmf: {predictions}:1: malformed JSON" in answer.err
