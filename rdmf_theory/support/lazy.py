"""Names of a package that are imported on first use, so that importing the package costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package (PEP 562); `__version__` is the program's.

    Arguments:
        package: its `__name__`.
        homes: names by module, the module relative to the package.
    """
    home = {name: module for module, names in homes.items() for name in names}

    def attribute(name: str) -> Any:
        if name == "__version__":
            # reading the metadata takes longer than all other imports together
            from importlib.metadata import version

            return version("rdmf")
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home[name]}"), name)

    return attribute, lambda: sorted({*home, "__version__"})
