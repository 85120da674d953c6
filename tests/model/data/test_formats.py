"""Every published annotation format, from small files written after its documentation; checks and conversion."""

import gzip
import json

import numpy as np
import pytest
import torch

from rdmf_model.cli import main
from rdmf_model.data.annotations import read_annotations
from rdmf_model.data.check import check_annotations
from rdmf_model.data.formats import FORMATS, read_durations, read_records
from rdmf_theory.errors import DataError, ParameterError
from tests.model.tiny_data import write_tiny_data


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


EGO4D = {
    "version": "1",
    "videos": [
        {
            "video_uid": "u",
            "clips": [
                {
                    "clip_uid": "c1",
                    "video_start_sec": 100.0,
                    "video_end_sec": 580.0,
                    "annotations": [
                        {
                            "annotation_uid": "a",
                            "language_queries": [
                                {"query": "Where was the cup?", "clip_start_sec": 3.5, "clip_end_sec": 9.0},
                                {"query": "", "clip_start_sec": 0, "clip_end_sec": 1},
                                {"query": "Who?", "clip_start_sec": 20.0, "clip_end_sec": 20.0},
                            ],
                        }
                    ],
                }
            ],
        }
    ],
}
CASTELLA = [
    {
        "yid": "-0aw",
        "global_caption": "A man drives",
        "duration": 299,
        "num_moments": 2,
        "moments": [
            {"local_caption": "turn signal", "timestamps": [[52, 66]]},
            {"local_caption": "drives", "timestamps": [[177, 190], [299, 300]]},
        ],
    }
]
DIDEMO = [
    {
        "annotation_id": 7,
        "description": "dog jumps",
        "video": "1_2_3.mov",
        "times": [[1, 1], [0, 1], [1, 1], [5, 5]],
        "num_segments": 6,
        "dl_link": "x",
    }
]
# file name, content, format, (qid, vid, query, duration, windows) of each query
FILES = {
    "charades_sta": (
        "charades_sta_test.txt",
        "AO8RW 0.0 6.9##a person is putting a book on a shelf.\nAO8RW 24.3 30.4##person turn a light on.\n",
        [
            ("AO8RW_0", "AO8RW", "a person is putting a book on a shelf.", 33.67, [[0.0, 6.9]]),
            ("AO8RW_1", "AO8RW", "person turn a light on.", 33.67, [[24.3, 30.4]]),
        ],
    ),
    "activitynet_captions": (
        "val_1.json",
        json.dumps(
            {"v_1": {"duration": 82.73, "timestamps": [[0.83, 19.86], [17.37, 60.81]], "sentences": ["A ", " B"]}}
        ),
        [("v_1_0", "v_1", "A", 82.73, [[0.83, 19.86]]), ("v_1_1", "v_1", "B", 82.73, [[17.37, 60.81]])],
    ),
    "tacos as one object": (
        "test.json",
        json.dumps(
            {"s30-d52.avi": {"timestamps": [[100, 300]], "sentences": ["He cuts"], "fps": 20.0, "num_frames": 1000}}
        ),
        [("s30-d52.avi_0", "s30-d52.avi", "He cuts", 50.0, [[5.0, 15.0]])],
    ),
    "didemo": (
        "val_data.json",
        json.dumps(DIDEMO),
        [(7, "1_2_3.mov", "dog jumps", 30.0, [[5, 10], [0, 10], [25, 30]])],
    ),
    "tvr": (
        "tvr_train_release.jsonl",
        lines(
            {
                "vid_name": "f_s01_clip",
                "duration": 61.46,
                "ts": [10.84, 11.86],
                "desc": "Ann sits",
                "type": "v",
                "desc_id": 3,
            }
        ),
        [(3, "f_s01_clip", "Ann sits", 61.46, [[10.84, 11.86]])],
    ),
    "ego4d_nlq": (
        "nlq_val.json",
        json.dumps(EGO4D),
        [("a_0", "c1", "Where was the cup?", 480.0, [[3.5, 9.0]]), ("a_2", "c1", "Who?", 480.0, [[20.0, 20.0]])],
    ),
    "castella": (
        "test.json",
        json.dumps(CASTELLA),
        [
            ("-0aw_0", "-0aw", "turn signal", 299, [[52, 66]]),
            ("-0aw_1", "-0aw", "drives", 299, [[177, 190], [299, 300]]),
        ],
    ),
    "moment_detr": (
        "clotho-moment_train.jsonl",
        lines({"qid": 1, "vid": "0_a", "query": "rain", "duration": 60, "relevant_windows": [[3, 9]]}),
        [(1, "0_a", "rain", 60, [[3, 9]])],
    ),
}


