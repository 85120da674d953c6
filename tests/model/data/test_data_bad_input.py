"""Bad data is refused while it is read, with file, line, rule, value and remedy."""

import json
import pickle

import numpy as np
import pytest

from rdmf_model.data.dataset import MomentDataset
from rdmf_theory.errors import DataError

GOOD = {"query": "q", "vid": "a", "duration": 10, "relevant_windows": [[2, 6]]}


@pytest.fixture
def files(tmp_path):
    """A valid data set of two queries on two videos; tests spoil one thing in it."""
    for folder in ("video", "more", "text"):
        (tmp_path / folder).mkdir()
    for vid in "ab":
        np.savez(tmp_path / "video" / f"{vid}.npz", features=np.ones((5, 3), np.float32))
        np.savez(tmp_path / "more" / f"{vid}.npz", features=np.ones((6, 2), np.float32))
    for qid in (1, 2):
        np.savez(tmp_path / "text" / f"qid{qid}.npz", last_hidden_state=np.ones((3, 4), np.float32))
    write(tmp_path, {"qid": 1, **GOOD}, {"qid": 2, **GOOD, "vid": "b"})
    return tmp_path


def write(root, *lines):
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    (root / "train.jsonl").write_text(text)


def load(root):
    return MomentDataset(root / "train.jsonl", [root / "video", root / "more"], root / "text")


def test_the_data_set_that_the_other_tests_spoil_is_good(files):
    assert len(load(files)) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param('{"qid": 2, "query": "q"', "malformed JSON", id="cut off"),
        pytest.param("[1, 2]", r"must be a JSON object \{...\}. Got a list", id="no object"),
        pytest.param('{"qid": 2, "duration": NaN}', "malformed JSON .NaN is not a JSON number", id="NaN literal"),
        pytest.param("[" * 100_000, "malformed JSON", id="nested too deep"),
        pytest.param({"qid": 1}, r"qid 1 occurs twice \(first at .*train.jsonl:1\)", id="duplicate qid"),
        pytest.param({"qid": "1"}, "qid 1 occurs twice", id="duplicate qid as text"),
        pytest.param({"qid": None}, "qid must be an integer or a string. Got None", id="no qid"),
        pytest.param({"qid": "../1"}, "qid must name a file below", id="qid climbs"),
        pytest.param({"query": 7}, "query must be a string", id="query"),
        pytest.param({"vid": 7}, "vid must be a string", id="vid"),
        pytest.param({"vid": "../a"}, "vid must name a file below .* Got '../a'", id="vid climbs"),
        pytest.param({"vid": "x/../../a"}, "vid must name a file below", id="vid climbs inside"),
        pytest.param({"vid": "/etc/passwd"}, "vid must name a file below", id="vid absolute"),
        pytest.param({"vid": "..\\a"}, "vid must name a file below", id="vid climbs, backslash"),
        pytest.param({"vid": "C:a"}, "vid must name a file below", id="vid on a drive"),
        pytest.param({"vid": "a\0b"}, "vid must name a file below", id="vid with NUL"),
        pytest.param({"vid": ""}, "vid must name a file below", id="vid empty"),
        pytest.param({"vid": "zz"}, r"feature file .*zz.npz is missing. Extract", id="missing features"),
        pytest.param({"qid": 9}, r"feature file .*qid9.npz is missing", id="missing text"),
        pytest.param({"duration": 0}, "duration must be positive", id="no duration"),
        pytest.param({"duration": "10"}, "duration must be a number. Got '10'", id="duration is text"),
        pytest.param(
            {"duration": 100}, r"lasts 100 s, but its 5 feature clips of 2 s cover 10 s. Set", id="too few clips"
        ),
        pytest.param({"duration": 5, "relevant_windows": []}, "lasts 5 s.*about 1", id="too many clips"),
        pytest.param({"relevant_windows": [[6, 2]]}, r"relevant_windows\[0\] is reversed.*Got \[6, 2\]", id="reversed"),
        pytest.param({"relevant_windows": [[-1, 2]]}, "must not start before 0 s", id="negative"),
        pytest.param({"relevant_windows": [[2, 12.5]]}, "outside the video of 10 s. Got .2, 12.5.", id="ends outside"),
        pytest.param({"relevant_windows": [[2, 4], [12.5, 13]]}, r"windows\[1\] lies outside", id="starts outside"),
        pytest.param({"relevant_windows": [[2, None]]}, "must be a number. Got None", id="open window"),
        pytest.param(
            '{"qid":2,"query":"","vid":"b","duration":10,"relevant_windows":[[2,1e999]]}', "finite", id="1e999"
        ),
        pytest.param({"duration": 10**400}, "duration must be finite", id="huge integer"),
        pytest.param({"relevant_windows": [2, 6]}, r"relevant_windows\[0\] must be \[start, end\]", id="flat windows"),
        pytest.param({"relevant_windows": {"a": 1}}, "must be a list", id="windows no list"),
        pytest.param({"saliency_scores": [[4]]}, "1 saliency_scores need as many relevant_clip_ids", id="no clip ids"),
        pytest.param({"saliency_scores": [4], "relevant_clip_ids": [1, 2]}, "Got 2", id="clip ids differ"),
        pytest.param({"saliency_scores": [4], "relevant_clip_ids": [-1]}, "integers >= 0", id="clip id negative"),
        pytest.param({"saliency_scores": [4], "relevant_clip_ids": [6]}, "must lie in the video", id="clip id outside"),
        pytest.param({"saliency_scores": [["x"]], "relevant_clip_ids": [1]}, "must be a number", id="score is text"),
        pytest.param({"saliency_scores": [[]], "relevant_clip_ids": [1]}, "no annotator's score", id="no annotator"),
    ],
)
def test_a_bad_line_is_named(files, change, message):
    second = change if isinstance(change, str) else {"qid": 2, **GOOD, "vid": "b", **change}
    write(files, {"qid": 1, **GOOD}, second)
    with pytest.raises(DataError, match=message) as raised:
        load(files)
    assert str(raised.value).startswith(f"{files / 'train.jsonl'}:2: ")


