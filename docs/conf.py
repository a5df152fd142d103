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

from reference_pages import write_reference  # noqa: E402 - in the same folder

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
# matplotlib gives each subclass of its artists a method `set` with markup of its own
autodoc_default_options = {"exclude-members": "set"}
autodoc_use_type_comments = False  # there are none, and looking for them parses every function again
napoleon_google_docstring = False
napoleon_use_ivar = True
# The navigation lists pages and modules; with every function in it, each page would be as large as all.
toc_object_entries = False
# A type's name may refer to several objects; a missing link is no error.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = "dfly-analysis"
html_copy_source = False
html_show_sphinx = False


def unlink_foreign_names(_: Sphinx, page: document) -> None:
    """Make plain text of names that Python or another package defines: looking each up takes a sixth of the build."""
    for reference in list(page.findall(pending_xref)):
        first, _, rest = reference["reftarget"].partition(".")
        others = first != "dfly_analysis" and first in sys.modules if rest else hasattr(builtins, first)
        if reference["refdomain"] == "py" and others:
            reference.replace_self(reference.children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register this project's extension of Sphinx."""
    app.connect("doctree-read", unlink_foreign_names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
