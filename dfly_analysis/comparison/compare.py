"""The verdict on two runs, by counts of tasks and pieces, times of pieces and settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dfly_analysis.comparison.durations import TimeEffect, time_effect
from dfly_analysis.comparison.proportions import FROM_SOURCE, Effect, count_pieces, count_tasks, effect_of
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.messages import Message, message
from dfly_analysis.units import format_duration, format_share, format_size

Verdict = Literal["helped", "no difference", "worse", "cannot tell"]
TASK_MARGIN, PIECE_MARGIN, TIME_MARGIN = 0.1, 0.01, 0.25
"""Differences below these make no difference: a share of tasks, a share of pieces, a ratio of times less one."""
_MIN_OUTLASTED = 5
"""This many pieces that outlasted the earlier timeout show that a longer one helped, unless something contradicts."""
_FAILURES = ("timeout", "reset", "storage", "origin")
_TIMEOUTS = ("download.pieceTimeout", "storage.writePieceTimeout")
TITLES = {
    "tasks_failed": message("failed tasks"),
    "layers_failed": message("failed layers on seed clients"),
    "pieces_cut": message("attempts at pieces that timed out"),
    "pieces_failed": message("failed attempts at pieces"),
}


@dataclass(frozen=True)
class SettingPair:
    """A setting in both runs and the layers that set it; a value is None where it is not known."""

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

    `because` has sentences with numbers, `cautions` what weakens the comparison; settings that differ stand first; causes are failed
    tasks by cause, most first; `times` is None where pieces of one length do not finish in both runs; `outlasted` counts pieces that
    finished afterwards in more time than the earlier timeout allowed.
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
    """Return whether a change helped, from two runs loaded separately: by tasks, where they are too few by attempts at pieces from the source.

    Where neither is clear, attempts that timed out decide, if the others went the same way, and pieces that outlasted the earlier timeout.
    A difference counts where its 98.3 % interval excludes zero, because three of them are looked at.
    """
    runs = (before, after)
    counts = {
        "tasks_failed": [count_tasks(run) for run in runs],
        "layers_failed": [count_tasks(run, layers_only=True) for run in runs],
        "pieces_cut": [count_pieces(run, ("timeout",)) for run in runs],
        "pieces_failed": [count_pieces(run, _FAILURES) for run in runs],
    }
    effects = tuple(one for name, both in counts.items() if (one := effect_of(name, *both)) is not None)
    times, timeout_s = time_effect(before, after), _timeout_s(before)
    finished = f"SELECT count(*) FROM pieces WHERE {FROM_SOURCE} AND outcome = 'ok' AND duration_s > ?"
    outlasted = after.rows(finished, [timeout_s])[0][0] if timeout_s is not None else 0
    files = [run.rows("SELECT sha256 FROM coverage WHERE sha256 IS NOT NULL ORDER BY 1") for run in (before, after)]
    same = bool(files[0]) and files[0] == files[1]
    verdict, because = _judge({one.id: one for one in effects}, times, outlasted, same=same)
    settings = _settings(before, after)
    if outlasted:
        timeout = format_duration(timeout_s or 0.0)
        text = message("{n:,} pieces took longer than {timeout}, the timeout before", n=outlasted, timeout=timeout)
        because += (text,)
    return Comparison(
        verdict, because, effects, times, settings, _causes(before), _causes(after), outlasted, tuple(_cautions(before, after, settings))
    )  # fmt: skip


def _judge(
    effects: dict[str, Effect], times: TimeEffect | None, outlasted: int, *, same: bool
) -> tuple[Verdict, tuple[Message, ...]]:
    if same:
        return "no difference", (message("both runs consist of the same files"),)
    tasks, pieces = effects.get("tasks_failed"), effects.get("pieces_failed")
    deciding = [one for one in (tasks, pieces) if one is not None]
    reasons = tuple(_effect_text(one) for one in deciding)
    clear = {one.direction for one in deciding if one.direction}
    if len(clear) > 1:
        return "cannot tell", (*reasons, message("tasks and pieces point in opposite directions"))
    cut = effects.get("pieces_cut")
    agree = cut is not None and all(one.difference.value * cut.direction > 0.0 for one in deciding)
    if not clear and cut is not None and cut.direction and agree:
        # Other failures hide the effect: timeouts changed for certain, and all failures together do not contradict.
        clear, reasons = {cut.direction}, (*reasons, _effect_text(cut))
    elif not clear and outlasted >= _MIN_OUTLASTED and _uncontradicted(deciding, cut, times):
        # Not by chance: the earlier timeout would have ended each of them.
        clear = {-1}
    if clear:
        return ("helped" if min(clear) < 0 else "worse"), reasons
    if not deciding:
        return "cannot tell", (message("no task or piece with a known end is in both runs"),)
    if times is not None:
        reasons = (*reasons, _time_text(times))
        if times.ratio.high < 1.0 - TIME_MARGIN / 2 or times.ratio.low > 1.0 + TIME_MARGIN / 2:
            return ("helped" if times.ratio.value < 1.0 else "worse"), reasons
    return ("no difference" if _all_small(tasks, pieces, times) else "cannot tell"), reasons


def _uncontradicted(deciding: list[Effect], cut: Effect | None, times: TimeEffect | None) -> bool:
    """Return whether failures did not grow; or grew within chance, while timeouts did not grow and pieces took no longer."""
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


def _effect_text(effect: Effect) -> Message:
    low, high = (
        f"{'-' if edge < 0 else '+'}{format_share(abs(edge))}"
        for edge in (effect.difference.low, effect.difference.high)
    )
    return message(
        "{title}: {bad_before:,} of {n_before:,} before, {bad_after:,} of {n_after:,} after; difference {low} to {high}",
        title=TITLES[effect.id], bad_before=effect.bad_before, n_before=effect.n_before, bad_after=effect.bad_after,
        n_after=effect.n_after, low=low, high=high,
    )  # fmt: skip


def _time_text(times: TimeEffect) -> Message:
    return message(
        "median time of a {size} piece: {before} before, {after} after; ratio {ratio:.2f} ({low:.2f} to {high:.2f})",
        size=format_size(times.size_bytes), before=format_duration(times.before_s), after=format_duration(times.after_s),
        ratio=times.ratio.value, low=times.ratio.low, high=times.ratio.high,
    )  # fmt: skip


def _timeout_s(run: Dataset) -> float | None:
    found = [run.settings.get(key, "seedClient").seconds for key in _TIMEOUTS]
    return min((value for value in found if value), default=None)


def _settings(before: Dataset, after: Dataset) -> tuple[SettingPair, ...]:
    tables = [run.settings.table() for run in (before, after)]
    found = [{(row.role, row.key): row for row in table.itertuples() if row.host is None} for table in tables]
    result = []
    for role, key in dict.fromkeys([*found[0], *found[1]]):
        old, new = found[0].get((role, key)), found[1].get((role, key))
        values = [
            None if row is None or row.value is None else row.value if isinstance(row.value, str) else str(row.value)
            for row in (old, new)
        ]
        layers = ["unknown" if row is None else str(row.layer) for row in (old, new)]
        result.append(SettingPair(str(role), str(key), values[0], values[1], layers[0], layers[1]))
    return tuple(sorted(result, key=lambda pair: not pair.changed))


def _causes(run: Dataset) -> tuple[tuple[str, int], ...]:
    query = f"SELECT coalesce(cause, 'unknown'), count(*) FROM tasks WHERE {FAILED} GROUP BY 1 ORDER BY 2 DESC, 1"
    return tuple((cause, n) for cause, n in run.rows(query))


def _cautions(before: Dataset, after: Dataset, settings: tuple[SettingPair, ...]) -> Iterator[Message]:
    changed = sum(pair.changed for pair in settings)
    if changed > 1:
        yield message("{n} settings differ: the effect is that of all of them together", n=changed)
    if not changed:
        yield message("no known setting differs: something else made the difference")
    query = "SELECT coalesce(max(size_bytes), 0), count(*) FILTER (size_bytes >= 1048576) FROM tasks"
    largest, n = zip(*(run.rows(query)[0] for run in (before, after)), strict=True)
    if all(largest) and not 0.5 <= largest[1] / largest[0] <= 2.0:
        sizes = [format_size(size) for size in largest]
        yield message("the largest layers differ: {before} before, {after} after", before=sizes[0], after=sizes[1])
    if min(n) < 5:
        yield message(
            "there are few tasks of 1 MiB and more ({before:,} before, {after:,} after): repeat the run to be sure about whole layers",
            before=n[0], after=n[1],
        )  # fmt: skip
