"""The metrics of each benchmark, compared with plain loops from their definitions."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_model.evaluation.abstention import abstention, auroc, choose_threshold
from rdmf_model.evaluation.label_highlights import label_highlights
from rdmf_model.evaluation.metrics import evaluate_predictions
from rdmf_model.evaluation.moments import R1_THRESHOLDS
from rdmf_model.evaluation.own_rules import chunks
from rdmf_theory.errors import DataError


def iou(first, second):
    both = min(first[1], second[1]) - max(first[0], second[0])
    return 0.0 if both <= 0 else both / (max(first[1], second[1]) - min(first[0], second[0]))


def percent(share):
    return float(f"{100 * share:.2f}")


bound = st.integers(0, 8).map(float)
window = st.tuples(bound, bound).map(sorted)
scored = st.tuples(window, st.integers(0, 3)).map(lambda item: [*item[0], item[1] / 4])
query = st.tuples(st.lists(scored, min_size=1, max_size=12), st.lists(window, min_size=1, max_size=5))


def records(queries, **extra):
    predictions = [{"qid": number, "pred_relevant_windows": listed} for number, (listed, _) in enumerate(queries)]
    truth = [{"qid": n, "duration": 8, "relevant_windows": windows, **extra} for n, (_, windows) in enumerate(queries)]
    return predictions, truth


@settings(max_examples=100)
@given(st.lists(query, min_size=1, max_size=4))
def test_r5_is_the_best_of_the_first_five(queries):
    found = evaluate_predictions(*records(queries))["full"]["MR-R5"]
    best = [max(iou(p, w) for p in listed[:5] for w in windows) for listed, windows in queries]
    for threshold in R1_THRESHOLDS:
        assert found[str(threshold)] == percent(sum(value >= threshold for value in best) / len(best))


def greedy(listed, windows, threshold):
    """In listed order, the free window that fits best; two points have no IoU and never fit."""
    free, ious = list(range(len(windows))), []
    for p in listed:
        values = {g: iou(p, windows[g]) for g in free if p[0] < p[1] or windows[g][0] < windows[g][1]}
        if values and max(values.values()) >= threshold:
            chosen = max(values, key=lambda g: (values[g], -g))
            ious.append(values[chosen])
            free.remove(chosen)
    return ious


@settings(max_examples=40)
@given(st.lists(query, min_size=1, max_size=4))
def test_multi_moment_recall_and_miou(queries):
    queries = [*queries, ([[0.0, 1.0, 0.5]], [[0.0, 1.0], [2.0, 3.0]])]
    found = evaluate_predictions(*records(queries))["multi_moment"]
    for k in (1, 2, 3):
        rows = [(listed[:k], windows) for listed, windows in queries if len(listed) >= k and len(windows) >= k]
        if not rows:
            assert found[f"R@{k}"] is found[f"mR@{k}"] is found[f"mIoU@{k}"] is None
            continue
        recall = {t: percent(sum(len(greedy(*row, t)) for row in rows) / (k * len(rows))) for t in R1_THRESHOLDS}
        assert found[f"R@{k}"] == {str(t): value for t, value in recall.items()}
        assert found[f"mR@{k}"] == round(float(np.mean(list(recall.values()))), 2)
        ious = [value for row in rows for value in greedy(*row, -1.0)]
        assert found[f"mIoU@{k}"] == (percent(np.mean(ious)) if ious else 0.0)


def test_g_map_weighs_queries_and_three_or_more_weighs_counts():
    hit, miss = [[0, 1, 0.9], [2, 3, 0.8], [4, 5, 0.7], [6, 7, 0.6]], [[7, 8, 0.9]]
    three, four = [[0, 1], [2, 3], [4, 5]], [[0, 1], [2, 3], [4, 5], [6, 7]]
    # three windows: two queries of AP 1 and 0; four windows: one of AP 1; one window: AP 1
    queries = [(hit, three), (miss, three), (hit, four), (hit, [[0, 1]])]
    found = evaluate_predictions(*records(queries))["multi_moment"]
    assert found["G-mAP"] == 75.0
    assert found[">=3_tgt_mAP"] == 75.0  # mean of 50 and 100; over queries it would be 66.67
    assert (found["1_tgt_mAP"], found["2_tgt_mAP"]) == (100.0, None)


def test_multi_moment_figures_of_published_predictions(shared_data):
    """G-mAP is the plain mAP of the published metric files; the number of queries is the split's."""
    truth = [json.loads(line) for line in (shared_data / "qvhighlights/highlight_val_release.jsonl").open()]
    predictions = [json.loads(line) for line in (shared_data / "qvh_oracle/cg_detr.predictions.jsonl").open()]
    published = json.loads((shared_data / "qvh_oracle/cg_detr.metrics.json").read_text())
    found = evaluate_predictions(predictions, truth)
    assert found["multi_moment"]["G-mAP"] == published["full"]["MR-mAP"]["average"]
    assert found["queries"]["with windows"] == len(predictions) == 1550


