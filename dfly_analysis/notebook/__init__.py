"""Notebooks run in a batch, strictly. Only this package uses papermill."""

from dfly_analysis.notebook.executed import blocks_of_executed
from dfly_analysis.notebook.parameters import Parameter, check_parameters, read_parameters
from dfly_analysis.notebook.preparing import prepare_runs
from dfly_analysis.notebook.runner import page_of_executed, run_notebook
from dfly_analysis.report.packaged import notebook_names, notebook_path

__all__ = [
    "Parameter",
    "blocks_of_executed",
    "check_parameters",
    "notebook_names",
    "notebook_path",
    "page_of_executed",
    "prepare_runs",
    "read_parameters",
    "run_notebook",
]
