"""Every command and snippet in the README and the documentation, and every example, runs and exits with status 0.

A ```console block is run line by line in an empty folder: `$ ` starts a command, the other lines are what it prints (in
a line, `...` matches any text; a block may leave out lines). A comment right above a block says otherwise:

    <!-- needs: ../shared -->   skipped, visibly, where the research data is not beside the checkout
    <!-- make -->               `make` targets: only that they exist is checked, the suite runs inside one of them
    <!-- illustration -->       placeholders of the reader's own files: not run

A ```python block is run by itself; with <!-- continues --> above it, after the blocks before it.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *(page for page in sorted((REPOSITORY / "docs").rglob("*.md")) if "_build" not in page.parts),
]
PYTHON_BLOCK = re.compile(
    r"(?P<continues>^<!-- continues -->\n)?^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^>]*?) -->\n)?^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
MARKS = ("", "needs: ../shared", "make", "illustration")


@dataclass(frozen=True)
class Block:
    """One console block: where it stands, its mark, and its commands with the output that the page promises."""

    page: Path
    line: int
    mark: str
    commands: tuple[tuple[str, tuple[str, ...]], ...]

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def console_blocks(page: Path) -> list[Block]:
    """The console blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in BLOCK.finditer(text):
        body = re.sub(r"\\\n", " ", match["body"])
        commands: list[tuple[str, tuple[str, ...]]] = []
        for line in body.splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], ()))
            elif line.strip():
                command, printed = commands[-1]
                commands[-1] = (command, (*printed, line))
        line_number = text.count("\n", 0, match.start("body"))
        blocks.append(Block(page, line_number, match["mark"] or "", tuple(commands)))
    return blocks


def promised_in_order(promised: tuple[str, ...], printed: str) -> str | None:
    """First promised line that does not follow in `printed`, or None when all do."""
    lines = iter(printed.splitlines())
    for want in promised:
        pattern = ".*".join(re.escape(part) for part in want.strip().split("..."))
        if not any(re.fullmatch(pattern, line.strip()) for line in lines):
            return want
    return None


def run_command(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs `command` by bash in `folder`, with this environment's programs first in the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )


BLOCKS = [block for page in PAGES for block in console_blocks(page)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_console_block(block: Block, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    assert block.mark in MARKS, f"{block}: unknown mark {block.mark!r}, the known ones are {MARKS}"
    assert block.commands, f"{block}: a console block without a command; begin the line with '$ '"
    if block.mark == "illustration":
        pytest.skip(f"{block}: names files of the reader")
    if block.mark == "make":
        for command, _ in block.commands:
            if command.startswith("make"):
                result = run_command(f"{command} --dry-run", REPOSITORY)
                assert result.returncode == 0, result.stderr
        return
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("configs", "examples"):
        (folder / name).symlink_to(REPOSITORY / name)
    if block.mark == "needs: ../shared":
        data: Path = request.getfixturevalue("shared_data")
        (tmp_path / "shared").symlink_to(data.parent)
    for command, promised in block.commands:
        result = run_command(command, folder)
        assert result.returncode == 0, f"{command}\nexit {result.returncode}\n{result.stdout}\n{result.stderr}"
        missing = promised_in_order(promised, result.stdout + result.stderr)
        assert missing is None, f"{command}\nthe page promises\n{missing}\nthe program printed\n{result.stdout}"


def python_scripts(text: str) -> list[str]:
    """The python blocks of a page, those that continue another joined to it."""
    scripts: list[str] = []
    for match in PYTHON_BLOCK.finditer(text):
        if match["continues"]:
            scripts[-1] += match["code"]
        else:
            scripts.append(match["code"])
    return scripts


SNIPPETS = [
    pytest.param(code, id=f"{page.name}:{number}")
    for page in PAGES
    for number, code in enumerate(python_scripts(page.read_text(encoding="utf-8")), start=1)
]


@pytest.mark.parametrize("code", SNIPPETS)
def test_python_block(code: str, tmp_path: Path) -> None:
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, f"{code}\n{result.stdout}\n{result.stderr}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example(example: Path, tmp_path: Path) -> None:
    result = run_command(f"'{sys.executable}' '{example}'", tmp_path)
    assert result.returncode == 0, f"exit {result.returncode}\n{result.stdout}\n{result.stderr}"


def test_cited_theorems_exist() -> None:
    pages = [REPOSITORY / "docs" / name for name in ("mathematics.md", "competition.md", "proofs.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    cited = [pair for pair in re.findall(r"`([A-Z]\w+)\.(\w+)`", text) if pair != ("File", "theorem")]
    assert len(cited) > 20
    for file, theorem in cited:
        source = (REPOSITORY / "proofs" / f"{file}.v").read_text(encoding="utf-8")
        assert re.search(rf"^Theorem {theorem}\b", source, re.MULTILINE), f"proofs/{file}.v has no theorem {theorem}"


def test_blocks_that_continue_are_one_script() -> None:
    page = "```python\na = 1\n```\ntext\n\n<!-- continues -->\n```python\nassert a == 1\n```\n```python\nb = 2\n```\n"
    assert python_scripts(page) == ["a = 1\nassert a == 1\n", "b = 2\n"]


def test_readme_shows_commands() -> None:
    assert len(console_blocks(REPOSITORY / "README.md")) >= 3


def test_a_false_promise_is_noticed() -> None:
    printed = "classification turing\nz 1.007261\n"
    assert promised_in_order(("classification ...", "z 1.00..."), printed) is None
    assert promised_in_order(("z 1.00...", "classification ..."), printed) == "classification ..."
    assert promised_in_order(("classification stable",), printed) == "classification stable"
