"""The verdict on two runs, from their frames and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dfly_analysis.comparison.durations import time_effect
from dfly_analysis.comparison.proportions import effect_of, pieces_counted, source_pieces, tasks_counted
from dfly_analysis.comparison.settings_diff import Comparison, Effect, SettingPair, TimeEffect, Verdict
from dfly_analysis.units import format_duration, format_share, format_size

if TYPE_CHECKING:
    import pandas as pd

    from dfly_analysis.dataset import Dataset

TASK_MARGIN, PIECE_MARGIN, TIME_MARGIN = 0.1, 0.01, 0.25
"""Differences below these make no difference: a share of tasks, a share of pieces, a ratio of times less one."""
_SAVED = 5
"""So many pieces that outlasted the limit before show that a longer one helped, where nothing beside it speaks against."""
_FAILURES = ("timeout", "reset", "storage", "origin")
_LIMITS = ("download.pieceTimeout", "storage.writePieceTimeout")
TITLES = {
    "tasks_failed": "tasks that failed",
    "layers_failed": "layers that failed on seed clients",
    "pieces_cut": "attempts at pieces cut by a timeout",
    "pieces_failed": "attempts at pieces that failed",
}


def compare_datasets(before: Dataset, after: Dataset) -> Comparison:
    """Say whether a change helped.

    Parameters
    ----------
    before, after : Dataset
        Two runs, loaded apart.

    Returns
    -------
    Comparison
        Tasks decide where they can; where they are too few, attempts at pieces from the source do; where neither is clear,
        attempts cut by a timeout do, if the others went the same way, and pieces that outlasted the limit before. A
        difference counts where its 98.3 % interval leaves out zero, for there are three chances to see one.
    """
    pieces = source_pieces(before.pieces), source_pieces(after.pieces)
    tasks = before.tasks, after.tasks
    counted = {
        "tasks_failed": [tasks_counted(one) for one in tasks],
        "layers_failed": [tasks_counted(one, layers_only=True) for one in tasks],
        "pieces_cut": [pieces_counted(one, ("timeout",)) for one in pieces],
        "pieces_failed": [pieces_counted(one, _FAILURES) for one in pieces],
    }
    result = [effect_of(name, *both) for name, both in counted.items()]
    effects = tuple(one for one in result if one is not None)
    times, outlasted = time_effect(*pieces), _outlasted(before, pieces[1])
    verdict, because = _judge({one.id: one for one in effects}, times, outlasted, same=_same_files(before, after))
    settings = _settings(before, after)
    if outlasted:
        limit = format_duration(_limit_s(before) or 0.0)
        because += (
            f"{outlasted:,} pieces finished after more than {limit}, where the limit before would have cut them",
        )
    return Comparison(
        verdict=verdict,
        because=because,
        effects=effects,
        times=times,
        settings=settings,
        causes_before=_causes(before),
        causes_after=_causes(after),
        outlasted=outlasted,
        cautions=_cautions(before, after, settings),
    )


def _judge(
    effects: dict[str, Effect], times: TimeEffect | None, outlasted: int, *, same: bool
) -> tuple[Verdict, tuple[str, ...]]:
    if same:
        return "no difference", ("both runs hold the same files",)
    tasks, pieces = effects.get("tasks_failed"), effects.get("pieces_failed")
    deciding = [one for one in (tasks, pieces) if one is not None]
    reasons = tuple(_effect_text(one) for one in deciding)
    clear = {one.direction for one in deciding if one.direction}
    if len(clear) > 1:
        return "cannot tell", (*reasons, "tasks and pieces point in opposite directions")
    cut = effects.get("pieces_cut")
    if (
        not clear
        and cut is not None
        and cut.direction
        and all(one.difference.value * cut.direction > 0.0 for one in deciding)
    ):
        # What fails beside hides the rest: cut attempts changed for certain, and all failures together did not go against it.
        clear, reasons = {cut.direction}, (*reasons, _effect_text(cut))
    elif not clear and outlasted >= _SAVED and _nothing_against(deciding, cut, times):
        # That these finished is no matter of chance: the limit before would have cut each of them.
        clear = {-1}
    if clear:
        return ("helped" if min(clear) < 0 else "worse"), reasons
    if not deciding:
        return "cannot tell", ("no task or piece with a known end is seen in both runs",)
    if times is not None:
        reasons = (*reasons, _time_text(times))
        if times.ratio.high < 1.0 - TIME_MARGIN / 2 or times.ratio.low > 1.0 + TIME_MARGIN / 2:
            return ("helped" if times.ratio.value < 1.0 else "worse"), reasons
    return ("no difference" if _all_small(tasks, pieces, times) else "cannot tell"), reasons


def _nothing_against(deciding: list[Effect], cut: Effect | None, times: TimeEffect | None) -> bool:
    """Return whether failures did not grow; or grew within chance, while no more were cut and pieces took no longer than before."""
    if all(one.difference.value <= 0.0 for one in deciding):
        return True
    return cut is not None and cut.difference.value <= 0.0 and times is not None and times.ratio.low <= 1.0


def _all_small(tasks: Effect | None, pieces: Effect | None, times: TimeEffect | None) -> bool:
    """Return whether the intervals leave no room for a difference that matters."""
    if tasks is None or max(-tasks.difference.low, tasks.difference.high) > TASK_MARGIN:
        return False
    if pieces is not None and max(-pieces.difference.low, pieces.difference.high) > PIECE_MARGIN:
        return False
    slower = 1.0 + TIME_MARGIN
    return times is None or 1.0 / slower <= times.ratio.low <= times.ratio.high <= slower


def _effect_text(effect: Effect) -> str:
    low, high = format_share(abs(effect.difference.low)), format_share(abs(effect.difference.high))
    signs = ["-" if edge < 0 else "+" for edge in (effect.difference.low, effect.difference.high)]
    return (
        f"{TITLES[effect.id]}: {effect.bad_before:,} of {effect.n_before:,} before, {effect.bad_after:,} of {effect.n_after:,} after; "
        f"difference {signs[0]}{low} to {signs[1]}{high}"
    )


def _time_text(times: TimeEffect) -> str:
    return (
        f"median time of a {format_size(times.size_bytes)} piece: {format_duration(times.before_s)} before, "
        f"{format_duration(times.after_s)} after; ratio {times.ratio.value:.2f} ({times.ratio.low:.2f} to {times.ratio.high:.2f})"
    )


def _same_files(before: Dataset, after: Dataset) -> bool:
    hashes = [sorted(run.coverage["sha256"].dropna()) for run in (before, after)]
    return bool(hashes[0]) and hashes[0] == hashes[1]


def _limit_s(run: Dataset) -> float | None:
    found = [run.settings.get(key, "seedClient").seconds for key in _LIMITS]
    return min((value for value in found if value), default=None)


def _outlasted(before: Dataset, pieces: pd.DataFrame) -> int:
    limit_s = _limit_s(before)
    return 0 if limit_s is None else int(((pieces["outcome"] == "ok") & (pieces["duration_s"] > limit_s)).sum())


def _settings(before: Dataset, after: Dataset) -> tuple[SettingPair, ...]:
    tables = [run.settings.table() for run in (before, after)]
    found = [{(row.role, row.key): row for row in table.itertuples() if row.host is None} for table in tables]
    result = []
    for role, key in dict.fromkeys([*found[0], *found[1]]):
        old, new = found[0].get((role, key)), found[1].get((role, key))
        values = [None if row is None or row.value is None else str(row.value) for row in (old, new)]
        layers = ["unknown" if row is None else str(row.layer) for row in (old, new)]
        result.append(SettingPair(str(role), str(key), values[0], values[1], layers[0], layers[1]))
    return tuple(sorted(result, key=lambda pair: not pair.changed))


def _causes(run: Dataset) -> tuple[tuple[str, int], ...]:
    counts = run.failed_tasks["cause"].fillna("unknown").value_counts()
    return tuple((str(cause), int(n)) for cause, n in counts.items())


def _cautions(before: Dataset, after: Dataset, settings: tuple[SettingPair, ...]) -> tuple[str, ...]:
    reasons = []
    changed = sum(pair.changed for pair in settings)
    if changed > 1:
        reasons.append(f"{changed} settings differ: the effect is that of all of them together")
    if not changed:
        reasons.append("no setting is seen to differ: what made a difference is not in these settings")
    largest = [float(max(run.tasks["size_bytes"].dropna(), default=0.0)) for run in (before, after)]
    if all(largest) and not 0.5 <= largest[1] / largest[0] <= 2.0:
        texts = [format_size(size) for size in largest]
        reasons.append(f"the largest layers differ: {texts[0]} before, {texts[1]} after")
    n = [int((run.tasks["size_bytes"].fillna(0) >= 2**20).sum()) for run in (before, after)]
    if min(n) < 5:
        reasons.append(f"only {n[0]} and {n[1]} tasks of 1 MiB and more: repeat the run to be sure of the whole layers")
    return tuple(reasons)
