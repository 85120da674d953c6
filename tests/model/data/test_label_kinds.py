"""Unlabelled, labelled and "nothing matches": what each kind of record says to the losses, the training and the
answer."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from rdmf_model.cli import main
from rdmf_model.data.annotations import read_annotations, repaired_window, window_problem
from rdmf_model.data.batch import Sample, collate
from rdmf_model.data.dataset import normalised_spans, relevant_clips
from rdmf_model.evaluation.localize import Localization
from rdmf_model.training.losses import contrastive_loss, dense_targets, moment_losses, saliency_loss
from rdmf_theory.errors import DataError
from tests.model.tiny_data import tiny_config, tiny_document, write_tiny_data


def sample(windows=(), saliency=None, nothing=False, clips=10):
    spans = torch.tensor(windows, dtype=torch.float32).reshape(-1, 2)
    scores = torch.full((clips,), math.nan) if saliency is None else torch.tensor(saliency)
    generator = torch.Generator().manual_seed(0)
    return Sample(
        qid=1,
        vid="v",
        query="q",
        video=torch.randn(clips, 4, generator=generator),
        text=torch.randn(3, 4, generator=generator),
        windows=spans,
        relevance=torch.from_numpy(relevant_clips(spans.numpy(), clips)),
        saliency=scores,
        clip_length=2.0,
        nothing=nothing,
    )


def gradients(*samples):
    """Gradients of the slots' classification, of the relevance loss and of the ranking loss."""
    batch = collate(samples)
    logits = torch.zeros(len(samples), 5, requires_grad=True)
    scores = torch.zeros(len(samples), batch.video.shape[1], requires_grad=True)
    targets = dense_targets(batch)
    spans = torch.rand(len(samples), 5, 2, generator=torch.Generator().manual_seed(1)) * 0.1 + 0.4
    moment_losses(logits, spans, batch)["classification"].backward()
    (relevance,) = torch.autograd.grad(saliency_loss(scores, targets), scores, retain_graph=True)
    (ranking,) = torch.autograd.grad(contrastive_loss(scores, targets, 0.5), scores)
    return logits.grad, relevance, ranking


def test_an_unlabelled_query_pushes_nothing_down():
    logits, relevance, ranking = gradients(sample(), sample(saliency=[4.0] * 10))
    assert not logits.any()
    assert not relevance.any()
    # equal scores on every clip rank nothing
    assert ranking.abs().max() < 1e-6


def test_nothing_matches_pushes_everything_down():
    logits, relevance, ranking = gradients(sample(nothing=True))
    assert (logits > 0).all()
    assert (relevance > 0).all()
    assert not ranking.any()


def test_an_unlabelled_query_does_not_dilute_the_others():
    """Means are over labelled queries: the labelled one's gradients are the same alone and beside an unlabelled one."""
    labelled = sample(windows=[(0.2, 0.5)])
    alone, beside = gradients(labelled), gradients(labelled, sample())
    for one, two in zip(alone, beside, strict=True):
        torch.testing.assert_close(one[0], two[0])
        assert not two[1].any()


def test_partial_saliency_ranks_the_annotated_clips_alone():
    saliency = [4.0, 0.0, *[math.nan] * 8]
    _, relevance, ranking = gradients(sample(saliency=saliency))
    assert not relevance.any()
    assert ranking[0, 0] < 0 < ranking[0, 1]
    assert not ranking[0, 2:].any()


def test_a_batch_takes_and_moves_the_kind_along():
    batch = collate([sample(), sample(nothing=True), sample(windows=[(0.0, 0.5)])])
    assert batch.labelled.tolist() == [False, True, True]
    assert batch.to("cpu").labelled.tolist() == [False, True, True]
    assert dataclasses.replace(batch, nothing=None).labelled.tolist() == [False, False, True]


# what a record says


def read(tmp_path, *lines):
    path = tmp_path / "a.jsonl"
    base = {"query": "q", "duration": 10}
    path.write_text("".join(json.dumps({**base, "vid": f"v{n}", **line}) + "\n" for n, line in enumerate(lines)))
    return read_annotations(path)


def test_an_empty_list_means_nothing_and_no_list_means_unlabelled(tmp_path):
    kinds = [{"qid": 1, "relevant_windows": []}, {"qid": 2}, {"qid": 3, "relevant_windows": None}]
    assert [a.nothing for a in read(tmp_path, *kinds)] == [True, False, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            {"saliency_scores": [4, [3, 3]], "relevant_clip_ids": [1, 2]},
            r"2: saliency_scores must have the same annotators .* one number at saliency_scores\[0\] and 2 numbers",
            id="number and list",
        ),
        pytest.param(
            {"saliency_scores": [[4, 4, 4], [3, 3]], "relevant_clip_ids": [1, 2]},
            "Got 3 numbers",
            id="an annotator less",
        ),
        pytest.param({"label": [[1, 2], [1]]}, r"label must have the same annotators", id="label"),
        pytest.param(
            {"saliency_scores": [4, 4], "relevant_clip_ids": [1, 1]}, "must not repeat. Got 1", id="clip twice"
        ),
        pytest.param({"vid": "v0", "duration": 20}, "lasts 20 s here and 10 s at .*:1", id="two durations"),
        pytest.param({"label": [[None]]}, "must be a number. Got None", id="missing score"),
    ],
)
def test_what_contradicts_is_named(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, {"qid": 1}, {"qid": 2, **change})


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param([[0], [1]], [0, 4], id="0 and 1"),
        pytest.param([[1, 5], [5, 5]], [2, 4], id="1 to 5"),
        pytest.param([[0, 4], [4, 4]], [2, 4], id="0 to 4"),
        pytest.param([[10], [30], [20]], [0, 4, 2], id="another scale"),
    ],
)
def test_labels_come_to_the_scale_of_saliency(tmp_path, labels, expected):
    assert read(tmp_path, {"qid": 1, "label": labels})[0].saliency.tolist() == expected


