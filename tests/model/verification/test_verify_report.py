"""`rdmf verify --html --junit`: one page that a browser shows whole without a network, and XML that CI reads."""

import base64
import html.parser
import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from rdmf_model.cli import main
from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.properties import PROPERTIES
from tests.properties.tiny import tiny_config, write_run

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome-headless-shell")
STATISTICS = {"lengths": {"0.05": 3.0, "0.5": 7.0, "0.95": 13.0}}


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> dict[str, Path]:
    """Reports on a sound model and on one whose gain is not bounded."""
    folder = tmp_path_factory.mktemp("reports")
    run = write_run(folder / "run")
    (run / "statistics.json").write_text(json.dumps(STATISTICS))
    arguments = ["verify", str(run), "--examples", "2", "--texts", "20", "--json"]
    assert main([*arguments, "--html", f"{folder}/sound.html", "--junit", f"{folder}/sound.xml"]) == 0
    with pytest.MonkeyPatch.context() as patch:
        wide = lambda self, design: (0 * design.s - 2.0, 0 * design.s + 2.0)  # noqa: E731
        patch.setattr(DesignConstraint, "log_gain", wide)
        assert main([*arguments, "--html", f"{folder}/broken.html", "--junit", f"{folder}/broken.xml"]) == 1
    return {name: folder / name for name in ("sound.html", "broken.html", "sound.xml", "broken.xml")}


class Page(html.parser.HTMLParser):
    """What a page holds: its tags, closed in order, its links and pictures, and its text."""

    VOID = ("meta", "img", "br", "!doctype")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        assert tag in self.VOID

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize(("name", "pictures"), [("sound.html", 3), ("broken.html", 4)])
def test_the_page_is_whole_and_asks_for_nothing(name, pictures, reports):
    content = reports[name].read_text(encoding="utf-8")
    page = Page(content)
    assert page.open == []
    assert "script" not in page.tags
    assert len(page.addresses) == pictures
    for address in page.addresses:
        kind, _, data = address.partition(";base64,")
        assert kind == "data:image/png"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
    assert "default-src 'none'" in content
    assert not re.search(r"@import|url\(", content)
    text = "".join(page.text)
    assert all(prop.name in text and prop.statement in text for prop in PROPERTIES)
    assert ("Not everything holds." in text) == (name == "broken.html")


def test_the_page_is_xml_too(reports):
    for name in ("sound.html", "broken.html"):
        text = reports[name].read_text(encoding="utf-8")
        ElementTree.fromstring(text.partition("\n")[2])


def test_a_counter_example_is_shown_with_its_fields(reports):
    text = "".join(Page(reports["broken.html"].read_text(encoding="utf-8")).text)
    assert "gain is violated" in text
    assert "The layer's fields from Company(queries=(Query(video=Video(" in text
    assert "Counter-examples" not in "".join(Page(reports["sound.html"].read_text(encoding="utf-8")).text)


@pytest.mark.parametrize(("name", "width"), [("sound.html", 1000), ("broken.html", 1000), ("broken.html", 390)])
def test_a_browser_shows_every_picture(name, width, reports, tmp_path):
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if browser is None:
        pytest.skip(f"no headless browser is installed (one of {', '.join(BROWSERS)}); the parser's checks still ran")
    content = reports[name].read_text(encoding="utf-8")
    # a copy that may run one script: it tells what the browser made of the page
    probe = (
        "<script>onload = () => parent.postMessage(JSON.stringify({"
        "widths: [...document.images].map(i => i.naturalWidth),"
        "asked: performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length,"
        "overflow: document.documentElement.scrollWidth > innerWidth, width: innerWidth,"
        "rows: document.querySelectorAll('tbody tr').length, shown: document.body.innerText.length}), '*')</script>"
    )
    copy = tmp_path / name
    copy.write_text(
        content.replace("default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'").replace(
            "</head>", f"{probe}</head>"
        )
    )
    # in a frame: a window of its own is never narrower than 500 pixels
    frame = tmp_path / "frame.html"
    listen = "<title></title><script>onmessage = told => { document.title = told.data }</script>"
    frame.write_text(f'{listen}<iframe src="{name}" width="{width}" height="900" style="border: 0"></iframe>')
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,1000", "--virtual-time-budget=5000"]
    command = [browser, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", frame.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    title = re.search(r"<title>(.*?)</title>", result.stdout, re.DOTALL)
    assert title is not None
    seen = json.loads(title[1])
    assert len(seen["widths"]) == content.count("<img")
    assert min(seen["widths"]) > 400
    assert seen["width"] == width
    assert (seen["asked"], seen["overflow"], seen["rows"]) == (0, False, len(PROPERTIES))
    assert seen["shown"] > 3000


def test_junit_counts_failures(reports):
    for name, failures in (("sound.xml", set()), ("broken.xml", {"gain"})):
        root = ElementTree.parse(reports[name]).getroot()
        cases = root.findall("./testsuite/testcase")
        assert [case.get("name") for case in cases] == ["certificate", "random_texts", *(j.name for j in PROPERTIES)]
        failed = {case.get("name"): case.find("failure") for case in cases if case.find("failure") is not None}
        assert set(failed) == failures
        assert root.get("failures") == str(len(failures))
        for failure in failed.values():
            assert failure is not None
            assert "counter-example" in (failure.text or "")


def test_a_model_without_a_layer_has_a_page_too(tmp_path, capsys):
    run = write_run(tmp_path / "run", tiny_config("convolution"))
    page = tmp_path / "page.html"
    assert main(["verify", str(run), "--no-certificate", "--examples", "1", "--html", str(page)]) == 0
    assert page.read_text(encoding="utf-8").count("<img") == 1
    out = capsys.readouterr().out
    assert "none asked for: convolution has no admissible region" in out


def test_reports_need_a_folder(reports, tmp_path, capsys):
    run = reports["sound.html"].parent / "run"
    for option in ("--html", "--junit"):
        assert main(["verify", str(run), option, str(tmp_path / "no" / "file")]) == 2
        assert f"{option} must lie in a folder that exists" in capsys.readouterr().err
