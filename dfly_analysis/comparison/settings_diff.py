"""What a comparison says. Frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dfly_analysis.estimates import Interval

Verdict = Literal["helped", "no difference", "worse", "cannot tell"]


@dataclass(frozen=True)
class Effect:
    """How a share of failures changed.

    Attributes
    ----------
    id : str
        ``tasks_failed``, ``layers_failed``, ``pieces_cut`` or ``pieces_failed``.
    before, after : Interval
        Shares, 0 to 1, with 95 % intervals.
    n_before, n_after, bad_before, bad_after : int
        What was counted.
    difference : Interval
        After minus before, -1 to 1, with its 95 % interval.
    strict : Interval
        The same with a 98.3 % interval, which the verdict rests on, since it looks at three of these.
    clusters_before, clusters_after : int
        Groups that share a fate: tasks, or stretches of time where tasks are few; for tasks, the tasks themselves.
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
        """-1 where it clearly fell, 1 where it clearly rose, 0 where neither is clear."""
        return -1 if self.strict.high < 0.0 else 1 if self.strict.low > 0.0 else 0


@dataclass(frozen=True)
class TimeEffect:
    """How the time of a piece from the source changed.

    Attributes
    ----------
    size_bytes : int
        Of the pieces that are compared, those of one length that both runs have.
    n_before, n_after : int
        Attempts, the cut ones included.
    before_s, after_s : float
        Medians by Kaplan and Meier, seconds.
    ratio : Interval
        After by before, with a 95 % interval by bootstrap over groups that share a fate.
    """

    size_bytes: int
    n_before: int
    n_after: int
    before_s: float
    after_s: float
    ratio: Interval


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
    """Whether a change helped, and what speaks for it.

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
        Pieces that finished afterwards in more time than the limit before would have given them.
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
