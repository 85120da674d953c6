"""The page of `rdmf serve`: sessions without a browser, and the page itself in one."""

import json
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from rdmf_model.encoders.registry import load_encoder
from rdmf_model.web.session import ZERO_SHOT, Session
from tests.video.rendering import write_video
from tests.video.toy import TOY

COLOURS = {"red": (220, 30, 20), "green": (20, 190, 30)}


def film(path: Path, names: tuple[str, ...]) -> Path:
    """Six seconds of each colour."""
    frames = [np.full((48, 64, 3), COLOURS[name], dtype=np.uint8) for name in names for _ in range(60)]
    return write_video(path, frames, [100 * n for n in range(len(frames))], gop=10)


def test_a_session_encodes_once_and_says_errors(tmp_path):
    video = film(tmp_path / "film.mp4", ("red", "green"))
    session = Session(load_encoder(TOY), 1.0, {})
    steps: list[tuple[int, int]] = []
    ask = lambda path, query, methods=(ZERO_SHOT,): session.ask(path, query, methods, lambda *at: steps.append(at))  # noqa: E731
    starts = re.findall(r'class="best" data-start="([\d.]+)"', ask(video, "green"))
    assert [float(start) for start in starts] == pytest.approx([6], abs=0.7)
    assert steps == [(12, 12)]
    assert "<section>" in ask(video, "<b>red</b>")
    assert "<b>" not in ask(video, "<b>red</b>")
    assert steps == [(12, 12)], "encoded once"
    assert session.predictions().count("\n") == 3
    for path, query, methods, reason in (
        (None, "green", (ZERO_SHOT,), "Choose a video first"),
        (video, " ", (ZERO_SHOT,), "query is empty"),
        (video, "green", (), "Choose at least one"),
        (video, "green", ("/etc/passwd",), "Choose at least one"),
    ):
        answer = ask(path, query, methods)
        assert 'role="alert"' in answer
        assert reason in answer
    (tmp_path / "broken.mp4").write_text("no video")
    answer = ask(tmp_path / "broken.mp4", "green")
    assert "broken.mp4: is no video" in answer
    assert str(tmp_path) not in answer, "no path of the machine"


@pytest.fixture(scope="module")
def address():
    pytest.importorskip("gradio", reason="needs Gradio: pip install 'rdmf[web]'")
    from rdmf_model.web.app import build, serve

    page = build(load_encoder(TOY), 1.0, {})
    yield serve(page, None, 1, block=False)
    page.close()


def fetch(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    """(status, body)."""
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


def upload(address: str, content: bytes) -> tuple[int, str]:
    """(status, where the server keeps it)."""
    head = b'--rdmf\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n'
    kind = "multipart/form-data; boundary=rdmf"
    status, body = fetch(f"{address}gradio_api/upload", head + content + b"\r\n--rdmf--\r\n", **{"Content-Type": kind})
    return status, json.loads(body)[0] if body else ""


def test_the_server_is_for_this_machine_and_serves_no_files(address, tmp_path):
    assert address.startswith("http://127.0.0.1:")
    (secret := tmp_path / "secret.txt").write_text("secret")
    for path in ("/etc/passwd", str(secret), str(Path(__file__).resolve()), "../../../../etc/passwd"):
        assert fetch(f"{address}gradio_api/file={path}")[0] in (403, 404), path


def test_uploads_are_limited_in_size(address):
    assert {size: upload(address, bytes(size))[0] for size in (100, 2**21)} == {100: 200, 2**21: 413}


ANOTHER_SERVER = """
import os, sys
os.environ.pop("GRADIO_TEMP_DIR", None)
from rdmf_model.encoders.registry import load_encoder
from rdmf_model.web.app import build, serve
from tests.video.test_serve import upload
from tests.video.toy import TOY
page = build(load_encoder(TOY), 1.0, {})
status, kept = upload(serve(page, None, 1, block=False), b"one video")
page.close()
print(status, kept, os.environ["GRADIO_TEMP_DIR"])
"""


def test_a_server_that_closes_takes_no_upload_of_another(address):
    """Gradio names uploads by content in one folder of the machine, and deletes its own when it closes."""
    status, kept = upload(address, b"one video")
    assert (status, Path(kept).read_bytes()) == (200, b"one video")
    run = [sys.executable, "-c", ANOTHER_SERVER]
    other = subprocess.run(run, capture_output=True, text=True, check=True, timeout=120)
    code, path, folder = other.stdout.splitlines()[-1].split()
    assert code == "200"
    assert Path(path).is_relative_to(folder)
    assert not Path(folder).exists(), "removed with the server"
    assert Path(kept).exists()


@pytest.mark.parametrize("width", [1280, 390])
def test_two_visitors_in_a_browser(address, tmp_path, width):
    sync = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'rdmf[web,dev]'")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs a browser: apt-get install chromium")
    films = [film(tmp_path / "one.mp4", ("red", "green")), film(tmp_path / "two.mp4", ("green", "red"))]
    (tmp_path / "broken.mp4").write_text("no video")
    errors: list[str] = []
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        visitors = [browser.new_context(viewport={"width": width, "height": 1000}).new_page() for _ in films]
        for visitor, path in zip(visitors, films, strict=True):
            visitor.set_default_timeout(120_000)
            visitor.on("pageerror", lambda error: errors.append(str(error)))
            visitor.on(
                "request",
                lambda request: (
                    None
                    if request.url.startswith((address, "data:", "blob:"))
                    else errors.append(f"asked {request.url}")
                ),
            )
            visitor.goto(address)
            visitor.set_input_files("#rdmf-video input[type=file]", path)
            visitor.wait_for_selector("#rdmf-video video")
        # both ask before either is answered
        for visitor in visitors:
            visitor.locator("#rdmf-query textarea, #rdmf-query input").first.fill("green")
            visitor.click("#rdmf-find")
        starts = []
        for visitor in visitors:
            visitor.wait_for_selector("#rdmf-answer button.best")
            starts.append(float(visitor.get_attribute("#rdmf-answer button.best", "data-start")))
        assert starts == pytest.approx([6, 0], abs=0.7)
        first = visitors[0]
        assert first.evaluate("document.documentElement.scrollWidth") <= width
        first.click("#rdmf-answer button.best")
        first.wait_for_function("document.querySelector('#rdmf-video video').currentTime >= 5.3")
        # a second sentence on the same video
        first.locator("#rdmf-query textarea, #rdmf-query input").first.fill("red")
        first.click("#rdmf-find")
        first.wait_for_selector("#rdmf-answer h2:has-text('red')")
        assert float(first.get_attribute("#rdmf-answer button.best", "data-start")) == pytest.approx(0, abs=0.7)
        with first.expect_download() as download:
            first.click("#rdmf-download")
        assert Path(download.value.path()).read_text().count('"query"') == 2
        # an empty sentence is said in the page
        first.locator("#rdmf-query textarea, #rdmf-query input").first.fill("")
        first.click("#rdmf-find")
        first.wait_for_selector("#rdmf-answer [role=alert]")
        assert "query is empty" in first.inner_text("#rdmf-answer")
        browser.close()
    assert [error for error in errors if "asked" in error] == []
