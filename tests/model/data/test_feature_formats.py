"""Every feature format as a file per video, as one file for all, and gzipped; what must not be read is refused."""

import gzip
import json
import pickle
import sys

import numpy as np
import pytest
import torch

from rdmf_model.cli import main
from rdmf_model.data.dataset import MomentDataset
from rdmf_model.data.feature_files import FeatureFiles
from rdmf_model.data.feature_formats.base import LARGEST_UNPACKED
from rdmf_model.data.feature_sources import FeatureKind, VideoFeatures, check_kinds, kind_names, trained_kinds
from rdmf_model.data.features import TEXT_KEYS, feature_path, load_features
from rdmf_model.data.recognise import KINDS, recognise_bytes
from rdmf_model.data.text_files import read_text
from rdmf_model.streaming.source import read_clips
from rdmf_theory.errors import DataError
from tests.model.tiny_data import tiny_config, write_tiny_data

h5py = pytest.importorskip("h5py", reason="needs the extra rdmf[hdf5]")
ARRAY = np.arange(12, dtype=np.float32).reshape(4, 3)


def write(path, arrays, key="features"):
    """`arrays` {name: array} in the format that the suffix names; one bare array under the name None."""
    bare = arrays.get(None)
    match path.suffix:
        case ".npy":
            np.save(path, bare)
        case ".npz":
            np.savez(path, **({key: bare} if bare is not None else arrays))
        case ".pt":
            tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
            torch.save(tensors.get(None, tensors), path)
        case ".h5":
            with h5py.File(path, "w") as file:
                for name, array in arrays.items():
                    file[key if name is None else name] = array
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt", ".h5"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_file_per_video(tmp_path, suffix, packed):
    path = write(tmp_path / f"v{suffix}", {None: ARRAY})
    if packed:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    found = feature_path(tmp_path, "v", source="here")
    np.testing.assert_array_equal(load_features(found), ARRAY)
    assert len(FeatureFiles([found], 3)) == 4


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".h5"])
def test_one_file_for_all_videos(tmp_path, suffix):
    arrays = {"a": ARRAY, "sub/b": ARRAY[:2]} if suffix == ".h5" else {"a": ARRAY, "b": ARRAY[:2]}
    path = write(tmp_path / f"all{suffix}", arrays)
    features = VideoFeatures([path])
    np.testing.assert_array_equal(features.load("a", source="x:1"), ARRAY)
    np.testing.assert_array_equal(features.load(list(arrays)[1], source="x:2"), ARRAY[:2])
    assert features.kinds == (FeatureKind("all", 3),)
    with pytest.raises(DataError, match=r"x:3: .*has no array 'zz'\. It has \['a', "):
        features.load("zz", source="x:3")
    with pytest.raises(DataError, match="below the feature folder"):
        features.load("../a", source="x:4")


def test_groups_and_dictionaries_with_keys(tmp_path):
    with h5py.File(tmp_path / "c3d.h5", "w") as file:
        file["v_1/c3d_features"] = ARRAY
        file["v_2/features"], file["v_2/times"] = ARRAY, ARRAY
        file["v_3/one"], file["v_3/two"] = ARRAY, ARRAY
    features = VideoFeatures([tmp_path / "c3d.h5"])
    np.testing.assert_array_equal(features.load("v_1", source="x"), ARRAY)
    np.testing.assert_array_equal(features.load("v_2", source="x"), ARRAY)
    with pytest.raises(DataError, match="has no array 'v_3'"):
        features.load("v_3", source="x")
    torch.save({"last_hidden_state": torch.from_numpy(ARRAY), "pooler_output": torch.ones(3)}, tmp_path / "qid1.pt")
    np.testing.assert_array_equal(load_features(tmp_path / "qid1.pt", TEXT_KEYS), ARRAY)


def test_half_precisions(tmp_path):
    torch.save(torch.from_numpy(ARRAY).bfloat16(), tmp_path / "b.pt")
    torch.save(torch.from_numpy(ARRAY).half(), tmp_path / "h.pt")
    assert load_features(tmp_path / "b.pt").dtype == np.float32
    assert load_features(tmp_path / "h.pt").dtype == np.float16


def test_a_whole_data_set_in_containers_is_the_same_data_set(tmp_path):
    write_tiny_data(tmp_path)
    annotations = tmp_path / "train.jsonl"
    folders = [tmp_path / "video", tmp_path / "more_video"]
    expected = MomentDataset(annotations, folders, tmp_path / "text")
    for folder in folders:
        write(folder.with_suffix(".h5"), {p.stem: np.load(p)["features"] for p in folder.iterdir()})
    texts = {p.stem: torch.from_numpy(np.load(p)["last_hidden_state"]) for p in (tmp_path / "text").iterdir()}
    torch.save(texts, tmp_path / "text.pt")
    found = MomentDataset(annotations, [folder.with_suffix(".h5") for folder in folders], tmp_path / "text.pt")
    for one, two in zip(expected, found, strict=True):
        assert torch.equal(one.video, two.video)
        assert torch.equal(one.text, two.text)
    assert found.video_kinds == expected.video_kinds == (FeatureKind("video", 6), FeatureKind("more_video", 2))


