"""From a video file and a sentence to windows, pictures, page and cut-out."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from rdmf_model.cli import main
from rdmf_model.encoders.registry import load_encoder
from rdmf_model.moments.answer import ZERO_SHOT
from rdmf_model.moments.page import clock, write_page
from rdmf_model.moments.search import VideoSearch, kinds_of_run
from rdmf_model.video.cut import cut
from rdmf_model.video.probe import probe
from rdmf_theory.errors import DataError, ParameterError
from tests.video.rendering import av, number_of, numbered, write_video
from tests.video.toy import TOY

SHOTS = (("red", 8), ("green", 12), ("blue", 6), ("red", 4))
COLOURS = {"red": (220, 30, 20), "green": (20, 190, 30), "blue": (30, 40, 210)}


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Red for 8 s, green for 12, blue for 6, red for 4; ten frames a second, with noise and sound."""
    rng = np.random.default_rng(0)
    frames = [
        np.clip(np.full((48, 64, 3), COLOURS[name]) + rng.integers(-15, 16, (48, 64, 3)), 0, 255).astype(np.uint8)
        for name, seconds in SHOTS
        for _ in range(10 * seconds)
    ]
    path = tmp_path_factory.mktemp("film") / "film <b>&.mp4"
    tone = np.sin(np.arange(30 * 16000) / 20).astype(np.float32) / 4
    return write_video(path, frames, [100 * n for n in range(len(frames))], gop=10, sound=tone)


def test_three_lines_find_the_shot(film):
    search = VideoSearch.open(film, TOY, 1.0)
    for query, (start, end) in (("the green one", (8, 20)), ("blue", (20, 26)), ("red", (0, 8))):
        answer = search.ask(query)
        assert answer.windows[0] == pytest.approx((start, end, 1.0), abs=0.7), query
        assert answer.method == ZERO_SHOT
        assert len(answer.found.saliency) == search.video.plan.num_clips == 30
    assert len(search.thumbnails) == 12
    assert search.thumbnails[0].shape == (120, 160, 3)
    np.testing.assert_allclose(search.thumbnails[5].mean((0, 1)), COLOURS["green"], atol=12)


def run(*arguments: object) -> int:
    return main(["localize", *map(str, arguments), "--encoder", TOY, "--clip-length", "1"])


def test_the_program_writes_everything_that_is_asked_for(film, tmp_path, capsys):
    names = {"-o": "answer.json", "--plot": "timeline.png", "--html": "page.html", "--cut": "moment.mp4"}
    options = [part for flag, name in names.items() for part in (flag, tmp_path / name)]
    assert run(film, "green", "--json", *options) == 0
    captured = capsys.readouterr()
    answer = json.loads(captured.out)
    assert answer == json.loads((tmp_path / "answer.json").read_text())
    assert answer["method"] == ZERO_SHOT
    start, end, score = answer["pred_relevant_windows"][0]
    assert (start, end, score) == pytest.approx((8, 20, 1.0), abs=0.7)
    assert (tmp_path / "timeline.png").read_bytes()[:4] == b"\x89PNG"
    moment = probe(tmp_path / "moment.mp4")
    assert moment.plan.duration >= end - start - 0.1
    assert run(film, "green") == 0
    printed = capsys.readouterr().out
    assert "zero-shot" in printed


