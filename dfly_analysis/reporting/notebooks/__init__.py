"""Notebooks run by papermill with parameters checked and time bounded. Only this package uses papermill."""

from dfly_analysis.reporting.notebook_renderer import notebook_names, notebook_path
from dfly_analysis.reporting.notebooks.cell_process import CellProcess
from dfly_analysis.reporting.notebooks.parameters import Parameter, check_parameters, read_parameters
from dfly_analysis.reporting.notebooks.runner import run_notebook

__all__ = ["CellProcess", "Parameter", "check_parameters", "notebook_names", "notebook_path", "read_parameters", "run_notebook"]  # fmt: skip
