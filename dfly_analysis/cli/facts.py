"""The command facts: a setting's defaults by release, and upgrade notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from dfly_analysis.cli.options import format_option, option
from dfly_analysis.cli.output import Row, bullets, print_result, table, together, with_schema_version
from dfly_analysis.options import Size
from dfly_analysis.units import format_size

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dfly_analysis.catalog.defaults import Change, KeyDefaults
    from dfly_analysis.config.upgrade_notes import UpgradeNote

_TOPICS: Mapping[str, str] = {
    "image": "Programs", "piece_length": "Pieces", "demand": "Required bandwidth", "setting": "Defaults in force",
    "key": "Keys", "trap": "Problems of the defaults",
}  # fmt: skip


@click.command()
@click.argument("key", required=False)
@click.option(
    "--at",
    "version",
    metavar="VERSION",
    help="Value in a release: v1.5.1 (client), v2.5.1 (scheduler, Manager), 1.7.4 or chart-1.7.4.",
)
@click.option(
    "--diff",
    "between",
    nargs=2,
    metavar="FROM TO",
    help="Differences between two releases; without KEY, an upgrade note.",
)
@option("--size", kind=Size, help="Layer size that the upgrade note is written for.  [default: 20GiB]")
@format_option
def facts(
    key: str | None, version: str | None, between: tuple[str, str] | None, size: int | None, output_format: str
) -> None:
    """Look up a setting: its meaning, its defaults by release.

    KEY may be download.pieceTimeout, a Helm path such as seedClient.config.download.pieceTimeout, or component:key.
    Without KEY, --diff FROM TO prints everything that an upgrade changes, and what it means for a large layer.
    """
    from dfly_analysis.catalog.defaults import defaults_at, defaults_by_release, defaults_diff, find_defaults

    if version and between:
        raise click.UsageError("--at and --diff cannot be combined")
    if key is None:
        if between is None:
            raise click.UsageError("give a KEY, or two releases with --diff FROM TO")
        _print_upgrade(*between, size, output_format)
        return
    if size is not None:
        raise click.UsageError("--size needs --diff FROM TO without KEY")
    if between:
        rows = defaults_diff(key, *between)
    elif version:
        rows = defaults_at(key, version)
    else:
        rows = defaults_by_release(key)
    data = with_schema_version(key=key, facts=rows)
    print_result(data, output_format, rows, lambda: _view(find_defaults(key), rows))


def _view(known: Iterable[KeyDefaults], rows: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """Show what the key means, then its rows without what is the same in all of them."""
    meanings: dict[str, list[str]] = {}
    for one in known:
        meanings.setdefault(_meaning(one), []).append(f"{one.component}: {one.key}")
    notes = dict.fromkeys(str(row["note"]) for row in rows if row.get("note"))
    lines = [f"{', '.join(names)}: {meaning}" for meaning, names in meanings.items()]
    yield "\n".join([*lines, *(f"note: {note}" for note in notes)])
    hidden = {"note", "key", "line"} | ({"component"} if all(row.get("helm_path") for row in rows) else set())
    shown = [{name: value for name, value in row.items() if name not in hidden} for row in rows]
    yield table("", shown) if shown else "no difference"


def _meaning(one: KeyDefaults) -> str:
    costs = [f"{word}: {text}" for word, text in (("too small", one.too_small), ("too large", one.too_large)) if text]
    return "; ".join([one.meaning, *costs])


def _print_upgrade(from_version: str, to_version: str, size: int | None, output_format: str) -> None:
    from dfly_analysis.config.query import USUAL_SIZE_BYTES
    from dfly_analysis.config.upgrade_notes import upgrade_note

    note = upgrade_note(from_version, to_version, USUAL_SIZE_BYTES if size is None else size)
    rows: list[Row] = [asdict(change) for change in note.changes]
    print_result(with_schema_version(**asdict(note)), output_format, rows, lambda: _upgrade_view(note))


def _upgrade_view(note: UpgradeNote) -> Iterator[RenderableType]:
    name = {"chart": "chart", "client": "client", "server": "Manager and scheduler"}[note.line]
    yield f"From {name} {note.from_version} to {note.to_version}, for a layer of {format_size(note.size_bytes)}"
    if not note.changes and not note.consequences:
        yield "no known difference"
        return
    texts: dict[str, list[str]] = {}
    for one in note.consequences:
        texts.setdefault(one.topic, []).append(one.text)
    for topic, heading in _TOPICS.items():
        if topic in texts:
            yield together(heading, bullets(texts[topic]))
    if note.changes:
        title = "All defaults that differ (binary: the program's default; chart: what the chart sets)"
        yield table(title, _changes(note.changes))
    yield "Settings in your own values stay as they are; `dfly-analysis check-config VALUES --chart VERSION` checks them."


def _changes(changes: Iterable[Change]) -> list[Row]:
    """Join equal changes of several components."""
    joined: dict[tuple[Any, ...], list[str]] = {}
    for one in changes:
        joined.setdefault((one.key, one.layer, one.before, one.after), []).append(one.component)
    return [
        {"component": ", ".join(names), "key": key, "layer": layer, "before": before, "after": after}
        for (key, layer, before, after), names in joined.items()
    ]