def test_many_sentences_on_one_encoding(film, tmp_path, capsys, monkeypatch):
    (tmp_path / "queries.jsonl").write_text('{"query": "blue"}\n\n{"query": "green"}\n')
    opened = []
    original = VideoSearch.open
    monkeypatch.setattr(VideoSearch, "open", lambda *a, **k: (opened.append(1), original(*a, **k))[1])
    options = ("--batch", tmp_path / "queries.jsonl", "-o", tmp_path / "answers.jsonl", "--html", tmp_path / "p.html")
    assert run(film, *options) == 0
    assert opened == [1]
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [line["query"] for line in lines] == ["blue", "green"]
    assert lines[1]["pred_relevant_windows"][0][:2] == pytest.approx([8, 20], abs=0.7)
    assert (tmp_path / "p.html").read_text().count("<section>") == 2
    (tmp_path / "queries.jsonl").write_text('{"query": "blue"}\n{"question": "green"}\n')
    assert run(film, *options) == 3
    assert "queries.jsonl:2: needs a query" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["film", " "], 2, "query is empty"),
        (["film"], 2, "takes [RUN] VIDEO SENTENCE"),
        (["film", "a", "man", "walks"], 2, "put the sentence in quotes"),
        (["missing.mp4", "green"], 3, "cannot be read"),
        (["no_run", "film", "green"], 3, "no_run"),
        (["film", "green", "--html", "nowhere/page.html"], 2, "--html must lie in a folder that exists"),
        (["film", "green", "--html", "page.txt"], 2, "must end in .html"),
        (["film", "green", "--cut", "moment.mkv"], 2, "must end in .mp4"),
        (["film", "green", "--block", "3"], 2, "are for a run with --features"),
        (["film", "--features", "x.npz"], 2, "--features and --text go together"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_uses_end_in_one_line(film, tmp_path, capsys, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    assert run(*(film if argument == "film" else argument for argument in arguments)) == code
    assert message in capsys.readouterr().err.replace("\n", " ")


def test_a_run_trained_on_extracted_features_answers(film, tmp_path, capsys):
    """The whole way of one's own videos: extract, train, ask the run."""
    (tmp_path / "videos").mkdir()
    records = []
    for number in range(4):
        (tmp_path / "videos" / f"v{number}.mp4").write_bytes(film.read_bytes())
        for row, (query, window) in enumerate((("red", [0, 8]), ("green", [8, 20]), ("blue", [20, 26]))):
            record = {"qid": 10 * number + row, "query": query, "vid": f"v{number}", "duration": 30}
            records.append({**record, "relevant_windows": [window]})
    for split, chosen in (("train", records[:9]), ("val", records[9:])):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in chosen))
    features = tmp_path / "features"
    for split in ("train", "val"):
        arguments = ["extract", tmp_path / "videos", "-o", features, "--encoder", TOY, "--clip-length", "1"]
        assert main([*map(str, arguments), "--text", str(tmp_path / f"{split}.jsonl")]) == 0
    (tmp_path / "own.toml").write_text(
        f"""
        version = 1
        [data]
        train = "{tmp_path}/train.jsonl"
        val = "{tmp_path}/val.jsonl"
        video_features = ["{features}/toy"]
        text_features = "{features}/toy_text"
        clip_length = 1.0
        [model]
        channels = 16
        [train]
        epochs = 1
        batch_size = 4
        threads = 1
        """
    )
    run_folder = tmp_path / "run"
    assert main(["train", str(tmp_path / "own.toml"), "-o", str(run_folder)]) == 0
    capsys.readouterr()
    assert main(["localize", str(run_folder), str(film), "green", "--encoder", TOY, "--json"]) == 0
    by_video = json.loads(capsys.readouterr().out)
    assert by_video["method"] == "run run"
    files = ("--features", features / "toy" / "v3.npy", "--text", features / "toy_text" / "qid31.npz")
    assert main(["localize", str(run_folder), *map(str, files), "--json"]) == 0
    by_files = json.loads(capsys.readouterr().out)
    # one execution path: the same scores from the video as from its extracted features
    assert by_video["pred_saliency_scores"] == by_files["pred_saliency_scores"]
    assert by_video["pred_relevant_windows"] == by_files["pred_relevant_windows"][:10]
    # a run of other features is refused by name
    with pytest.raises(DataError, match="the encoder lite makes lite_image"):
        kinds_of_run(run_folder, load_encoder("lite"))


def test_audio_alone_is_not_asked_for_sentences(film):
    class Deaf:
        name, source, text_width = "deaf", "sound", 0

    with pytest.raises(ParameterError, match="has no text side"):
        VideoSearch.open(film, Deaf())  # type: ignore[arg-type]


def test_the_page_escapes_and_refers_to_the_video_beside_it(film):
    search = VideoSearch.open(film, TOY, 1.0)
    answer = search.ask("</script><b>red</b>")
    target = write_page([answer], film.parent / "page.html", search.thumbnails)
    text = target.read_text()
    assert "<b>" not in text
    assert text.count("</script>") == 1
    assert 'src="./film%20%3Cb%3E%26.mp4"' in text
    assert not re.findall(r"https?://", text), "nothing is loaded from anywhere"
    assert text.count("data:image/jpeg") == 12
    with pytest.raises(ParameterError, match="one video"):
        write_page([], film.parent / "page.html")


def test_a_cut_out_begins_with_the_frame_asked_for(tmp_path):
    """Start and end lie between key frames: the edit list hides what comes before, nothing is encoded again."""
    path = write_video(tmp_path / "v.mp4", numbered(200), [40 * n for n in range(200)], gop=50, b_frames=2)
    cut(path, tmp_path / "out.mp4", 1.2, 4.4)
    with av.open(str(tmp_path / "out.mp4")) as container:
        shown = [(frame.time, number_of(frame.to_ndarray(format="rgb24"))) for frame in container.decode(video=0)]
    shown = [(time, number) for time, number in shown if time >= 0]
    assert shown[0] == (pytest.approx(0, abs=0.001), 30)
    numbers = [number for _, number in shown]
    assert numbers == list(range(30, 30 + len(numbers)))
    # and the frames that were decoded before the last ones: two B-frames and what they refer to
    assert 80 <= len(numbers) <= 83


def test_cut_outs_refuse_what_they_cannot_do(film, tmp_path):
    with pytest.raises(ParameterError, match="0 <= start < end"):
        cut(film, tmp_path / "out.mp4", 3, 3)
    with pytest.raises(ParameterError, match="is the video itself"):
        cut(film, film, 0, 1)
    other = write_video(tmp_path / "v.avi", numbered(20), [40 * n for n in range(20)], codec="wmv2")
    with pytest.raises((ParameterError, DataError)):
        cut(other, tmp_path / "out.mp4", 0, 0.4)
    assert not (tmp_path / "out.mp4").exists()


def test_clocks():
    assert [clock(value) for value in (0, 59.96, 61.24, 3725.5)] == ["0:00.0", "1:00.0", "1:01.2", "1:02:05.5"]
