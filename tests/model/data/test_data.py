"""Data: what is on disk arrives in the batch, whatever its lengths and clip length."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rdmf_model.config.config import Config, DataConfig
from rdmf_model.data.annotations import read_annotations
from rdmf_model.data.batch import collate
from rdmf_model.data.dataset import MomentDataset, normalised_spans, relevant_clips
from rdmf_model.data.splits import load_split
from rdmf_theory.errors import ParameterError


def write_dataset(root, records, videos, texts, folders=("video_features",)):
    """`videos`: {vid: [array per folder]}, `texts`: {qid: array}; returns the arguments of MomentDataset."""
    (root / "text_features").mkdir(parents=True)
    for index, folder in enumerate(folders):
        (root / folder).mkdir()
        for vid, arrays in videos.items():
            np.savez(root / folder / f"{vid}.npz", features=arrays[index])
    for qid, array in texts.items():
        np.savez(root / "text_features" / f"qid{qid}.npz", last_hidden_state=array)
    (root / "train.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return root / "train.jsonl", [root / folder for folder in folders], root / "text_features"


def ramp(rows, columns, dtype=np.float16):
    return np.arange(rows * columns, dtype=dtype).reshape(rows, columns) / 16


def record(qid, vid, duration, windows=((0, 4),), **extra):
    return {
        "qid": qid, "query": f"query {qid}", "vid": vid, "duration": duration, "relevant_windows": windows, **extra
    }  # fmt: skip


@pytest.fixture
def dataset(tmp_path):
    records = [
        record(1, "a", 10, [[2, 6]], relevant_clip_ids=[1, 2], saliency_scores=[[4, 2, 0], [3, 3, 3]]),
        record(2, "b", 6.5, [[0, 2], [4, 6.5]]),
        record("x3", "a", 10, None, relevant_clip_ids=[4], saliency_scores=[1]),
    ]
    videos = {"a": [ramp(5, 3), ramp(5, 2)], "b": [ramp(4, 3), ramp(3, 2)]}
    texts = {1: ramp(2, 4), 2: ramp(6, 4), "x3": ramp(1, 4)}
    return MomentDataset(*write_dataset(tmp_path, records, videos, texts, ("clip", "slowfast")))


def test_features_are_concatenated_cut_to_the_shortest_and_padded_with_zeros(dataset):
    assert (len(dataset), dataset.video_channels, dataset.text_channels) == (3, 5, 4)
    batch = collate(list(dataset))
    assert batch.video.shape == (3, 5, 5)
    assert batch.video.dtype == torch.float32
    assert batch.video_lengths.tolist() == [5, 3, 5]
    expected = np.concatenate([ramp(4, 3)[:3], ramp(3, 2)], axis=1)
    assert torch.equal(batch.video[1, :3], torch.from_numpy(expected).float())
    assert not batch.video[1, 3:].any()
    assert batch.text.shape == (3, 6, 4)
    assert batch.text_lengths.tolist() == [2, 6, 1]
    assert torch.equal(batch.text[0, :2], torch.from_numpy(ramp(2, 4)).float())
    assert not batch.text[0, 2:].any()
    assert torch.equal(batch.clip_mask.sum(1), batch.video_lengths)
    assert torch.equal(batch.word_mask.sum(1), batch.text_lengths)


def test_targets_of_a_batch(dataset):
    batch = collate(list(dataset))
    assert batch.extent.tolist() == [10.0, 6.0, 10.0]
    torch.testing.assert_close(batch.windows[0], torch.tensor([[0.2, 0.6]]))
    # the extent is the features' 6 s; the window that ends at 6.5 s is cut there
    torch.testing.assert_close(batch.windows[1], torch.tensor([[0.0, 1 / 3], [2 / 3, 1.0]]))
    assert batch.windows[2].shape == (0, 2)
    assert batch.relevance.int().tolist() == [[0, 1, 1, 0, 0], [1, 0, 1, 0, 0], [0, 0, 0, 0, 0]]
    nan = float("nan")
    expected = torch.tensor([[nan, 2, 3, nan, nan], [nan] * 5, [nan, nan, nan, nan, 1]])
    torch.testing.assert_close(batch.saliency, expected, equal_nan=True)
    assert (batch.qids, batch.vids) == ([1, 2, "x3"], ["a", "b", "a"])
    assert batch.queries[1] == "query 2"
    assert len(batch) == 3


def test_each_video_is_held_once_in_its_stored_precision(dataset):
    assert dataset[0].video is dataset[2].video
    assert dataset[0].video.dtype == dataset[0].text.dtype == torch.float16


def test_records_are_the_lines_as_read(dataset):
    assert dataset.records == [json.loads(line) for line in dataset.path.read_text().splitlines()]


def test_moving_a_batch_moves_every_tensor(dataset):
    batch = collate(list(dataset)).to("meta")
    tensors = [batch.video, batch.video_lengths, batch.text, batch.text_lengths, batch.relevance, batch.saliency]
    assert {tensor.device.type for tensor in [*tensors, batch.extent, *batch.windows]} == {"meta"}
    assert batch.qids == [1, 2, "x3"]


def test_long_videos_and_any_clip_length(tmp_path):
    """No cap at 150 s; annotated clips may be of another length than the features'."""
    scored = {"relevant_clip_ids": [100], "saliency_scores": [4]}
    files = write_dataset(
        tmp_path, [record(1, "a", 300, [[200, 202]], **scored)], {"a": [ramp(600, 2)]}, {1: ramp(3, 2)}
    )
    sample = MomentDataset(*files, clip_length=0.5, annotation_clip_length=2.0)[0]
    assert sample.relevance.nonzero().ravel().tolist() == [400, 401, 402, 403]
    assert (sample.saliency == 4).nonzero().ravel().tolist() == [400, 401, 402, 403]


