"""Writes docs/keys.md, the tables that docs/configuration.md includes, from the configuration's own dataclasses."""

from pathlib import Path
from typing import Any

from rdmf_model.config.describe import markdown


def _write(app: Any, config: Any) -> None:
    page, text = Path(app.srcdir) / "keys.md", markdown()
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Before Sphinx looks for pages."""
    app.connect("config-inited", _write)
    return {"parallel_read_safe": True}