def write(folder, name):
    file, content, expected = FILES[name]
    (folder / "Charades_v1_test.csv").write_text("id,subject,length\nAO8RW,X,33.67\n")
    (folder / file).write_text(content)
    return folder / file, expected


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_published_format(tmp_path, name, packed):
    path, expected = write(tmp_path, name)
    if packed:
        path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + path.read_bytes()))
    form, _ = read_records(path)
    assert name.startswith(form.key) or name == "tacos as one object"
    found = [(a.qid, a.vid, a.query, a.duration, a.windows.tolist()) for a in read_annotations(path)]
    assert found == expected


@pytest.mark.parametrize(
    ("video", "labels"),
    [
        pytest.param({"anno": [[1, 5], [3, 3]], "title": "a dog", "domain": "PR"}, [[1, 5], [3, 3]], id="tvsum"),
        pytest.param({"match": [-1, 0, 1], "frames": 300, "fps": 30.0, "domain": "dog"}, [[0], [0], [1]], id="youtube"),
    ],
)
def test_labels_as_one_object(tmp_path, video, labels):
    (tmp_path / "anno.json").write_text(json.dumps({"v": video}))
    (annotation,) = read_annotations(tmp_path / "anno.json")
    assert annotation.record["label"] == labels
    assert annotation.record["domain"] == video["domain"]
    assert annotation.query == video.get("title", "dog")
    assert annotation.duration == (2 if "anno" in video else 10.0)


def test_the_sets_beside_the_checkout_are_read_whole(shared_data):
    counts = {
        "qvhighlights/highlight_val_release.jsonl": (1550, 1550),
        "charades_sta/charades_sta_test_tvr_format.jsonl": (3720, 3720),
        "tacos/test.jsonl": (4001, 4001),
        "tvsum/tvsum_train_release.jsonl": (40, 40),
        "youtube_highlights/youtube_highlight_train_release.jsonl": (233, 233),
    }
    for name, (records, usable) in counts.items():
        report = check_annotations(shared_data / name)
        assert (report.counts["records"], report.counts["usable"], len(report.problems)) == (records, usable, 0), name


def test_every_format_has_a_fixture():
    known = {name for name in FILES if name != "tacos as one object"} | {"highlights"}
    assert known == {form.key for form in FORMATS}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("[1, 2, 3]", "in none of the known annotation formats", id="numbers"),
        pytest.param('{\n  "a": 1,\n  "b": 2\n}\n', "in none of the known", id="another object"),
        pytest.param("just words", "in none of the known", id="words"),
        pytest.param('[{"yid": "a", "moments": [{}]}]', "entry 0: field 'duration' is missing", id="castella"),
        pytest.param('{"v": {"timestamps": [[0, 1]], "sentences": []}}', "0 sentences need as many", id="anet"),
        pytest.param(
            '[{"times": [[3, 1]], "description": "a", "video": "v"}]', "first <= last. Got .3, 1.", id="didemo"
        ),
        pytest.param("a 0.0 1.0##b\nnonsense", "duration of video 'a' is not known", id="charades"),
    ],
)
def test_what_is_wrong_in_a_format_is_named(tmp_path, content, message):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(DataError, match=message):
        read_annotations(tmp_path / "a.txt")


def test_durations(tmp_path):
    (tmp_path / "d.json").write_text('{"a": 3.5}')
    (tmp_path / "d.csv").write_text("vid,duration\na,3.5\n")
    assert read_durations(tmp_path / "d.json") == read_durations(tmp_path / "d.csv") == {"a": 3.5}
    for text, message in (
        ("x,y\n1,2\n", "must have the columns"),
        ("id,length\na,long\n", "must be a number of seconds"),
    ):
        (tmp_path / "d.csv").write_text(text)
        with pytest.raises(DataError, match=message):
            read_durations(tmp_path / "d.csv")
    with pytest.raises(ParameterError, match="format must be one of"):
        read_records(write(tmp_path, "tvr")[0], key="tvx")


# check and convert

BASE = {"query": "q", "vid": "v", "duration": 10}
SPOILT = [
    BASE | {"qid": 0, "relevant_windows": [[0, 3]]},
    BASE | {"qid": 1, "relevant_windows": [[2, 30], [4, 5], [6, 1]]},
    BASE | {"qid": 2, "relevant_windows": [[40, 50]]},
    BASE | {"qid": 3},
    BASE | {"qid": 0, "relevant_windows": [[0, 3]]},
    {"qid": 4, "query": 7, "vid": "v", "duration": 10},
    BASE | {"qid": 5, "relevant_windows": []},
]


