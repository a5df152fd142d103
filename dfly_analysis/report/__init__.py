"""The report a reader sees: views that show themselves, one HTML page, JSON for scripts.

The page and what it is made with load when they are first used: most commands print JSON and no page.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dfly_analysis.report.json import diagnose_json, fit_json, recommend_json

if TYPE_CHECKING:
    from dfly_analysis.report.packaged import notebook_names, notebook_path
    from dfly_analysis.report.page import render_page
    from dfly_analysis.report.report import Report

__all__ = ["Report", "diagnose_json", "fit_json", "notebook_names", "notebook_path", "recommend_json", "render_page"]
_HOMES = {"Report": "report", "notebook_names": "packaged", "notebook_path": "packaged", "render_page": "page"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