def test_a_configuration_sets_both_clip_lengths(tmp_path):
    scored = {"relevant_clip_ids": [1], "saliency_scores": [4]}
    files = write_dataset(tmp_path, [record(1, "a", 8, **scored)], {"a": [ramp(8, 2)]}, {1: ramp(3, 2)})
    data = DataConfig(
        train=files[0],
        video_features=tuple(files[1]),
        text_features=files[2],
        clip_length=1.0,
        annotation_clip_length=2.0,
    )
    sample = load_split(Config(data=data), "train")[0]
    assert (sample.saliency == 4).nonzero().ravel().tolist() == [2, 3]
    with pytest.raises(ParameterError, match=r"data\.annotation_clip_length must be"):
        DataConfig(annotation_clip_length=0.0)


def test_bare_arrays_are_read_too(tmp_path):
    annotations, [folder], text_folder = write_dataset(tmp_path, [record(1, "a", 8)], {}, {1: ramp(2, 2)})
    np.save(folder / "a.npy", ramp(4, 3, np.float64))
    video = MomentDataset(annotations, folder, text_folder)[0].video
    assert video.dtype == torch.float32
    assert video.shape == (4, 3)


def test_clip_labels_of_highlight_sets_become_saliency(tmp_path):
    labels = {"relevant_clip_ids": None, "label": [[1, 3], [5, 5], [2, 2], [1, 1]]}
    files = write_dataset(tmp_path, [record("v", "v", 8, None, **labels)], {"v": [ramp(4, 2)]}, {"v": ramp(2, 2)})
    sample = MomentDataset(*files)[0]
    # from the annotators' 1 to 5 to the saliency's 0 to 4
    assert sample.saliency.tolist() == [1.0, 4.0, 1.0, 0.0]
    assert len(sample.windows) == 0


windows = st.lists(st.tuples(st.floats(0, 99), st.floats(0.01, 50)), max_size=4)


@given(windows, st.integers(1, 60), st.floats(0.1, 5.0))
def test_normalised_spans_are_ordered_inside_the_extent_and_mark_a_clip(pairs, clips, clip_length):
    seconds = np.array([[start, start + length] for start, length in pairs]).reshape(-1, 2)
    spans = normalised_spans(seconds, clips, clip_length)
    assert ((spans >= 0) & (spans <= 1)).all()
    assert (spans[:, 0] < spans[:, 1]).all()
    for span in spans:
        assert relevant_clips(span[None], clips).any()
    inside = seconds[:, 1] <= clips * clip_length
    np.testing.assert_allclose(spans[inside] * clips * clip_length, seconds[inside], rtol=1e-9, atol=1e-9)


def test_collate_refuses_what_is_no_batch(dataset):
    with pytest.raises(ParameterError, match="samples must not be empty"):
        collate([])


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_clip_length_must_be_positive(dataset, value):
    with pytest.raises(ParameterError, match="clip_length must be positive and finite"):
        MomentDataset(dataset.path, [dataset.path.parent / "clip"], dataset.path.parent / "text_features", value)


@pytest.mark.parametrize("name", ["msrvtt_moments", "qvh_stack"])
def test_real_features_load(shared_data, name):
    root = shared_data / name
    dataset = MomentDataset(root / "val.jsonl", [root / "video_features"], root / "text_features")
    batch = collate([dataset[index] for index in range(32)])
    assert batch.video.isfinite().all()
    assert batch.relevance.any(dim=1).all()
    assert all(spans.min() >= 0 and spans.max() <= 1 for spans in batch.windows)


@pytest.mark.parametrize(
    ("name", "queries", "windows"),
    [
        ("qvhighlights/highlight_val_release.jsonl", 1550, 2803),
        ("charades_sta/charades_sta_test_tvr_format.jsonl", 3720, 3720),
        ("tacos/test.jsonl", 4001, 4001),
        ("tvsum/tvsum_val_release.jsonl", 10, 0),
        ("youtube_highlights/youtube_highlight_val_release.jsonl", 152, 0),
    ],
)
def test_released_annotations_are_accepted(shared_data, name, queries, windows):
    annotations = read_annotations(shared_data / name)
    assert len(annotations) == queries
    assert sum(len(annotation.windows) for annotation in annotations) == windows
