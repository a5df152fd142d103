"""Which parts of the tasks' time explain how long they took, from `task_time`."""

from typing import NamedTuple

from dfly_analysis.dataset import Dataset
from dfly_analysis.errors import TableError
from dfly_analysis.estimates import Interval
from dfly_analysis.messages import Message, plural
from dfly_analysis.reconstruction.task_time import create_task_time
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration, format_share

LARGE, MIN_LOW = 0.2, 0.05


class PartOfTime(NamedTuple):
    """Seconds of a part of the tasks' time, its proportion with a 95 % interval, and the tasks."""

    seconds: float
    total_s: float
    share: Interval
    tasks: int
    role: str | None = None

    @property
    def is_large(self) -> bool:
        """Whether it explains a large part of the time, and not in one task only."""
        return self.share.value >= LARGE and self.share.low >= MIN_LOW


def ensure_task_time(dataset: Dataset) -> None:
    """Create `task_segments` and `task_time` where there are none."""
    try:
        dataset.rows("SELECT 1 FROM task_time LIMIT 0")
    except TableError:
        with dataset.engine.lock:
            dataset.engine.with_memory(lambda: create_task_time(dataset.engine.connection))


def part_of_time(
    dataset: Dataset, parts: tuple[str, ...], where: str = "true", role: str | None = None
) -> PartOfTime | None:
    """Return the proportion of some parts in the time of the tasks that satisfy a condition, as a ratio of sums over tasks; None if there is no such task."""
    if not dataset.rows("SELECT 1 FROM tasks LIMIT 1"):
        return None
    ensure_task_time(dataset)
    query = sql("diagnosis", "share_of_parts", PARTS=parts, WHERE=where)
    ((seconds, total, tasks, variance),) = dataset.rows(query)
    if not tasks:
        return None
    share = seconds / total
    half = 1.96 * variance**0.5 / total if variance is not None else 0.0
    return PartOfTime(seconds, total, Interval(share, max(0.0, share - half), min(1.0, share + half)), tasks, role)


def large_part(dataset: Dataset, parts: tuple[str, ...], *roles: str) -> PartOfTime | None:
    """Return the larger of the proportions of some parts in the time of seed clients' tasks and of pulls; None if there is no task."""
    found = (part_of_time(dataset, parts, f"role = '{role}'", role=role) for role in roles or ("seedClient", "client"))
    return max((one for one in found if one is not None), key=lambda one: one.share.value, default=None)


def ratio_text(part: PartOfTime) -> Message:
    """Return the proportion in words: ``58 % (44 % to 73 %) of the 212 s of 12 pulls``."""
    values = {name: format_share(getattr(part.share, name)) for name in ("value", "low", "high")}
    values["duration"] = format_duration(part.total_s)
    if part.role == "client":
        return plural(
            "{value} ({low} to {high}) of the {duration} of {n} pull",
            "{value} ({low} to {high}) of the {duration} of {n} pulls",
            part.tasks,
            **values,
        )
    return plural(
        "{value} ({low} to {high}) of the {duration} of {n} task",
        "{value} ({low} to {high}) of the {duration} of {n} tasks",
        part.tasks,
        **values,
    )