@pytest.mark.parametrize("key", ["qid", "query", "vid", "duration"])
def test_a_missing_field_is_named(files, key):
    line = {"qid": 1, **GOOD}
    del line[key]
    write(files, line)
    with pytest.raises(DataError, match=f"train.jsonl:1: field '{key}' is missing"):
        load(files)


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_split_is_refused(files, text):
    (files / "train.jsonl").write_text(text)
    with pytest.raises(DataError, match=r"train.jsonl: the split is empty. It must hold at least one query"):
        load(files)


def test_unreadable_annotations_are_refused(files):
    (files / "train.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"train\.jsonl: is not UTF-8 text"):
        load(files)
    (files / "train.jsonl").unlink()
    with pytest.raises(DataError, match=r"train\.jsonl: cannot be read .No such file"):
        load(files)


def spoiled(value):
    array = np.ones((5, 3), np.float32)
    array[3, 1] = value
    return {"features": array}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        pytest.param({"features": np.ones((5, 4))}, "has 4 channels, but .*a.npz has 3. All videos", id="width"),
        pytest.param(spoiled(np.nan), "must be finite. Got nan at clip 3, channel 1 .1 such", id="NaN"),
        pytest.param(spoiled(-np.inf), "must be finite. Got -inf", id="infinite"),
        pytest.param({"features": np.full((5, 3), 1e300)}, "must be finite", id="beyond float32"),
        pytest.param(spoiled(3e7), "must not exceed 1e.06 in size.*Got 3e.07", id="too large"),
        pytest.param({"features": np.ones((0, 3))}, "holds no clips", id="no clips"),
        pytest.param({"features": np.ones((5, 0))}, "holds no channels", id="no channels"),
        pytest.param({"features": np.ones(5)}, r"shape \(clips, channels\). Got shape \(5,\)", id="one axis"),
        pytest.param({"features": np.ones((5, 3), complex)}, "real numbers. Got dtype complex128", id="complex"),
        pytest.param({"feature": np.ones((5, 3))}, r"has no array 'features'. It has \['feature'\]", id="key"),
        pytest.param(
            {"features": np.array([[object()]])}, "no npz, npy, HDF5 or pt file of plain arrays", id="pickled array"
        ),
    ],
)
def test_bad_video_features_are_named(files, arrays, message):
    np.savez(files / "video" / "b.npz", **arrays)
    with pytest.raises(DataError, match=message) as raised:
        load(files)
    assert str(raised.value).startswith(str(files / "video" / "b.npz"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        pytest.param({"last_hidden_state": np.ones((0, 4))}, "holds no tokens", id="without tokens"),
        pytest.param({"last_hidden_state": np.ones((3, 5))}, "has 5 channels, but .*qid1.npz has 4", id="width"),
        pytest.param({"last_hidden_state": np.full((3, 4), np.nan)}, "Got nan at token 0", id="NaN"),
        pytest.param({"pooler_output": np.ones(4)}, "has no array 'last_hidden_state'", id="key"),
    ],
)
def test_bad_text_features_are_named(files, arrays, message):
    np.savez(files / "text" / "qid2.npz", **arrays)
    with pytest.raises(DataError, match=message) as raised:
        load(files)
    assert str(raised.value).startswith(str(files / "text" / "qid2.npz"))


class Bomb:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("suffix", ["npz", "npy"])
def test_pickles_are_never_loaded(files, suffix):
    trace = files / "unpickled"
    (files / "video" / "b.npz").unlink()
    (files / "video" / f"b.{suffix}").write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(DataError, match=r"is a Python pickle, .* never loaded"):
        load(files)
    assert not trace.exists()


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_truncated_files_are_refused(files, keep):
    path = files / "video" / "b.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="is no npz, npy, HDF5 or pt file of plain arrays"):
        load(files)


def test_folders_of_different_clip_lengths_are_refused(files):
    np.savez(files / "more" / "b.npz", features=np.ones((10, 2), np.float32))
    with pytest.raises(
        DataError, match=r"train.jsonl:2: the folders disagree on the length of 'b' by more than 2 clips"
    ):
        load(files)


def test_missing_folders_are_refused(files):
    with pytest.raises(DataError, match="nowhere: is not a folder of features"):
        MomentDataset(files / "train.jsonl", [files / "nowhere"], files / "text")
    with pytest.raises(DataError, match="nowhere: is not a folder of features"):
        MomentDataset(files / "train.jsonl", [files / "video"], files / "nowhere")
    with pytest.raises(DataError, match="at least one feature folder"):
        MomentDataset(files / "train.jsonl", [], files / "text")
