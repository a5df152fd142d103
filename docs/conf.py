"""Sphinx configuration; the reference pages are written from the code before each build."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from reference_pages import write_reference  # noqa: E402 - found beside this file

write_reference(HERE / "reference" / "generated")

project = "dfly-analysis"
author = "the dfly-analysis authors"
project_copyright = author
version = release = installed_version("dfly-analysis")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_ivar = True
# A type's name in prose may stand for several objects of that name; a link less is no error.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = "dfly-analysis"
html_copy_source = False
html_show_sphinx = False
