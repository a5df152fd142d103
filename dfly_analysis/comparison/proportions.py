"""Failure shares of two runs and their difference; failures in one cluster are correlated."""

import math
from dataclasses import dataclass

from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval, wilson

LEVEL, STRICT = 0.95, 1.0 - 0.05 / 3.0
MIN_TASKS = 5
"""With fewer tasks than this, attempts are grouped by periods within a task instead."""
FROM_SOURCE = "origin = 'source' AND ended IS NOT NULL AND NOT coalesce(successes_not_logged, false)"
"""Condition on `pieces`: fetched from the source, with a known end, in a run that also logs those that finished."""
_SELF_ENDED = f"{FROM_SOURCE} AND coalesce(outcome, '') NOT IN ('cancelled', 'unknown')"
_LARGE_LAYERS = "role = 'seedClient' AND coalesce(size_bytes >= 1048576, true)"
_USUAL_BLOCK_S = 10.0


@dataclass(frozen=True)
class Effect:
    """How a share of failures changed: ``tasks_failed``, ``layers_failed``, ``pieces_cut`` or ``pieces_failed``.

    Shares (0 to 1) and their difference (after minus before) have 95 % intervals. `strict` is the difference with a 98.3 % interval, on
    which the verdict rests because it looks at three of these. Clusters are attempts that fail together: those of a task, or of a
    period of time where tasks are few.
    """

    id: str
    before: Interval
    after: Interval
    n_before: int
    n_after: int
    bad_before: int
    bad_after: int
    difference: Interval
    strict: Interval
    clusters_before: int
    clusters_after: int

    @property
    def direction(self) -> int:
        """-1 where the share clearly fell, 1 where it clearly rose, otherwise 0."""
        return -1 if self.strict.high < 0.0 else 1 if self.strict.low > 0.0 else 0


@dataclass(frozen=True)
class Proportion:
    """Failures in clusters of attempts: failures and attempts of a cluster, and how many clusters have these counts."""

    clusters: tuple[tuple[int, int, int], ...]

    @property
    def n(self) -> int:
        """Attempts."""
        return sum(n * times for _, n, times in self.clusters)

    @property
    def bad(self) -> int:
        """Failures."""
        return sum(bad * times for bad, _, times in self.clusters)

    @property
    def n_clusters(self) -> int:
        """Clusters."""
        return sum(times for _, _, times in self.clusters)

    @property
    def share(self) -> float:
        """Failures among the attempts; 0 where there are none."""
        return self.bad / max(self.n, 1)

    @property
    def design_effect(self) -> float | None:
        """Variance of the share over that of independent failures, at least 1; None where it cannot be estimated."""
        share, count = self.share, self.n_clusters
        if not 0.0 < share < 1.0 or count < 2:
            return None
        squares = sum(times * (bad - n * share) ** 2 for bad, n, times in self.clusters)
        return max(1.0, count / (count - 1) * squares / (self.n * share * (1.0 - share)))


def effect_of(effect_id: str, before: Proportion, after: Proportion) -> Effect | None:
    """Compare two shares by Newcombe's interval (method 10, Statistics in Medicine 17, 1998); None where one of the runs has no attempt.

    Counts are divided by the larger design effect of the two runs: where failures of one come in bursts, so may those of the other.
    """
    if not before.n or not after.n:
        return None
    factor = max(before.design_effect or 1.0, after.design_effect or 1.0)
    first, second = ((one.share, max(one.n / factor, 1.0)) for one in (before, after))
    return Effect(
        effect_id, wilson(first[0] * first[1], first[1], LEVEL), wilson(second[0] * second[1], second[1], LEVEL),
        before.n, after.n, before.bad, after.bad,
        _newcombe(first, second, LEVEL), _newcombe(first, second, STRICT), before.n_clusters, after.n_clusters,
    )  # fmt: skip


def _newcombe(before: tuple[float, float], after: tuple[float, float], level: float) -> Interval:
    first, second = (wilson(share * n, n, level) for share, n in (before, after))
    difference = second.value - first.value
    down = math.hypot(second.value - second.low, first.high - first.value)
    up = math.hypot(second.high - second.value, first.value - first.low)
    return Interval(difference, max(difference - down, -1.0), min(difference + up, 1.0))


def count_tasks(run: Dataset, *, layers_only: bool = False) -> Proportion:
    """Count tasks with a known end, each a cluster of its own; or only the layers that seed clients fetched."""
    query = "SELECT (outcome <> 'ok')::INT AS bad, 1, count(*) FROM tasks WHERE outcome IN ('ok', 'failed', 'died') AND {} GROUP BY bad"
    return _proportion(run, query.format(_LARGE_LAYERS if layers_only else "true"))


def count_pieces(run: Dataset, outcomes: tuple[str, ...]) -> Proportion:
    """Count attempts at pieces from the source with some outcome; attempts cancelled because another piece failed do not count."""
    listed = ", ".join(f"'{outcome}'" for outcome in outcomes)
    clusters = f"""
        SELECT count(*) FILTER (outcome IN ({listed})) AS bad, count(*) AS n
        FROM pieces WHERE {_SELF_ENDED} GROUP BY {cluster_expression(run, _SELF_ENDED)}
    """
    return _proportion(run, f"SELECT bad, n, count(*) FROM ({clusters}) GROUP BY bad, n")


def _proportion(run: Dataset, query: str) -> Proportion:
    return Proportion(tuple((int(bad), int(n), int(times)) for bad, n, times in run.rows(query)))


def cluster_expression(run: Dataset, where: str) -> str:
    """Return in SQL which attempts fail together: those of one task, or of a period in it where tasks are few."""
    n_tasks, timeout_s, begin_ns = run.rows(
        "SELECT count(DISTINCT coalesce(task_id, '')), median(timeout_s), min(nanoseconds(coalesce(started, ended))) "
        f"FROM pieces WHERE {where}"
    )[0]
    if n_tasks >= MIN_TASKS or begin_ns is None:
        return "coalesce(task_id, '')"
    seconds = f"(nanoseconds(coalesce(started, ended)) - {begin_ns}) / 1e9"
    return f"coalesce(task_id, '') || '#' || floor({seconds} / {timeout_s or _USUAL_BLOCK_S})::BIGINT"
