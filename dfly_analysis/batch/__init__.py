"""Many reports from one file: read, run several at a time, sum up."""

from dfly_analysis.batch.matrix import Asked, read_matrix
from dfly_analysis.batch.running import Outcome, run_batch
from dfly_analysis.batch.summary import summary_rows, write_index

__all__ = ["Asked", "Outcome", "read_matrix", "run_batch", "summary_rows", "write_index"]
