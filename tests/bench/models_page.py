"""The part of the benchmark page about the distribution of piece durations."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean, median
from typing import Any

from dfly_analysis.estimates import wilson
from tests.bench.tables import table

Record = dict[str, Any]
_HELD = ("tail_held", "inside_held", "rate_15_held", "rate_60_held", "rate_120_held", "failure_60_held")


def models_part(area: Record, measured: str) -> Iterator[str]:
    """Write the errors of fits to samples of unknown distributions, and those of other packages on the same rows."""
    laws = area["laws"]
    calm = [law for law in laws if not law["name"].startswith("stalls")]
    yield "## Distribution of piece durations"
    more = ", ".join(f"{law['fits']} of {law['name']}" for law in laws if "fits" in law)
    yield (
        f"{measured} {area['fits']} samples of each distribution{f' ({more})' if more else ''}, {area['n']:,} attempts each, censored at 30 s and by random resets; the parameters of a distribution "
        "are drawn for every sample (`tests/bench/distributions.py`), and the fit does not know the family. The quantities are the 99.9 % quantile at "
        "64 MiB, beyond the timeout, and the 99 % quantile at 16 MiB. Errors are medians; coverage is that of 95 % intervals, with Wilson's 95 % "
        "interval of the coverage in brackets."
    )
    yield _peers_table(area, calm)
    yield _laws_table(laws, area["fits"])
    many = area["many"]
    yield (
        "A million attempts of 20,000 tasks on 20 hosts, the fit and its first interval: "
        f"{many['processor_s']:.2f} s of CPU time, the median of three ({many['fastest_s']:.2f} s of wall time at best, on a machine with other "
        "work)."
    )


def _peers_table(area: Record, calm: list[Record]) -> str:
    def of(part: str, choose: Any) -> str:
        return _percent(choose(law[f"{part}_error"] for law in calm))

    rows: list[tuple[object, ...]] = [
        (
            "dfly-analysis",
            of("tail", median),
            of("tail", max),
            of("inside", median),
            of("inside", max),
            "0 %",
            f"{median(law['seconds'] for law in area['laws']):.2f} s",
        )
    ]
    peers = area["peers"]
    for row in peers.get("rows", ()):
        none = f"{row['tail_none']:.0%}".replace("%", " %")
        cells = (_percent(row[name]) for name in ("tail_error", "tail_worst", "inside_error", "inside_worst"))
        rows.append((row["name"], *cells, none, f"{peers['seconds'][row['name']]:.2f} s"))
    if "failure" in peers:
        rows.append((f"others: did not run: {peers['failure']}", *[""] * 6))
    versions = ", ".join(f"{name} {version}" for name, version in peers.get("versions", {}).items())
    heads = (
        "way",
        "99.9 % beyond the timeout: median over distributions",
        "worst distribution",
        "99 % observed: median",
        "worst distribution",
        "no result",
        "time per sample",
    )
    return f"{table(heads, rows)}\n\nDistributions without stalls. {f'Others on fewer samples of each distribution: {versions}.' if versions else ''}".rstrip()


def _laws_table(laws: list[Record], fits: int) -> str:
    heads = (
        "distribution", "failed", "99.9 %: error", "90 % below", "upper end / truth", "99 %: error", "coverage 99.9 %", "coverage 99 %",
        "coverage rate at 15 s", "60 s", "120 s", "coverage failures at 60 s", "rate at 60 s within a point", "120 s",
    )  # fmt: skip
    near = ("within_60", "within_120")
    return table(heads, [
        (law["name"], _percent(law["cut"]), _percent(law["tail_error"]), _percent(law["tail_error_90"]), law["tail_high"], _percent(law["inside_error"]),
         *(_share(law[name], law.get("fits", fits)) for name in _HELD), *(f"{law[name]:.0%}".replace("%", " %") for name in near))
        for law in laws
    ] + [
        ("all", *[""] * 5, *(_share(mean(law[name] for law in laws), fits * len(laws)) for name in _HELD),
         *(f"{mean(law[name] for law in laws):.0%}".replace("%", " %") for name in near)),
    ])  # fmt: skip


def _share(value: float, of: int) -> str:
    """Write a proportion of so many samples with its interval."""
    open_ = wilson(round(value * of), of)
    return f"{value:.0%} ({open_.low:.0%} to {open_.high:.0%})".replace("%", " %")


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}".replace("%", " %")