def test_all_bad_records_are_listed_with_what_repair_does(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text(lines(*SPOILT) + "{half\n")
    assert main(["data", "check", str(path), "--json"]) == 3
    (report,) = json.loads(capsys.readouterr().out)["annotations"]
    found = [(problem["message"].split(": ")[0].rsplit(":", 1)[1], problem["repair"]) for problem in report["problems"]]
    assert found == [
        ("2", "cuts it to [2, 10]"),
        ("2", "skips the window"),
        ("3", "skips the record"),
        ("5", "skips the record"),
        ("6", "skips the record"),
        ("8", "skips the record"),
    ]
    counts = report["counts"]
    assert (counts["records"], counts["usable"], counts["records skipped"]) == (8, 4, 4)
    assert (counts["windows cut"], counts["windows skipped"], counts["nothing matches"]) == (1, 1, 1)
    assert main(["data", "check", str(path)]) == 3
    assert "--repair: 1 windows cut, 1 windows and 4 records skipped" in capsys.readouterr().out


def test_conversion_refuses_or_repairs(tmp_path, capsys):
    path, output = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    path.write_text(lines(*SPOILT))
    assert main(["data", "convert", str(path), "-o", str(output)]) == 3
    assert "5 problem(s) in all" in capsys.readouterr().err
    assert not output.exists()
    assert main(["data", "convert", str(path), "-o", str(output), "--repair"]) == 0
    assert {a.qid: a.windows.tolist() for a in read_annotations(output)} == {
        0: [[0, 3]],
        1: [[2, 10], [4, 5]],
        3: [],
        5: [],
    }
    # what is unlabelled stays unlabelled, what matches nothing stays that
    assert [a.nothing for a in read_annotations(output)] == [False, False, False, True]
    first = output.read_bytes()
    assert main(["data", "convert", str(path), "-o", str(output), "--repair"]) == 0
    assert output.read_bytes() == first
    assert main(["data", "check", str(output)]) == 0
    assert main(["data", "convert", str(path), "-o", str(path), "--repair"]) == 2


@pytest.mark.parametrize("name", FILES)
def test_a_converted_file_says_the_same(tmp_path, name):
    path, _ = write(tmp_path, name)
    assert main(["data", "convert", str(path), "-o", str(tmp_path / "out.jsonl")]) == 0
    before, after = read_annotations(path), read_annotations(tmp_path / "out.jsonl")
    assert [a.record for a in before] == [a.record for a in after]
    assert len(before) == len(after) > 0


def test_late_windows_of_raw_charades_are_cut(tmp_path):
    (tmp_path / "durations.json").write_text('{"A": 20.0}')
    (tmp_path / "a.txt").write_text("A 5.0 22.0##slightly late\nA 5.0 25.0##late\nA 25.0 30.0##past the end\n")
    report = check_annotations(tmp_path / "a.txt")
    assert [record["relevant_windows"] for record in report.records] == [[[5.0, 22.0]], [[5.0, 20.0]]]
    assert report.counts["windows that end late"] == 1


def test_features_become_a_file_each(tmp_path, capsys):
    arrays = {f"v{n}": np.full((3, 2), n, np.float32) for n in range(3)}
    torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, tmp_path / "all.pt")
    assert main(["data", "check", str(tmp_path / "all.pt")]) == 0
    assert "v1: shape (3, 2), float32" in capsys.readouterr().out
    assert main(["data", "convert", str(tmp_path / "all.pt"), "-o", str(tmp_path / "out")]) == 0
    for name, array in arrays.items():
        np.testing.assert_array_equal(np.load(tmp_path / "out" / f"{name}.npz")["features"], array)
    torch.save({"last_hidden_state": torch.ones(2, 4), "pooler_output": torch.ones(4)}, tmp_path / "qid1.pt")
    assert main(["data", "convert", str(tmp_path / "qid1.pt"), "-o", str(tmp_path / "text")]) == 0
    assert np.load(tmp_path / "text" / "qid1.npz")["last_hidden_state"].shape == (2, 4)
    torch.save({"../x": torch.ones(2, 4)}, tmp_path / "bad.pt")
    assert main(["data", "convert", str(tmp_path / "bad.pt"), "-o", str(tmp_path / "o")]) == 3
    assert not (tmp_path / "x.npz").exists()


def test_a_folder_is_checked_with_its_features(tmp_path, capsys):
    write_tiny_data(tmp_path)
    (tmp_path / "README.txt").write_text("words")
    assert main(["data", "check", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [part["kinds"] for part in report["features"]] == [[["more_video", 2], ["video", 6]]] * 2
    assert "README.txt" in report["other"][0]
    (tmp_path / "video" / "video_1.npz").unlink()
    (tmp_path / "text" / "qid2.npz").write_bytes(b"PAR1")
    np.savez(tmp_path / "more_video" / "video_3.npz", features=np.full((9, 2), np.nan))
    assert main(["data", "check", str(tmp_path), "--json"]) == 3
    messages = [p["message"] for part in json.loads(capsys.readouterr().out)["features"] for p in part["problems"]]
    for expected in ("video_1.npz is missing", "qid2.npz: is a Parquet table", "video_3.npz: features must be finite"):
        assert any(expected in message for message in messages), expected
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 3
