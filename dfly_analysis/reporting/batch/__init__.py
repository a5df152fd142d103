"""Many reports from one file: read, run several at a time, sum up."""

from dfly_analysis.reporting.batch.runner import Outcome, run_batch
from dfly_analysis.reporting.batch.spec import RunSpec, read_matrix
from dfly_analysis.reporting.batch.summary import summary_rows, write_index

__all__ = ["Outcome", "RunSpec", "read_matrix", "run_batch", "summary_rows", "write_index"]
