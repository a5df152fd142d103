"""The report a reader sees: views that show themselves, one HTML page, JSON for scripts.

The page and its libraries are imported at their first use, because most commands print JSON and no page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazy_loader import attach

from dfly_analysis.reporting.json import diagnose_json, fit_json, recommend_json

if TYPE_CHECKING:
    from dfly_analysis.reporting.notebook_renderer import notebook_names, notebook_path
    from dfly_analysis.reporting.page import render_page
    from dfly_analysis.reporting.report import Report

__all__ = ["Report", "diagnose_json", "fit_json", "notebook_names", "notebook_path", "recommend_json", "render_page"]
__getattr__, __dir__, _ = attach(
    __name__,
    submod_attrs={
        "notebook_renderer": ["notebook_names", "notebook_path"],
        "page": ["render_page"],
        "report": ["Report"],
    },
)
