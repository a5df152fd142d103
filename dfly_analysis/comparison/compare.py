"""The verdict on two runs, by counts of tasks and pieces, times of pieces and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dfly_analysis.comparison.durations import TimeEffect, time_effect
from dfly_analysis.comparison.proportions import FROM_SOURCE, Effect, count_pieces, count_tasks, effect_of
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.units import format_duration, format_share, format_size

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset

Verdict = Literal["helped", "no difference", "worse", "cannot tell"]
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


@dataclass(frozen=True)
class SettingPair:
    """A setting in both runs.

    Attributes
    ----------
    role, key : str
    before, after : str or None
        None where it is not known.
    layer_before, layer_after : str
        Who set it.
    """

    role: str
    key: str
    before: str | None
    after: str | None
    layer_before: str
    layer_after: str

    @property
    def changed(self) -> bool:
        """Whether it is known in both runs, and differs."""
        return self.before is not None and self.after is not None and self.before != self.after


@dataclass(frozen=True)
class Comparison:
    """Whether a change helped, and the evidence.

    Attributes
    ----------
    verdict : {"helped", "no difference", "worse", "cannot tell"}
    because : tuple of str
        Sentences with numbers.
    effects : tuple of Effect
    times : TimeEffect or None
        None where pieces of one length are not seen finishing in both runs.
    settings : tuple of SettingPair
        Those that differ first.
    causes_before, causes_after : tuple of (str, int)
        Failed tasks by cause, most first.
    outlasted : int
        Pieces that finished afterwards in more time than the earlier timeout allowed.
    cautions : tuple of str
        What weakens the comparison.
    """

    verdict: Verdict
    because: tuple[str, ...]
    effects: tuple[Effect, ...]
    times: TimeEffect | None
    settings: tuple[SettingPair, ...]
    causes_before: tuple[tuple[str, int], ...]
    causes_after: tuple[tuple[str, int], ...]
    outlasted: int = 0
    cautions: tuple[str, ...] = ()

    def get(self, effect_id: str) -> Effect | None:
        """Return the effect of that id, or None."""
        return next((one for one in self.effects if one.id == effect_id), None)


def compare_datasets(before: Dataset, after: Dataset) -> Comparison:
    """Say whether a change helped.

    Parameters
    ----------
    before, after : Dataset
        Two runs, loaded separately.

    Notes
    -----
    Tasks decide where they can; where they are too few, attempts at pieces from the source do; where neither is clear,
    attempts cut by a timeout do, if the others went the same way, and pieces that outlasted the earlier timeout. A
    difference counts where its 98.3 % interval excludes zero, because three of them are looked at.
    """
    counts = {
        "tasks_failed": [count_tasks(run) for run in (before, after)],
        "layers_failed": [count_tasks(run, layers_only=True) for run in (before, after)],
        "pieces_cut": [count_pieces(run, ("timeout",)) for run in (before, after)],
        "pieces_failed": [count_pieces(run, _FAILURES) for run in (before, after)],
    }
    effects = tuple(one for name, both in counts.items() if (one := effect_of(name, *both)) is not None)
    times, limit_s = time_effect(before, after), _timeout_s(before)
    finished = f"SELECT count(*) FROM pieces WHERE {FROM_SOURCE} AND outcome = 'ok' AND duration_s > ?"
    outlasted = after.rows(finished, [limit_s])[0][0] if limit_s is not None else 0
    verdict, because = _judge({one.id: one for one in effects}, times, outlasted, same=_same_files(before, after))
    settings = _settings(before, after)
    if outlasted:
        limit = format_duration(limit_s or 0.0)
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
    query = "SELECT sha256 FROM coverage WHERE sha256 IS NOT NULL ORDER BY 1"
    hashes = [run.rows(query) for run in (before, after)]
    return bool(hashes[0]) and hashes[0] == hashes[1]


def _timeout_s(run: Dataset) -> float | None:
    found = [run.settings.get(key, "seedClient").seconds for key in _LIMITS]
    return min((value for value in found if value), default=None)


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
    query = f"SELECT coalesce(cause, 'unknown'), count(*) FROM tasks WHERE {FAILED} GROUP BY 1 ORDER BY 2 DESC, 1"
    return tuple((cause, n) for cause, n in run.rows(query))


def _cautions(before: Dataset, after: Dataset, settings: tuple[SettingPair, ...]) -> tuple[str, ...]:
    reasons = []
    changed = sum(pair.changed for pair in settings)
    if changed > 1:
        reasons.append(f"{changed} settings differ: the effect is that of all of them together")
    if not changed:
        reasons.append("no setting is seen to differ: what made a difference is not in these settings")
    query = "SELECT coalesce(max(size_bytes), 0), count(*) FILTER (size_bytes >= 1048576) FROM tasks"
    largest, n = zip(*(run.rows(query)[0] for run in (before, after)), strict=True)
    if all(largest) and not 0.5 <= largest[1] / largest[0] <= 2.0:
        texts = [format_size(size) for size in largest]
        reasons.append(f"the largest layers differ: {texts[0]} before, {texts[1]} after")
    if min(n) < 5:
        reasons.append(f"only {n[0]} and {n[1]} tasks of 1 MiB and more: repeat the run to be sure of the whole layers")
    return tuple(reasons)
