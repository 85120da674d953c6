"""Writes the API reference into docs/api: a page for each package with a table of `__all__`, and one for each name."""

import importlib
import inspect
from pathlib import Path
from typing import Any

from plain_docstrings import convert

PACKAGES = {"rdmf_theory": "Theory", "rdmf_model": "Model"}


def directive(thing: object) -> list[str]:
    """The autodoc directive for an object, and its options."""
    if inspect.isclass(thing):
        kind = "autoexception" if issubclass(thing, BaseException) else "autoclass"
        bases = [] if thing.__bases__ == (object,) else ["   :show-inheritance:"]
        return [kind, "   :members:", *bases]
    if inspect.isroutine(thing):
        return ["autofunction"]
    return ["autodata", "   :no-value:"]


def summary(thing: object) -> str:
    """The first paragraph of a docstring, as reStructuredText on one line; of a value, its type."""
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return f"a ``{type(thing).__name__}``"
    text = inspect.getdoc(thing) or ""
    paragraph = " ".join(convert(text.strip().split("\n\n")[0].splitlines())).strip().removesuffix("::").strip()
    return " ".join(paragraph.split())


def write_package(folder: Path, package: str, title: str) -> None:
    """The page of a package and the pages of its names; pages of names that are gone are removed."""
    module = importlib.import_module(package)
    names = sorted((name for name in module.__all__ if not name.startswith("__")), key=str.lower)
    heading = f"{title}: ``{package}``"
    page = [heading, "=" * len(heading), "", f".. automodule:: {package}", "   :no-members:", ""]
    page += [".. list-table::", "   :widths: auto", ""]
    wanted: dict[Path, str] = {}
    for name in names:
        thing = getattr(module, name)
        kind, *options = directive(thing)
        wanted[folder / "names" / f"{package}.{name}.rst"] = "\n".join(
            [name, "=" * len(name), "", f".. {kind}:: {package}.{name}", *options, ""]
        )
        page += [f"   * - :doc:`{name} <names/{package}.{name}>`", f"     - {summary(thing)}"]
    page += ["", ".. toctree::", "   :hidden:", "", *(f"   names/{package}.{name}" for name in names), ""]
    wanted[folder / f"{package}.rst"] = "\n".join(page)
    (folder / "names").mkdir(parents=True, exist_ok=True)
    for stale in set((folder / "names").glob(f"{package}.*.rst")) - set(wanted):
        stale.unlink()
    for path, text in wanted.items():
        # an unchanged page keeps its time: Sphinx does not read it again
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _write(app: Any, config: Any) -> None:
    for package, title in PACKAGES.items():
        write_package(Path(app.srcdir) / "api", package, title)


def setup(app: Any) -> dict[str, bool]:
    """Before Sphinx looks for pages."""
    app.connect("config-inited", _write)
    return {"parallel_read_safe": True}
