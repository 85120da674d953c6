"""Sphinx settings; built by `make docs`, warnings are errors."""

from importlib.metadata import version as installed_version

project = "RDMF"
author = "The RDMF authors"
copyright = "2026, The RDMF authors"
release = version = installed_version("rdmf")

extensions = ["myst_parser", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "RDMF"
html_static_path: list[str] = []