# labels of every clip


def precision_by_definition(flags):
    """Area under precision over recall of a ranked list of 0 and 1, trapezoids from (0, 1)."""
    if not any(flags):
        return 0.0
    area, before, points = 0.0, (0.0, 1.0), []
    for rank, _ in enumerate(flags, start=1):
        points.append((sum(flags[:rank]) / sum(flags), sum(flags[:rank]) / rank))
    for recall, precision in points:
        area += (recall - before[0]) * (precision + before[1]) / 2
        before = (recall, precision)
    return area


def top5_by_definition(label, scores):
    order = sorted(range(len(scores)), key=lambda clip: -scores[clip])
    values = []
    for annotator in zip(*label, strict=True):
        median = sorted(annotator)[(len(annotator) - 1) // 2]
        values.append(precision_by_definition([int(annotator[clip] > median) for clip in order[:5]]))
    return sum(values) / len(values)


graded = st.integers(1, 4).flatmap(
    lambda annotators: st.lists(
        st.tuples(st.lists(st.integers(1, 5), min_size=annotators, max_size=annotators), st.integers(-3, 3)),
        min_size=1,
        max_size=9,
    )
)


@settings(max_examples=150)
@given(st.lists(graded, min_size=1, max_size=3))
def test_top5_map_of_graded_labels(videos):
    videos = [*videos, [([5, 1], 1), ([1, 5], 0)]]
    pairs, expected = [], []
    for number, video in enumerate(videos):
        label, scores = [clip for clip, _ in video], [float(score) for _, score in video]
        pairs.append(({"pred_saliency_scores": scores}, {"qid": number, "label": label}))
        expected.append(top5_by_definition(label, scores))
    found = label_highlights(pairs)
    assert found["rule"] == "top-5"
    assert found["mAP"] == percent(sum(expected) / len(expected))


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=1, max_size=12))
def test_map_of_binary_labels_is_over_all_clips(video):
    label, scores = [[flag] for flag, _ in video], [float(score) for _, score in video]
    order = sorted(range(len(scores)), key=lambda clip: -scores[clip])
    found = label_highlights([({"pred_saliency_scores": scores}, {"qid": 1, "label": label, "domain": "dog"})])
    assert found["rule"] == "all clips"
    assert found["mAP"] == found["domains"]["dog"] == percent(precision_by_definition([label[c][0] for c in order]))


@pytest.mark.parametrize("name", ["tvsum/tvsum", "youtube_highlights/youtube_highlight"])
def test_label_sets_as_they_are_published(shared_data, name):
    """Random and informed scores on every video; the mean of domains is over domains."""
    truth = [json.loads(line) for line in (shared_data / f"{name}_val_release.jsonl").open()]
    generator = np.random.default_rng(0)
    predictions, values = [], {}
    for record in truth:
        scores = generator.normal(size=len(record["label"])) + np.mean(record["label"], axis=1)
        predictions.append({"qid": record["qid"], "pred_saliency_scores": scores.tolist()})
        order = np.argsort(-scores, kind="stable")
        if "tvsum" in name:
            value = top5_by_definition(record["label"], scores)
        else:
            value = precision_by_definition([int(record["match"][clip] > 0) for clip in order])
        values.setdefault(record["domain"], []).append(value)
    found = evaluate_predictions(predictions, truth)["labels"]
    assert found["mAP"] == percent(np.mean(list(itertools.chain(*values.values()))))
    assert found["domain-mAP"] == percent(np.mean([np.mean(domain) for domain in values.values()]))


def test_labels_need_as_many_scores():
    truth = [{"qid": "v", "duration": 40, "label": [[1]] * 20 + [[0]] * 20}]
    with pytest.raises(DataError, match=r"qid v: 40 labelled clips need as many pred_saliency_scores\. Got 20"):
        evaluate_predictions([{"qid": "v", "pred_saliency_scores": [1.0] * 20}], truth)
    # extractors differ by a clip or two at the end
    found = evaluate_predictions([{"qid": "v", "pred_saliency_scores": [1.0] * 20 + [0.0] * 18}], truth)
    assert found["brief"]["HL-mAP"] == 100.0


