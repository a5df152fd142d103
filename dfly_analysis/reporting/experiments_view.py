"""What to test next: settings to compare on the size asked for, and how many more runs narrow what is known of failures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dfly_analysis.errors import DflyError
from dfly_analysis.recommendation.preheat_jobs import api_of
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.recommendation.stress_plan import StressPlan, plan_stress, repeats_for
from dfly_analysis.reporting.components import Heading, MultiInputView, TableView
from dfly_analysis.reporting.labels import figure, interval_text, range_text
from dfly_analysis.units import parse_duration

if TYPE_CHECKING:
    from dfly_analysis.dataset import Dataset

WIDTH, EXPECTED = 0.2, 0.05
PIECE, SLOTS, ROLE = "download.pieceTimeout", "download.concurrentPieceCount", "seedClient"
_COMMAND = (
    "dfly-analysis plan-stress writes it with the jobs and a results file; with --results FILE it reads the file back."
)


def next_runs_of(dataset: Dataset, fits: Mapping[str, Any], advice: Advice) -> MultiInputView:
    """Show a stress test of the settings in force and the proposed ones, and the runs that are missing by size.

    Parameters
    ----------
    dataset : Dataset
    fits : mapping of str to fit
    advice : Advice
    """
    return MultiInputView((_test(dataset, advice), _missing(fits)))


def stress_of(dataset: Dataset, advice: Advice) -> StressPlan | None:
    """Return the test of the limits and pieces in flight, those in force beside those proposed; None where neither is known."""
    timeouts = [dataset.settings.get(PIECE, ROLE).seconds]
    slots = [dataset.settings.get(SLOTS, ROLE).number]
    proposed = advice.get(PIECE, ROLE), advice.get(SLOTS, ROLE)
    timeouts.append(parse_duration(proposed[0].proposed) if proposed[0] else None)
    slots.append(float(proposed[1].proposed) if proposed[1] else None)
    known_s, known = [one for one in timeouts if one], [int(one) for one in slots if one]
    if not (known_s and known and advice.size_bytes):
        return None
    if len(known_s) + len(known) == 2:  # nothing is proposed: half the pieces in flight tell whether they share a link
        known.append(max(1, known[0] // 2))
    try:
        api = api_of(dataset.settings.versions.get("manager") or dataset.settings.versions.get("scheduler"))
        return plan_stress([advice.size_bytes], known_s, known, width=WIDTH, expected_failure_rate=EXPECTED, api=api)
    except DflyError:
        return None


def _test(dataset: Dataset, advice: Advice) -> TableView:
    plan = stress_of(dataset, advice)
    headings = tuple(Heading(text, "number") for text in ("Size", PIECE, SLOTS, "Repeats"))
    caption = "Stress test that compares the settings"
    if plan is None:
        return TableView(headings, (), caption=caption, empty="The settings in force are not known: give the chart or the values.")  # fmt: skip
    rows = tuple(
        (figure(one.size_bytes, "bytes"), figure(one.timeout_s, "s"), str(one.concurrency), str(plan.repeats))
        for one in plan.setups
    )
    notes = (
        f"{plan.repeats} repeats make the 95 % interval of a failure rate near {figure(EXPECTED, 'share')} at most {figure(WIDTH, 'share')} wide.",
        _COMMAND,
    )
    return TableView(headings, rows, caption=caption, notes=notes)


def _missing(fits: Mapping[str, Any]) -> TableView:
    bins = getattr(fits.get("task_failure"), "bins", ())
    rows = []
    for one in bins:
        rate = one.rate
        needed = repeats_for(WIDTH, min(max(rate.value, 0.0), 1.0))
        more = 0 if rate.high - rate.low <= WIDTH else max(1, needed - one.n)
        rows.append(
            (range_text(one.from_bytes, one.to_bytes, "bytes"), str(one.n), interval_text(rate, "share"), str(more))
        )  # fmt: skip
    headings = tuple(Heading(text, "number") for text in ("Size of layers", "Seen", "Failed", "More runs"))
    notes = (f"Until the 95 % interval of the share that fails is at most {figure(WIDTH, 'share')} wide.",)
    return TableView(headings, tuple(rows), caption="How many more runs are needed", notes=notes if rows else (), empty="No task has both a size and a known end.")  # fmt: skip
