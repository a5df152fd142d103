"""Evaluates the diagnosis on generated runs and writes docs/evaluation/diagnosis.md.

    python -m tests.evaluation.diagnosis [--seeds 2] [--no-write]

Runs with planted causes of each kind, era, shape of the input, noise and mixture; about two seconds each.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean

from dfly_analysis.estimates import wilson
from tests.evaluation.judging import Judged, Summary, judge
from tests.evaluation.runs import MIXTURES, NOISY, PARTS, SHAPED, plan

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluation" / "diagnosis.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge all planned runs, print what is wrong, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--no-write", action="store_true")
    asked = parser.parse_args(arguments)
    summary = Summary()
    for planned in plan(asked.seeds):
        summary.runs.append(judge(planned))
        alone = Summary(summary.runs[-1:])
        for _, _why in alone.wrong():
            pass  # noqa: T201
    text = render(summary, asked.seeds)
    if asked.no_write:
        print(text)  # noqa: T201
    else:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, "utf-8")
    return 0


def render(summary: Summary, seeds: int) -> str:
    """Return the page."""
    wrong = [
        f"| {run.planned.case.name} | {run.planned.client} | {run.planned.shape} | {run.planned.noise} | {run.planned.part} | {why} |"
        for run, why in summary.wrong()
    ]
    return "\n".join(
        [
            "# Evaluation of the diagnosis on generated runs",
            "",
            f"{len(summary.runs)} runs written by `tests.synthetic` with planted causes: each cause in each client era with {seeds} seeds, then",
            "each shape of the input, each noise and parts of it. Written by `python -m tests.evaluation.diagnosis`; a small part of it is a test.",
            "",
            "## Primary cause, counts and shares",
            "",
            *_overall(summary),
            "",
            "## Confusion: failed tasks by planted (rows) and said cause (columns)",
            "",
            *_confusion(summary.confusion()),
            "",
            "## Confidences",
            "",
            "| confidence | tasks | right | share, 95 % interval |",
            "|---|---|---|---|",
            *_calibration(summary),
            "",
            "## Mixtures",
            "",
            "| mixture | runs | failed tasks | largest error of a share |",
            "|---|---|---|---|",
            *_mixtures(summary),
            "",
            "## Parts of the input",
            "",
            "*Open* is an answer that names no cause where there is one; *wrong* names one that nobody planted.",
            "",
            "| what is at hand | runs | right | open | wrong |",
            "|---|---|---|---|---|",
            *_parts(summary),
            "",
            "## What was not as it should be",
            "",
            *(
                ["| case | client | shape | noise | part | what |", "|---|---|---|---|---|---|", *wrong]
                if wrong
                else ["Nothing."]
            ),
            "",
        ]
    )


def _overall(summary: Summary) -> Iterable[str]:
    yield "| part | runs | primary cause right | failed tasks counted exactly | largest error of a share, mean (max) |"
    yield "|---|---|---|---|---|"
    groups: list[tuple[str, list[Judged]]] = [
        ("one planted cause", [run for run in summary.runs if len(run.truth) == 1 and _is_plain(run)])
    ]
    groups.append(("mixtures", [run for run in summary.runs if len(run.truth) > 1 and _is_plain(run)]))
    groups.append(("nothing failed", [run for run in summary.runs if not run.truth and _is_plain(run)]))
    groups += [
        (f"shape: {name}", [run for run in summary.runs if run.planned.shape == name])
        for name in SHAPED
        if name != "plain"
    ]
    groups += [
        (f"noise: {name}", [run for run in summary.runs if run.planned.noise == name])
        for name in NOISY
        if name != "none"
    ]
    for name, runs in groups:
        if runs:
            right = sum(run.primary_right for run in runs)
            exact = sum(sum(run.truth.values()) == sum(run.said.values()) for run in runs)
            errors = [run.share_error for run in runs]
            yield f"| {name} | {len(runs)} | {right} | {exact} | {mean(errors):.3f} ({max(errors):.3f}) |"


def _is_plain(run: Judged) -> bool:
    return (run.planned.shape, run.planned.noise, run.planned.part) == ("plain", "none", "whole")


def _parts(summary: Summary) -> Iterable[str]:
    for part in PARTS:
        verdicts = Counter(run.verdict for run in summary.runs if run.planned.part == part)
        if part != "whole" and verdicts:
            yield f"| {part} | {verdicts.total()} | {verdicts['right']} | {verdicts['open']} | {verdicts['wrong']} |"


def _confusion(counts: Counter[tuple[str, str]]) -> Iterable[str]:
    said = sorted({column for _, column in counts})
    yield f"| planted | {' | '.join(said)} |"
    yield f"|---|{'---|' * len(said)}"
    for planted in sorted({row for row, _ in counts}):
        yield f"| {planted} | {' | '.join(str(counts[planted, column] or '') for column in said)} |"


def _calibration(summary: Summary) -> Iterable[str]:
    for sure, (n, right) in sorted(summary.calibration().items()):
        share = wilson(right, n)
        yield f"| {sure} | {n} | {right} | {share.value:.3f} ({share.low:.3f} to {share.high:.3f}) |"


def _mixtures(summary: Summary) -> Iterable[str]:
    for case in MIXTURES:
        runs = [run for run in summary.runs if run.planned.case.name == case.name]
        if runs:
            failed = sum(sum(run.truth.values()) for run in runs)
            yield f"| {case.planted} | {len(runs)} | {failed} | {max(run.share_error for run in runs):.3f} |"


if __name__ == "__main__":
    sys.exit(main())
