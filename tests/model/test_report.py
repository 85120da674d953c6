"""The HTML report: self-contained, escaped, and honest about what does not hold."""

import base64
from pathlib import Path

import pytest

from rdmf_model.pages import Picture, Section, page
from rdmf_theory.errors import ParameterError
from tests.docs.resources import outside


def test_pictures_are_inside_the_page(tmp_path: Path) -> None:
    picture = tmp_path / "region.png"
    picture.write_bytes(b"\x89PNG content")
    text = page("Report", "All of it.", [Section("Region", "Where.", pictures=[Picture(picture, "a & b")])])
    assert f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}" in text
    assert "a &amp; b" in text
    assert outside(text) == []
    assert 'name="viewport"' in text
    assert "default-src 'none'" in text
    assert 'src="region' not in text


def test_values_are_shown_as_what_they_are() -> None:
    numbers = {"margin": 0.012345678, "conditions": False, "certificate": True, "missing": float("nan"), "<b>": "<i>"}
    text = Section("Verify", "Do they hold?", command="rdmf verify run > out", numbers=numbers).to_html()
    assert "<td>0.0123457</td>" in text
    assert '<td class="violated">violated</td>' in text
    assert '<td class="holds">holds</td>' in text
    assert "nan" not in text
    assert "&lt;b&gt;" in text
    assert "&lt;i&gt;" in text
    assert "rdmf verify run &gt; out" in text


def test_unknown_picture_type_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"Picture\.path must end in .*figure\.tiff"):
        Picture(Path("figure.tiff"), "")
