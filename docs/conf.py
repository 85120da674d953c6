"""Sphinx settings; built by `make docs`, warnings are errors. No page asks anything of another host."""

import os
import sys
import warnings
from importlib.metadata import files
from importlib.metadata import version as installed_version
from pathlib import Path

# examples run while the gallery is built: one thread, no display
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"
sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "RDMF"
author = "The RDMF authors"
copyright = "2026, The RDMF authors"
release = version = installed_version("rdmf")

extensions = [
    "myst_parser",
    "sphinx.ext.mathjax",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib.bibtex",
    "sphinx_gallery.gen_gallery",
    "plain_docstrings",
    "public_names",
    "configuration_keys",
]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "extensions", "templates", "keys.md"]
templates_path = ["templates"]

# Formulas: one self-contained file of a package on the registry, copied into the pages. Its menu is off: speech would
# come from another host.
_mathjax = next(Path(str(file.locate())) for file in files("sphinx-mathjax-offline") or [] if file.name == "tex-svg.js")
html_static_path = ["static", str(_mathjax)]
mathjax_path = _mathjax.name
mathjax3_config = {"options": {"enableMenu": False}}

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_inherit_docstrings = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "notebook_extensions": set(),
    "show_signature": False,
    "write_computation_times": False,
    "plot_gallery": True,
    "capture_repr": (),
}
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")

html_theme = "furo"
html_title = "RDMF"
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False