@pytest.mark.parametrize(
    ("window", "problem", "repaired"),
    [
        pytest.param((2, 2), None, (2, 2), id="zero length"),
        pytest.param((2, 12), None, (2, 12), id="one clip late"),
        pytest.param((2, 12.01), "outside", (2, 10), id="later"),
        pytest.param((10, 12), None, (10, 12), id="starts at the end"),
        pytest.param((10, 13), "outside", None, id="nothing left"),
        pytest.param((-1, 3), "before 0", (0, 3), id="starts early"),
        pytest.param((-2, -1), "before 0", None, id="before the video"),
        pytest.param((4, 3), "reversed", None, id="reversed"),
    ],
)
def test_the_rule_for_windows(window, problem, repaired):
    found = window_problem(*window, 10.0, 2.0)
    assert (found is None) == (problem is None)
    assert problem is None or problem in (found or "")
    assert repaired_window(*window, 10.0, 2.0) == repaired
    # a long video: 5 % of it
    assert window_problem(90, 105, 100.0, 2.0) is None
    assert window_problem(90, 105.1, 100.0, 2.0) is not None


def test_a_point_becomes_a_clip_to_train_on():
    spans = normalised_spans(np.array([[5.0, 5.0], [0.0, 0.0], [20.0, 20.0]]), 10, 2.0)
    np.testing.assert_allclose(spans * 20, [[4, 6], [0, 2], [18, 20]])


# from the file to the answer


def write_kinds(folder):
    """The tiny data, where every third training query and two of validation match nothing."""
    write_tiny_data(folder)
    for split in ("train", "val"):
        path = folder / f"{split}.jsonl"
        records = [json.loads(line) for line in path.read_text().splitlines()]
        for record in records[:: 3 if split == "train" else 2]:
            for key in ("relevant_windows", "relevant_clip_ids", "saliency_scores"):
                record[key] = []
        path.write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    write_kinds(folder)
    config = tiny_config(folder, {"train.epochs": 1})
    from rdmf_model.training.train import train

    train(config, folder / "run")
    return folder


def test_abstention_is_trained_measured_and_answered(run, capsys):
    assert main(["evaluate", str(run / "run"), "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["queries"]["nothing matches"] == 3
    assert metrics["no_moment"]["chosen_on"] == "validation"
    header = json.loads((run / "run" / "log.jsonl").read_text().splitlines()[0])["metrics"]
    assert metrics["no_moment"]["threshold"] == header["NM-threshold"]
    features = [arg for kind in ("video", "more_video") for arg in ("--features", str(run / kind / "video_1.npz"))]
    assert main(["localize", str(run / "run"), *features, "--text", str(run / "text" / "qid1.npz"), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    best = max(score for *_, score in answer["pred_relevant_windows"])
    assert answer["no_moment"] == (best < header["NM-threshold"])


def test_below_the_threshold_the_answer_is_not_in_this_video():
    answer = Localization([(0.0, 2.0, 0.3)], [0.0], None, 2.0, 2.0, threshold=0.4)
    assert answer.no_moment
    assert not dataclasses.replace(answer, threshold=0.3).no_moment
    assert dataclasses.replace(answer, threshold=None).to_dict()["no_moment"] is None


def test_labels_alone_are_trained_and_selected_by_their_own_metric(tmp_path, capsys):
    write_tiny_data(tmp_path)
    generator = np.random.default_rng(0)
    for split in ("train", "val"):
        records = [json.loads(line) for line in (tmp_path / f"{split}.jsonl").read_text().splitlines()]
        for record in records:
            label = generator.integers(1, 6, size=(record["duration"] // 2, 3)).tolist()
            record |= {"relevant_windows": None, "relevant_clip_ids": None, "label": label}
            del record["saliency_scores"]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    document = tiny_document(tmp_path)
    document["model"]["region"] = {"wavelength": [4, 12]}
    document["train"]["epochs"] = 1
    from rdmf_model.config.config import parse_config
    from rdmf_model.training.train import train

    result = train(parse_config(document), tmp_path / "run")
    assert 0 < result.metrics["HL-top5-mAP"] <= 100
    stored = json.loads((tmp_path / "run" / "config.json").read_text())
    assert stored["train"]["selection"] == ["HL-top5-mAP"]


def test_what_comes_from_data_does_not_steer_the_terminal(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"qid": "a\x1b]0;owned\x07\u202e", "query": "q", "vid": "v", "duration": -1}) + "\n")
    other = tmp_path / "p.jsonl"
    other.write_text(json.dumps({"qid": "a\x1b[2J", "pred_relevant_windows": [[0, 1, 1]]}) + "\n")
    path.write_text(json.dumps({"qid": "b\x1b]0;owned\x07\u202e", "query": "q", "vid": "v", "duration": 9}) + "\n")
    assert main(["evaluate", "--predictions", str(other), "--ground-truth", str(path)]) == 3
    message = capsys.readouterr().err
    assert r"b\x1b]0;owned\x07\u202e" in message
    assert not any(ord(character) < 32 and character != "\n" for character in message)
    assert "\u202e" not in message
