"""No page of the documentation, and no report, asks anything of another host.

The built pages are looked at where they are: `make docs` builds them and runs this file.
"""

from pathlib import Path

import pytest

from tests.docs.resources import OUTSIDE, css_addresses, outside

HTML = Path(__file__).resolve().parents[2] / "docs" / "_build" / "html"


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/mathjax.js"></script>',
        "<script src='//cdn.example/mathjax.js'></script>",
        '<link rel="stylesheet" href="HTTPS://fonts.example/css">',
        '<link href="https://fonts.example" rel="preconnect">',
        '<img alt="" src="http://pictures.example/a.png">',
        '<img srcset="a.png 1x, https://pictures.example/b.png 2x">',
        "<style>@import 'https://fonts.example/css';</style>",
        '<p style="background: url(https://pictures.example/a.png)">',
        "<iframe src=https://video.example></iframe>",
    ],
)
def test_a_request_is_noticed(html: str) -> None:
    assert len(outside(html)) == 1


def test_links_and_own_files_are_no_requests() -> None:
    page = (
        '<a href="https://example.org">there</a><img src="a.png"><script src="_static/tex-svg.js?v=1"></script>'
        '<link rel="canonical" href="https://example.org"><img src="data:image/png;base64,aaaa">'
        '<svg xmlns="http://www.w3.org/2000/svg"><use href="#a"></use></svg>'
    )
    assert outside(page) == []


@pytest.fixture(scope="module")
def built() -> Path:
    if not (HTML / "index.html").is_file():
        pytest.skip("the pages are not built; `make docs` builds them and runs this test")
    return HTML


def test_no_built_page_asks_for_anything_outside(built: Path) -> None:
    pages = sorted(built.rglob("*.html"))
    assert len(pages) > 40
    asked = {
        str(page.relative_to(built)): found for page in pages if (found := outside(page.read_text(encoding="utf-8")))
    }
    assert not asked


def test_no_style_sheet_asks_for_anything_outside(built: Path) -> None:
    sheets = sorted(built.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        addresses = css_addresses(sheet.read_text(encoding="utf-8"))
        assert not [address for address in addresses if OUTSIDE.match(address)], sheet


def test_formulas_come_with_the_pages(built: Path) -> None:
    page = (built / "mathematics.html").read_text(encoding="utf-8")
    assert 'src="_static/tex-svg.js' in page
    assert (built / "_static" / "tex-svg.js").stat().st_size > 1_000_000
