"""The command whatif."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import command, format_option, load_dataset, options
from dfly_analysis.cli.output import Row, print_result, table, wrap
from dfly_analysis.errors import NotEnoughDataError
from dfly_analysis.options import ReadingOptions, SettingsOptions, SimulationOptions

if TYPE_CHECKING:
    from dfly_analysis.simulation import WhatIf

_FIGURES = ("failure_rate", "attempt_failure_rate", "cut_rate", "failed", "layer_time_s", "makespan_s")


@command(
    "dfly-analysis whatif logs/ --set download.pieceTimeout=120s --size 20GiB",
    "dfly-analysis whatif logs/ --set seedClient.config.download.concurrentPieceCount=8 --bandwidth 50MB/s",
)
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Setting to change; may be repeated. KEY as in dfdaemon.yaml, or a path of the Helm chart.")  # fmt: skip
@options(SimulationOptions, SettingsOptions, ReadingOptions, paths=True)
@format_option
def whatif(*, paths: tuple[str, ...], changes: tuple[str, ...], output_format: str, **given: Any) -> None:
    """Predict time and failure rate under other settings.

    The result also shows the prediction for the settings in force, and what was observed in the run. Supported keys:
    download.pieceTimeout, storage.writePieceTimeout, download.concurrentPieceCount (for pieces from the source, client
    v1.5.4 and later read download.backToSourceConcurrentPieceCount), download.bandwidthLimit, download.backToSourceBandwidthLimit,
    backend.maxRetries and proxy.disableBackToSource.
    """
    from dfly_analysis.models import fit_all
    from dfly_analysis.reporting.whatif_report import whatif_json
    from dfly_analysis.simulation import WhatIf, parse_changes, simulate

    parsed = parse_changes(changes, role=given["role"])  # refuse a wrong key before the logs are read
    dataset = load_dataset(paths, given)
    found = simulate(
        dataset, fit_all(dataset), changes=parsed, source_speed=given["registry_speed_factor"], layers_at_once=given["concurrent_layers"],
        **{name: given[name] for name in ("role", "size", "piece_length", "bandwidth", "seed")},
    )  # fmt: skip
    if not isinstance(found, WhatIf):
        raise NotEnoughDataError(found.reason, where=", ".join(paths), hint=f"collect {found.collect}")
    print_result(whatif_json(found), output_format, _rows(found), lambda: _view(found))


def _rows(found: WhatIf) -> list[Row]:
    results = [
        ("layer", "in force", found.layer_now), ("run", "in force", found.run_now),
        ("layer", "changed", found.layer_then), ("run", "changed", found.run_then),
    ]  # fmt: skip
    known = ((*result, name) for result in results if result[2] is not None for name in _FIGURES)
    return [
        {"of": of, "settings": settings, "figure": name, **asdict(getattr(result, name))}
        for of, settings, result, name in known
    ]


def _view(found: WhatIf) -> Iterator[str]:
    from dfly_analysis.reporting import whatif_report as texts

    def rows(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> list[Row]:
        return [dict(zip(heads, row, strict=True)) for row in cells]

    yield wrap(f"{texts.about(found)}\nChanged: {texts.changes_text(found)}")
    heads = ("", "observed", "predicted, in force", "predicted, changed")
    yield table("One such layer", rows((heads[0], *heads[2:]), texts.layer_rows(found)))
    yield table("All layers of the run", rows(heads, texts.run_rows(found)))
    notes = [texts.agreement_text(found), texts.uncertainty_text(found), *(f"note: {note}" for note in found.notes)]
    yield wrap("\n".join(text for text in notes if text))
