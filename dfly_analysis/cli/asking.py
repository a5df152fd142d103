"""Commands that ask what would be: whatif."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import (
    Bandwidth,
    Size,
    format_option,
    load_dataset,
    paths_argument,
    reading_options,
    settings_options,
)
from dfly_analysis.cli.printing import as_table, print_result, terminal_width, wrap
from dfly_analysis.errors import NotEnoughDataError

if TYPE_CHECKING:
    from dfly_analysis.simulation import WhatIf


@click.command()
@paths_argument
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting with another value; may be repeated. The key as in dfdaemon.yaml or as the chart's path.",
)
@click.option(
    "--role",
    type=click.Choice(["seedClient", "client"]),
    default="seedClient",
    show_default=True,
    help="Whose setting, where the key does not say, and who fetches.",
)
@click.option("--size", type=Size(), help="Layer asked about, e.g. 20GiB.  [default: the largest seen]")
@click.option("--piece-length", type=Size(), help="Piece length named in the request.  [default: the client's rule]")
@click.option("--bandwidth", type=Bandwidth(), help="What the link that pieces share carries, e.g. 50MB/s.")
@click.option(
    "--source-speed",
    type=click.FloatRange(0, 1e6, min_open=True, max_open=True),
    default=1.0,
    show_default=True,
    help="How many times as fast the source sends.",
)
@click.option(
    "--layers-at-once", type=click.IntRange(1, 16), help="Such layers on one link at a time.  [default: as in the run]"
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the simulation's chance.")
@settings_options
@reading_options
@format_option
def whatif(  # noqa: PLR0913 - each is an option
    *,
    paths: tuple[str, ...],
    changes: tuple[str, ...],
    role: str,
    size: int | None,
    piece_length: int | None,
    bandwidth: float | None,
    source_speed: float,
    layers_at_once: int | None,
    seed: int,
    output_format: str,
    **asked: Any,
) -> None:
    """Predict time and failure rate under other settings.

    Beside them stand the prediction under the settings in force, and what the run showed. It knows
    download.pieceTimeout, storage.writePieceTimeout, download.concurrentPieceCount, download.bandwidthLimit,
    download.backToSourceBandwidthLimit, backend.maxRetries and proxy.disableBackToSource.
    """
    from dfly_analysis.models import fit_all
    from dfly_analysis.report.foretold import whatif_json
    from dfly_analysis.simulation import WhatIf, parse_changes, simulate

    parsed = parse_changes(changes, role=role)  # refuse a wrong key before the logs are read
    dataset = load_dataset(paths, **asked)
    found = simulate(
        dataset, fit_all(dataset), changes=parsed, role=role, size=size, piece_length=piece_length, bandwidth=bandwidth,
        source_speed=source_speed, layers_at_once=layers_at_once, seed=seed,
    )  # fmt: skip
    if not isinstance(found, WhatIf):
        raise NotEnoughDataError(found.reason, where=", ".join(paths), hint=f"collect {found.collect}")
    text = _text(found) if output_format == "table" else None
    print_result(whatif_json(found), output_format, {"What if": _rows(found)}, text)


def _rows(found: WhatIf) -> list[dict[str, Any]]:
    """Return one row for each figure, for programs."""
    made = []
    for settings, parts in (
        ("in force", (found.layer_now, found.run_now)),
        ("changed", (found.layer_then, found.run_then)),
    ):
        for of, outlook in zip(("layer", "run"), parts, strict=True):
            for name in ("failure_rate", "attempt_failure_rate", "cut_rate", "failed", "layer_time_s", "makespan_s"):
                if outlook is not None:
                    one = getattr(outlook, name)
                    made.append(
                        {"of": of, "settings": settings, "figure": name, "value": one.value, "low": one.low, "high": one.high}
                    )  # fmt: skip
    return made


def _text(found: WhatIf) -> str:
    from dfly_analysis.report.foretold import about, agreement_text, changes_text, doubt_text, layer_rows, run_rows

    parts = [f"{about(found)}\nChanged: {changes_text(found)}"]
    heads = ("", "seen", "predicted, in force", "predicted, changed")
    layer = [dict(zip((heads[0], *heads[2:]), (row[0], *row[2:]), strict=True)) for row in layer_rows(found)]
    parts.append(as_table("One such layer", layer))
    if rows := run_rows(found):
        parts.append(as_table("The run's own layers again", [dict(zip(heads, row, strict=True)) for row in rows]))
    said = [agreement_text(found), doubt_text(found), *(f"note: {note}" for note in found.notes)]
    parts.append("\n".join(line for text in said if text for line in wrap(text, terminal_width())))
    return "\n\n".join(parts).replace("\N{NO-BREAK SPACE}", " ")
