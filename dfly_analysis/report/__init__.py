"""The report a reader sees: views that show themselves, one HTML page, JSON for scripts."""

from dfly_analysis.report.json import diagnose_json, fit_json, recommend_json
from dfly_analysis.report.packaged import notebook_names, notebook_path
from dfly_analysis.report.page import render_page
from dfly_analysis.report.report import Report

__all__ = ["Report", "diagnose_json", "fit_json", "notebook_names", "notebook_path", "recommend_json", "render_page"]
