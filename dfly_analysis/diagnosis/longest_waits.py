"""The longest time without progress of each task: one rule for the checks `stuck` and `silent_gap`."""

from dfly_analysis.dataset import Dataset
from dfly_analysis.reconstruction.task_time import SECOND_ROUND
from dfly_analysis.sql_scripts import sql

MIN_S = 30.0
TIMES = 10.0  # the median time of a piece there


def measure_waits(dataset: Dataset) -> None:
    """Make the table `longest_waits`."""
    dataset.engine.execute(sql("diagnosis", "longest_waits", SECOND_ROUND=SECOND_ROUND, MIN_S=MIN_S, TIMES=TIMES))
