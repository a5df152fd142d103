"""Where the time of tasks went, as a table."""

from collections.abc import Sequence
from typing import Any

from dfly_analysis.dataset import Dataset
from dfly_analysis.diagnosis.time_parts import ensure_task_time
from dfly_analysis.messages import message, plural
from dfly_analysis.quantities import NOTHING
from dfly_analysis.reporting.components import DetailsView, Heading, MultiInputView, TableView
from dfly_analysis.reporting.labels import ROLES, text_of
from dfly_analysis.sql_scripts import sql
from dfly_analysis.units import format_duration, format_share

MAX_TASKS = 20
_SHOWN = {
    "scheduler": ("registration", "scheduling"), "source": ("source",), "parents": ("parents", "local"), "parent_wait": ("parent_wait",),
    "retries": ("retries",), "waiting": ("slots", "idle"), "writing": ("writing",), "not_logged": ("not_logged",),
}  # fmt: skip
"""Columns of the table, each with the parts that it holds."""
_SMALLEST_SHARE = 0.001
_SUMS = ", ".join(f"coalesce(sum(seconds) FILTER (part IN {(*parts, '')}), 0)" for parts in _SHOWN.values())
_ALL = f"SELECT role, NULL, NULL, count(DISTINCT peer_id), sum(seconds), {_SUMS} FROM task_time GROUP BY role ORDER BY role DESC"
_SLOWEST = f"""
SELECT time.role, time.host, any_value(coalesce(url, task_id)), NULL, sum(seconds), {_SUMS}
FROM task_time AS time JOIN tasks USING (peer_id) GROUP BY peer_id, time.role, time.host ORDER BY 5 DESC, peer_id LIMIT {MAX_TASKS}
"""


def time_of(dataset: Dataset) -> MultiInputView:
    """Show the parts of the time of all tasks by component, and of the slowest tasks; the parts of a row add up to its duration."""
    with dataset.engine.lock:
        ensure_task_time(dataset)
        by_component, slowest = dataset.rows(_ALL), dataset.rows(_SLOWEST)
        ((taken, waits_s),) = dataset.rows(sql("reporting", "time_to_first_layer"))
    headings = Heading.row(
        "Component", "Task", "Duration", "Scheduler", "From the registry", "From parents", "Waiting for parents", "Thrown away", "Waiting for slots or idle", "Writing", "Not logged",
        numbers=range(2, 11),
    )  # fmt: skip
    wait = format_duration(waits_s or 0.0)
    waited = message("A job waited {wait} (median of {n:,}) until its first layer was started.", wait=wait, n=taken)
    whole = TableView(
        headings, _cells(by_component), notes=(waited,) if taken else (), empty=message("No task is logged with its start and end.")
    )  # fmt: skip
    if not slowest:
        return MultiInputView((whole,))
    title = plural("The slowest task", "The {n} slowest tasks", len(slowest))
    return MultiInputView((whole, DetailsView(title, TableView(headings, _cells(slowest)))))


def _cells(rows: Sequence[tuple[Any, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return the cells of the table; shares below a tenth of a per cent are none."""
    return tuple(
        (
            ROLES.get(str(role), text_of(role)),
            message("all {n:,} tasks", n=n) if n is not None else f"{host or '?'} {str(blob).rsplit('/', 1)[-1][:20]}",
            format_duration(total), *(format_share(part / total) if total and part / total >= _SMALLEST_SHARE else NOTHING for part in parts),
        )
        for role, host, blob, n, total, *parts in rows
    )  # fmt: skip