# what must not be read


class Bomb:
    """Leaves a trace if it is ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_objects_in_a_pt_file_are_never_loaded(tmp_path, legacy):
    trace = tmp_path / "unpickled"
    path = tmp_path / "v.pt"
    torch.save({"features": Bomb(trace)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(DataError, match="is no PyTorch file of tensors alone") as raised:
        load_features(path)
    assert not trace.exists()
    # torch's own advice would run the file
    assert "weights_only" not in str(raised.value)


def test_a_legacy_pt_file_of_a_tensor_is_read(tmp_path):
    torch.save(torch.from_numpy(ARRAY), tmp_path / "v.pt", _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(load_features(tmp_path / "v.pt"), ARRAY)


def test_an_hdf5_file_does_not_reach_other_files(tmp_path):
    write(tmp_path / "secret.h5", {None: ARRAY})
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["features"] = h5py.ExternalLink("secret.h5", "/features")
    with pytest.raises(DataError, match="is a link into another file"):
        load_features(tmp_path / "v.h5")
    (tmp_path / "raw").write_bytes(ARRAY.tobytes())
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("features", shape=(4, 3), dtype="f4", external=[(str(tmp_path / "raw"), 0, 48)])
    with pytest.raises(DataError, match="lies in other files"):
        load_features(tmp_path / "w.h5")


def test_bombs(tmp_path):
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file.create_dataset("features", shape=(LARGEST_UNPACKED, 3), dtype="f4", chunks=(1024, 3), compression="gzip")
    with pytest.raises(DataError, match="would unpack from 0 to"):
        load_features(tmp_path / "v.h5")
    (tmp_path / "v.npy.gz").write_bytes(gzip.compress(bytes(2 * LARGEST_UNPACKED)))
    with pytest.raises(DataError, match="its content would unpack from"):
        load_features(tmp_path / "v.npy.gz")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param(b"\0\0\0\x20ftypisom" + bytes(40), "is an MP4 or QuickTime video.*Extract features", id="mp4"),
        pytest.param(b"\x1a\x45\xdf\xa3" + bytes(40), "is a Matroska or WebM video", id="webm"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST" + bytes(40), "is an AVI video", id="avi"),
        pytest.param(pickle.dumps({"a": 1}), "is a Python pickle.*never loaded", id="pickle"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer.*git lfs pull", id="lfs"),
        pytest.param(b"<!DOCTYPE html><html>", "is a web page", id="html"),
        pytest.param(b"MATLAB 5.0 MAT-file" + bytes(140), "is a MATLAB file", id="mat"),
        pytest.param(b"PAR1" + bytes(40), "is a Parquet table", id="parquet"),
        pytest.param(b"\x28\xb5\x2f\xfd" + bytes(40), "is zstd-compressed data", id="zstd"),
        pytest.param(b"", "is no npz, npy, HDF5 or pt file", id="empty"),
        pytest.param(b"\x89HDF\r\n\x1a\n" + bytes(64), "is no npz, npy, HDF5 or pt file", id="hollow h5"),
        pytest.param(gzip.compress(ARRAY.tobytes())[:20], "is damaged gzip data", id="cut gzip"),
    ],
)
@pytest.mark.parametrize("name", ["v.npz", "v.pt"])
def test_foreign_files_are_named_by_their_content(tmp_path, content, what, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=what) as raised:
        load_features(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_an_annotation_file_of_another_kind_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    for content, what in (
        (b"\0\0\0\x20ftypisom", "MP4"),
        (b"PK\x03\x04....", "zip archive"),
        (b"\xff\xfea\0", "UTF-16"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=what):
            read_text(path)
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf{}"))
    assert read_text(path) == "{}"


def test_a_file_beside_is_named_where_features_are_missing(tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    with pytest.raises(DataError, match=r"x:1: features of 'v' are missing; .*v\.mp4 is there, but is an MP4"):
        feature_path(tmp_path, "v", source="x:1")
    with pytest.raises(DataError, match=r"w\.npz is missing"):
        feature_path(tmp_path, "w", source="x:1")


def test_pipes_are_refused_at_once(tmp_path):
    import os

    os.mkfifo(tmp_path / "v.npy")
    with pytest.raises(DataError, match="must be an ordinary file, not a pipe"):
        load_features(tmp_path / "v.npy")


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    write(tmp_path / "v.h5", {None: ARRAY})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"pip install 'rdmf\[hdf5\]'"):
        load_features(tmp_path / "v.h5")


def test_every_kind_says_what_to_do():
    assert all(kind.remedy.endswith((".", "`.", ").")) for kind in KINDS.values())
    assert recognise_bytes(b'{"qid": 1}') is None
    assert recognise_bytes("grüße".encode()) is None


# kinds of features


@pytest.mark.parametrize(
    ("clips", "fits"), [((100, 98), True), ((100, 97), False), ((1000, 990), True), ((1000, 989), False)]
)
def test_kinds_are_cut_within_two_clips_or_one_percent(tmp_path, clips, fits):
    for name, length in zip("ab", clips, strict=True):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "v.npy", np.ones((length, 2), np.float32))
    paths = [tmp_path / "a", tmp_path / "b"]
    if fits:
        assert VideoFeatures(paths).load("v", source="x").shape == (min(clips), 4)
        assert len(FeatureFiles([path / "v.npy" for path in paths], 4)) == min(clips)
    else:
        with pytest.raises(DataError, match="disagree on the length"):
            VideoFeatures(paths).load("v", source="x")
        with pytest.raises(DataError, match="differ in length"):
            FeatureFiles([path / "v.npy" for path in paths], 4)


TRAINED = (FeatureKind("clip", 8), FeatureKind("audio", 16), FeatureKind("flow", 8))


@pytest.mark.parametrize(
    ("found", "message"),
    [
        pytest.param([("clip", 8), ("audio", 16), ("flow", 8)], None, id="as trained"),
        pytest.param([("x", 8), ("y", 16), ("z", 8)], None, id="other names, same widths"),
        pytest.param([("all", 32)], None, id="joined already"),
        pytest.param(
            [("audio", 16), ("clip", 8), ("flow", 8)], r"kind 1 .*\(audio\) has 16 .* in this order", id="swap"
        ),
        pytest.param([("flow", 8), ("audio", 16), ("clip", 8)], r"kind 1 of the features \(flow\)", id="equal widths"),
        pytest.param([("clip", 8), ("audio", 12), ("flow", 12)], "audio.* has 12 .*every kind", id="foreign"),
        pytest.param([("clip", 8), ("audio", 16)], "has 2 kind.*trained on 3: clip with 8, then", id="missing"),
    ],
)
def test_kinds_are_compared_by_name_and_width(found, message):
    kinds = [FeatureKind(*kind) for kind in found]
    if message is None:
        check_kinds(kinds, TRAINED, "here")
    else:
        with pytest.raises(DataError, match=message):
            check_kinds(kinds, TRAINED, "here")


def test_names_of_kinds(tmp_path):
    assert kind_names([tmp_path / "clip", tmp_path / "audio.h5"]) == ("clip", "audio")
    assert kind_names([tmp_path / "a" / "x", tmp_path / "b" / "x"]) == ("a/x", "b/x")


def test_a_header_that_contradicts_itself_is_refused():
    assert trained_kinds({"widths": {"video": 8}}) == ()
    with pytest.raises(DataError, match="do not add up to its 9 channels"):
        trained_kinds({"widths": {"video": 9}, "video_kinds": [["a", 8]]})
    with pytest.raises(DataError, match="does not describe its features"):
        trained_kinds({"widths": {"video": 8}, "video_kinds": [["a"]]})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from rdmf_model.training.train import train

    folder = write_tiny_data(tmp_path_factory.mktemp("kinds"))
    train(tiny_config(folder, {"train.epochs": 1, "data.video_kinds": ["rgb", "sound"]}), folder / "run")
    return folder


def localize(run, *features):
    options = [argument for feature in features for argument in ("--features", feature)]
    return main(["localize", str(run / "run"), *options, "--text", str(run / "text" / "qid1.npz"), "--json"])


def test_swapped_kinds_are_refused_and_named_ones_need_no_order(run, capsys):
    rgb, sound = str(run / "video" / "video_1.npz"), str(run / "more_video" / "video_1.npz")
    assert localize(run, rgb, sound) == 0
    expected = json.loads(capsys.readouterr().out)
    assert localize(run, sound, rgb) == 3
    assert "has 2 channels, the model was trained on rgb with 6, then sound with 2. Give them in this order" in (
        capsys.readouterr().err
    )
    assert localize(run, f"sound={sound}", f"rgb={rgb}") == 0
    assert json.loads(capsys.readouterr().out) == expected
    swapped = [f'data.video_features=["{run / "more_video"}", "{run / "video"}"]', 'data.video_kinds=["sound", "rgb"]']
    assert main(["evaluate", str(run / "run"), *(f"--set={value}" for value in swapped)]) == 3
    assert "trained on rgb with 6" in capsys.readouterr().err


def test_pieces_of_a_stream_are_taken_by_number(tmp_path):
    for number in (1, 2, 10):
        np.save(tmp_path / f"piece_{number}.npy", np.full((1, 2), number, np.float32))
    rows = np.concatenate(list(read_clips([tmp_path], 2, 8, None)))
    assert rows[:, 0].tolist() == [1.0, 2.0, 10.0]


def test_a_configuration_may_begin_with_a_mark(run, tmp_path):
    from rdmf_model.config.config import load_config

    (tmp_path / "c.toml").write_bytes(b"\xef\xbb\xbfversion = 1\n")
    assert load_config(tmp_path / "c.toml").train.epochs == 30
