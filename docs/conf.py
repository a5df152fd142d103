"""Sphinx configuration; the reference pages are written from the code before each build."""

from __future__ import annotations

import builtins
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils.nodes import document
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

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
autodoc_use_type_comments = False  # there are none, and looking for them parses every function anew
napoleon_google_docstring = False
napoleon_use_ivar = True
# The menu beside each page lists pages and modules; with every function in it, each page costs as much as all.
toc_object_entries = False
# A type's name in prose may stand for several objects of that name; a link less is no error.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = "dfly-analysis"
html_copy_source = False
html_show_sphinx = False


def leave_names_of_others(_: Sphinx, page: document) -> None:
    """Make plain words of names that Python or another package defines: looking each up among all of ours takes a sixth of the build."""
    for reference in list(page.findall(pending_xref)):
        first, _, rest = reference["reftarget"].partition(".")
        others = first != "dfly_analysis" and first in sys.modules if rest else hasattr(builtins, first)
        if reference["refdomain"] == "py" and others:
            reference.replace_self(reference.children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect what this project adds to Sphinx."""
    app.connect("doctree-read", leave_names_of_others)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
