"""The command plan-stress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import combined, command, file_option, format_option, option, options
from dfly_analysis.cli.output import Row, message, print_result, table, wrap
from dfly_analysis.errors import SourceError
from dfly_analysis.options import Duration, ReleaseOptions, Size, TargetOptions
from dfly_analysis.quantities import interval_text
from dfly_analysis.units import duration_setting, format_size

if TYPE_CHECKING:
    from dfly_analysis.recommendation.stress_plan import StressPlan, StressResult

_plan_options = combined(
    option("--size", "sizes", kind=Size, multiple=True, default=("1GiB", "10GiB"), help="Layer size to test; may be repeated."),
    option("--timeout", "timeouts", kind=Duration, multiple=True, default=("60s", "180s", "600s"), help="pieceTimeout to test; may be repeated."),
    click.option("--concurrency", "counts", type=click.IntRange(1), metavar="N", multiple=True, default=(4, 8, 16), help="concurrentPieceCount to test; may be repeated."),
    click.option("--width", type=click.FloatRange(0, 1, min_open=True, max_open=True), metavar="WIDTH", default=0.2, help="Desired width of the 95 % interval of the failure rate, between 0 and 1."),
    click.option("--expect", type=click.FloatRange(0, 1), metavar="RATE", default=0.05, help="Expected failure rate."),
    click.option("--url", metavar="URL", help="File to preheat; {size} is replaced by the size in bytes.  [default: dfbench's file server]"),
    click.option("-n", "--namespace", metavar="NAMESPACE", default="dragonfly-system", help="Namespace of Dragonfly."),
    options(ReleaseOptions, without=("chart", "client")),
    click.option("--results", metavar="FILE", help="Evaluate a completed results file; - for stdin."),
    options(TargetOptions, without=("size",)),
    file_option("-o", "--output", help="Write the results file to complete, as CSV."),
)  # fmt: skip


@command(
    "dfly-analysis plan-stress --size 10GiB --timeout 60s --timeout 600s -o results.csv",
    "dfly-analysis plan-stress --results results.csv",
)
@_plan_options
@format_option
def plan_stress(results: str | None, output: Path | None, output_format: str, **given: Any) -> None:
    """Plan a stress test, or evaluate its results.

    The plan combines sizes, timeouts and concurrencies; the number of repetitions follows from the desired width of the
    interval. -o writes a CSV file to complete; --results reads it back and shows failure rate and time of each
    combination, how many more runs are needed, and which combination to use. The completed CSV is also an input of fit
    and report.
    """
    if results is not None:
        _evaluate(results, output_format, given["width"], given["target_failure_rate"])
        return
    from dfly_analysis.catalog.job_api import job_api
    from dfly_analysis.recommendation.stress_plan import plan_stress as plan

    planned = plan(
        given["sizes"], given["timeouts"], given["counts"], width=given["width"], expected_failure_rate=given["expect"],
        api=job_api(given["scheduler"]), url=given["url"], namespace=given["namespace"],
    )  # fmt: skip
    if output:
        output.write_text(planned.to_csv(), "utf-8")
    rows: list[Row] = [
        {"combination": one.label, "size": format_size(one.size_bytes), "pieceTimeout": duration_setting(one.timeout_s),
         "concurrentPieceCount": one.concurrency, "repeats": planned.repeats}
        for one in planned.setups
    ]  # fmt: skip
    print_result(asdict(planned), output_format, rows, lambda: _view(planned, rows, output))


def _view(plan: StressPlan, rows: list[Row], output: Path | None) -> Iterator[str]:
    yield wrap(plan.because)
    yield table("Combinations", rows)
    yield "\n".join(["Steps", *(f"  # {what}\n  {command}" for what, command in plan.steps)])
    after = f"Complete {output}, then: dfly-analysis plan-stress --results {output}"
    yield wrap(after if output else "`-o FILE` writes the results file to complete.")


def _evaluate(results: str, output_format: str, width: float, target: float) -> None:
    from dfly_analysis.recommendation.stress_plan import read_stress

    try:
        text = sys.stdin.read() if results == "-" else Path(results).read_text("utf-8", "replace")
    except OSError as problem:
        raise SourceError(f"cannot be read: {problem.strerror}", where=results, hint="check the path") from problem
    source = "standard input" if results == "-" else results
    found = read_stress(text, source, width=width, target_failure_rate=target)
    best = {str(size): asdict(setup) if setup else None for size, setup in found.best.items()}
    data = {"tested": [asdict(one) for one in found.tested], "best": best, "open_rows": found.open_rows}
    rows: list[Row] = [
        {"combination": one.setup.label, "runs": one.n, "failed": one.failures,
         "failure rate": interval_text(one.failure_rate, "share") if one.failure_rate else None,
         "median time": interval_text(one.median_s, "s") if one.median_s else None, "more runs": one.more_runs}
        for one in found.tested
    ]  # fmt: skip
    print_result(data, output_format, rows, lambda: _results_view(found, rows, target))
    for row_problem in found.problems:
        message(str(row_problem))


def _results_view(result: StressResult, rows: list[Row], target: float) -> Iterator[str]:
    from dfly_analysis.recommendation.stress_plan import best_text

    yield table("Results", rows)
    yield wrap("\n".join(best_text(result, target)))
    if result.open_rows:
        yield f"{result.open_rows} rows are not completed yet."