# abstention


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=20))
def test_auroc_counts_pairs_and_the_threshold_has_the_best_f1(items):
    scores, nothing = np.array([score / 6 for score, _ in items]), np.array([flag for _, flag in items])
    pairs = [(p, n) for p in scores[nothing] for n in scores[~nothing]]
    expected = np.mean([1.0 if p < n else 0.5 if p == n else 0.0 for p, n in pairs]) if pairs else None
    assert auroc(-scores, nothing) == (None if expected is None else pytest.approx(expected, abs=1e-12))

    def f1(threshold):
        said = scores < threshold
        return 2 * (said & nothing).sum() / max(said.sum() + nothing.sum(), 1)

    chosen = choose_threshold(scores, nothing)
    assert f1(chosen) == max(f1(value) for value in [0.0, *(score + 1e-9 for score in scores)])


def test_abstention_uses_the_threshold_that_it_is_given_and_says_where_it_was_chosen():
    truth = [{"qid": 1, "duration": 9, "relevant_windows": []}, {"qid": 2, "duration": 9, "relevant_windows": [[0, 3]]}]
    predictions = [{"qid": q, "pred_relevant_windows": [[0, 3, s]]} for q, s in ((1, 0.4), (2, 0.8))]
    own = evaluate_predictions(predictions, truth)
    assert own["no_moment"]["chosen_on"] == "these queries"
    assert own["no_moment"]["F1"] == own["no_moment"]["AUROC"] == 100.0
    assert own["no_moment"]["threshold"] == pytest.approx(0.6)
    given_one = evaluate_predictions(predictions, truth, no_moment_threshold=0.3)["no_moment"]
    assert (given_one["F1"], given_one["chosen_on"]) == (0.0, "validation")
    # windows are measured on the query that has one
    assert own["brief"]["MR-full-R1@0.7"] == 100.0
    assert own["queries"] | {"all": 2, "with windows": 1, "nothing matches": 1} == own["queries"]


def test_a_prediction_may_say_itself_that_there_is_no_moment():
    sure = {"pred_relevant_windows": [[0, 3, 0.9]], "pred_no_moment": 0.7}
    result = abstention([(sure, {"relevant_windows": []})], threshold=0.5)
    assert (result["recall"], result["AUROC"]) == (100.0, None)
    bad = [{"qid": 1, "pred_relevant_windows": [[0, 3, 0.9]], "pred_no_moment": 1.5}]
    with pytest.raises(DataError, match=r"pred_no_moment must be a probability in \[0, 1\]. Got 1.5"):
        evaluate_predictions(bad, [{"qid": 1, "duration": 9, "relevant_windows": []}])


# length classes, and sets with rules of their own


def test_windows_beyond_150_s_have_a_class():
    """By hand: IoU 1 for the long one; 30 of 50 s for the other, right at 0.5, 0.55 and 0.6."""
    truth = [
        {"qid": 1, "duration": 7200, "relevant_windows": [[600, 900]]},
        {"qid": 2, "duration": 7200, "relevant_windows": [[50, 90]]},
    ]
    predictions = [
        {"qid": 1, "pred_relevant_windows": [[600, 900, 0.9]]},
        {"qid": 2, "pred_relevant_windows": [[60, 110, 0.9]]},
    ]
    found = evaluate_predictions(predictions, truth)
    assert found["brief"]["MR-long-mAP"] == 10.0
    assert found["brief"]["MR-long_unbounded-mAP"] == 55.0
    short = evaluate_predictions(predictions[1:], truth[1:])
    assert "long_unbounded" not in short


def test_a_window_of_zero_length_counts_in_full_and_in_no_length_class():
    truth = [{"qid": 1, "duration": 30, "relevant_windows": [[7.25, 7.25]]}]
    found = evaluate_predictions([{"qid": 1, "pred_relevant_windows": [[5, 12, 0.9]]}], truth)
    assert found["brief"]["MR-full-R1@0.3"] == 0.0
    assert all(found[name]["MR-mIoU"] is None for name in ("short", "middle", "long"))


