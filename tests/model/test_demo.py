"""`rdmf demo`: the whole line in one command, its report, and what it refuses."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from rdmf_model.cli import main
from rdmf_model.demo.demo import DemoStopped, demo, prepare_folder, run_step
from rdmf_model.demo.film import scene_windows, write_film
from rdmf_model.demo.steps import Step, all_steps
from rdmf_model.moments.search import VideoSearch
from rdmf_theory.errors import DataError, ParameterError


@pytest.mark.timeout(600)
def test_the_whole_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    assert main(["demo", str(folder), "--epochs", "1", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["holds"] is True
    assert answer == json.loads((folder / "report.json").read_text())
    commands = [step["command"].split()[1] for step in answer["steps"]]
    assert commands == [
        *("derive", "check", "region", "certify", "dispersion", "simulate"),
        *("train", "evaluate", "verify", "certify", "localize", "localize"),
    ]
    ((start, end, _), *_) = answer["steps"][-1]["result"]["pred_relevant_windows"]
    assert [start, end] == pytest.approx(scene_windows()["spider web"], abs=2.0)
    report = (folder / "report.html").read_text()
    assert report.count("data:image/png;base64,") == 5
    assert "violated" not in report.partition("</style>")[2]
    for name in ("region.json", "certificate.json", "run/best.safetensors", "film.mp4", "moment.html"):
        assert (folder / name).is_file()


def test_without_an_encoder_the_demo_says_what_is_left_out(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("rdmf_model.demo.demo.obstacle", lambda command: "needs av. Install it.")
    with pytest.raises(DemoStopped):
        demo(tmp_path / "demo", prints("", 3))
    query = {"query": "x", "relevant_windows": [[0, 2]], "vid": "v", "qid": 1}
    monkeypatch.setattr("rdmf_model.demo.demo.all_steps", lambda query, *, film: [])
    demo(tmp_path / "short", prints("", 0))
    assert "Left out: a video and a sentence; that needs av." in (tmp_path / "short" / "report.html").read_text()
    assert "without the last step" in capsys.readouterr().err
    assert not (tmp_path / "demo" / "film.mp4").exists()
    assert all("film" not in step.command for step in all_steps(query, film=False))


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> VideoSearch:
    pytest.importorskip("onnxruntime", reason="needs the extra encoders")
    return VideoSearch.open(write_film(tmp_path_factory.mktemp("film") / "film.mp4"))


@pytest.mark.parametrize(
    ("sentence", "scene"),
    [
        ("a clock on the wall", "clock"),
        ("a traffic light in the street", "traffic light"),
        ("somebody solves a crossword", "crossword"),
        ("a flag in the wind", "flag"),
    ],
)
def test_every_scene_of_the_film_is_found(film, sentence, scene) -> None:
    (start, end, _), *_ = film.ask(sentence).windows
    assert (start, end) == pytest.approx(scene_windows()[scene], abs=2.0)


def step(may_find_violation: bool = False) -> Step:
    return Step("Check", "Why.", ("check", "--F", "1"), dict, may_find_violation=may_find_violation)


def prints(text: str, code: int):
    def program(arguments: Sequence[str]) -> int:
        assert arguments[-1] == "--json"
        print(text)
        return code

    return program


def test_a_violation_is_reported_where_it_may_be_found() -> None:
    assert run_step(step(may_find_violation=True), prints('{"holds": false}', 1))["exit"] == 1
    with pytest.raises(DemoStopped, match="rdmf check --F 1 ended with exit code 1"):
        run_step(step(), prints('{"holds": false}', 1))


def test_a_failing_command_stops_the_demo(tmp_path: Path) -> None:
    with pytest.raises(DemoStopped) as stopped:
        demo(tmp_path / "demo", prints("", 3))
    assert stopped.value.code == 3
    assert not (tmp_path / "demo" / "report.html").exists()


def test_output_that_is_no_json_is_refused() -> None:
    with pytest.raises(DataError, match="printed no single JSON object"):
        run_step(step(), prints("{} {}", 0))


def test_a_folder_in_use_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["demo", str(tmp_path)]) == 2
    assert "must be new or empty" in capsys.readouterr().err


def test_force_replaces_an_earlier_demo_only(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ParameterError, match="replaces an earlier demo only"):
        prepare_folder(tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    (tmp_path / "demo.toml").write_text("")
    assert list(prepare_folder(tmp_path, force=True).iterdir()) == []


@pytest.mark.parametrize("options", [{"seed": -1}, {"epochs": 0}], ids=["seed", "epochs"])
def test_bad_arguments(options: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"--seed must be >= 0 and --epochs >= 1"):
        demo(tmp_path / "demo", main, **options)
