"""The command whatif."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import (
    format_option,
    load_dataset,
    options,
    paths_argument,
    reading_options,
    settings_options,
)
from dfly_analysis.cli.output import Row, print_result, table
from dfly_analysis.errors import NotEnoughDataError
from dfly_analysis.options import SimulationOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dfly_analysis.simulation import WhatIf

_FIGURES = ("failure_rate", "attempt_failure_rate", "cut_rate", "failed", "layer_time_s", "makespan_s")


@click.command()
@paths_argument
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting to change; may be repeated. KEY as in dfdaemon.yaml, or a path of the Helm chart.",
)
@options(SimulationOptions)
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
    registry_speed_factor: float,
    concurrent_layers: int | None,
    seed: int,
    output_format: str,
    **given: Any,
) -> None:
    """Predict time and failure rate under other settings.

    The result also shows the prediction for the settings in force, and what was observed in the run. Supported keys:
    download.pieceTimeout, storage.writePieceTimeout, download.concurrentPieceCount, download.bandwidthLimit,
    download.backToSourceBandwidthLimit, backend.maxRetries and proxy.disableBackToSource.
    """
    from dfly_analysis.models import fit_all
    from dfly_analysis.reporting.whatif_report import whatif_json
    from dfly_analysis.simulation import WhatIf, parse_changes, simulate

    parsed = parse_changes(changes, role=role)  # refuse a wrong key before the logs are read
    dataset = load_dataset(paths, **given)
    found = simulate(
        dataset, fit_all(dataset), changes=parsed, role=role, size=size, piece_length=piece_length, bandwidth=bandwidth,
        source_speed=registry_speed_factor, layers_at_once=concurrent_layers, seed=seed,
    )  # fmt: skip
    if not isinstance(found, WhatIf):
        raise NotEnoughDataError(found.reason, where=", ".join(paths), hint=f"collect {found.collect}")
    print_result(whatif_json(found), output_format, _rows(found), lambda: _view(found))


def _rows(found: WhatIf) -> list[Row]:
    """Return one row for each predicted figure."""
    outlooks = [
        ("layer", "in force", found.layer_now), ("run", "in force", found.run_now),
        ("layer", "changed", found.layer_then), ("run", "changed", found.run_then),
    ]  # fmt: skip
    return [
        {"of": of, "settings": settings, "figure": name, "value": one.value, "low": one.low, "high": one.high}
        for of, settings, outlook in outlooks
        if outlook is not None
        for name in _FIGURES
        for one in [getattr(outlook, name)]
    ]


def _view(found: WhatIf) -> Iterator[RenderableType]:
    from dfly_analysis.reporting.whatif_report import (
        about,
        agreement_text,
        changes_text,
        layer_rows,
        run_rows,
        uncertainty_text,
    )

    def cells(row: Any) -> list[str]:
        return [str(cell).replace("\N{NO-BREAK SPACE}", " ") for cell in row]

    yield f"{about(found)}\nChanged: {changes_text(found)}".replace("\N{NO-BREAK SPACE}", " ")
    heads = ("", "observed", "predicted, in force", "predicted, changed")
    layer = [dict(zip((heads[0], *heads[2:]), cells((row[0], *row[2:])), strict=True)) for row in layer_rows(found)]
    yield table("One such layer", layer)
    if rows := run_rows(found):
        yield table("All layers of the run", [dict(zip(heads, cells(row), strict=True)) for row in rows])
    notes = [agreement_text(found), uncertainty_text(found), *(f"note: {note}" for note in found.notes)]
    yield "\n".join(text.replace("\N{NO-BREAK SPACE}", " ") for text in notes if text)