@settings(max_examples=60)
@given(st.lists(query, min_size=1, max_size=4))
def test_ego4d_counts_iou_above_the_threshold(queries):
    queries = [(listed, windows[:1]) for listed, windows in queries]
    found = evaluate_predictions(*records(queries, benchmark="ego4d_nlq"))["ego4d_nlq"]
    for k, threshold in itertools.product((1, 5), (0.3, 0.5)):
        hits = [any(iou(p, windows[0]) > threshold for p in listed[:k]) for listed, windows in queries]
        assert found[f"R{k}>{threshold}"] == percent(np.mean(hits))
    assert found["mIoU"] == percent(np.mean([iou(listed[0], windows[0]) for listed, windows in queries]))


def test_ego4d_differs_from_the_common_rule_at_the_threshold():
    found = evaluate_predictions(*records([([[0, 1, 0.9]], [[0, 2]])], benchmark="ego4d_nlq"))
    assert (found["brief"]["MR-full-R1@0.5"], found["ego4d_nlq"]["R1>0.5"]) == (100.0, 0.0)


def test_didemo_takes_the_three_annotators_that_agree():
    times = [[1, 1], [1, 1], [1, 2], [4, 5]]
    truth = [{"qid": 1, "duration": 30, "relevant_windows": [[5, 10]], "times": times}]
    listed = [[5, 10, 0.9], [5, 15, 0.8], [20, 30, 0.7]]
    found = evaluate_predictions([{"qid": 1, "pred_relevant_windows": listed}], truth)["didemo"]
    # ranks 1, 1, 2 (and 3): mean 4/3; IoU 1, 1, 1/2 (and 0): mean 5/6
    assert found == {"Rank@1": 0.0, "Rank@5": 100.0, "mIoU": 83.33}
    truth[0]["times"] = [[1, 1], [1, 1], [1, 1], [0, 5]]
    found = evaluate_predictions([{"qid": 1, "pred_relevant_windows": listed}], truth)["didemo"]
    assert found == {"Rank@1": 100.0, "Rank@5": 100.0, "mIoU": 100.0}


@pytest.mark.parametrize(
    ("window", "expected"), [((5, 10), (1, 1)), ((4.9, 10.1), (0, 2)), ((25, 28.2), (5, 5)), ((10, 10), (2, 2))]
)
def test_chunks_of_a_window(window, expected):
    assert chunks(window) == expected


# labels on some records only


def test_saliency_of_some_records_is_measured_on_those():
    scores = [0, 0, 0, 5, 4.0] + [0] * 10
    first = {"qid": 1, "duration": 30, "relevant_windows": [[5, 12]], "relevant_clip_ids": [3, 4, 5]}
    first["saliency_scores"] = [[4, 4, 4], [3, 2, 4], [2, 2, 2]]
    second = {"qid": 2, "duration": 30, "relevant_windows": [[5, 12]]}
    predicted = [{"qid": q, "pred_relevant_windows": [[5, 12, 0.9]], "pred_saliency_scores": scores} for q in (1, 2)]
    both, alone = evaluate_predictions(predicted, [first, second]), evaluate_predictions(predicted[:1], [first])
    for level in ("Fair", "Good", "VeryGood"):
        assert both[f"HL-min-{level}"] == alone[f"HL-min-{level}"]
    assert both["HL-min-Fair"]["HL-mAP"] == 73.33
    assert both["brief"]["MR-full-mAP"] == 100.0


def test_records_may_differ_in_their_number_of_annotators():
    predictions = [{"qid": q, "pred_saliency_scores": [0.0, 1.0]} for q in (1, 2)]
    truth = [{"qid": q, "duration": 4, "relevant_clip_ids": [1]} for q in (1, 2)]
    truth[0]["saliency_scores"], truth[1]["saliency_scores"] = [[4, 0]], [[4]]
    found = evaluate_predictions(predictions, truth)["HL-min-Fair"]
    # one annotator of two without positives has AP 0, so the first record has 50, the second 100
    assert found == {"HL-mAP": 75.0, "HL-Hit1": 100.0}


def test_queries_without_labels_count_nowhere():
    truth = [{"qid": 1, "duration": 9, "relevant_windows": [[0, 3]]}, {"qid": 2, "duration": 9}]
    predictions = [{"qid": q, "pred_relevant_windows": [[0, 3, 0.9]]} for q in (1, 2)]
    found = evaluate_predictions(predictions, truth)
    assert found["brief"]["MR-full-R1@0.5"] == 100.0
    assert found["queries"]["unlabelled"] == 1
    assert not math.isnan(found["brief"]["MR-full-mAP"])
