"""The command facts: a setting's defaults by release, and upgrade notes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import click

from dfly_analysis.catalog.defaults import KeyDefaults
from dfly_analysis.catalog.releases import line_of
from dfly_analysis.cli.options import command, format_option, option
from dfly_analysis.cli.output import bullets, print_result, table, wrap
from dfly_analysis.config.upgrade_notes import UpgradeNote
from dfly_analysis.messages import LANGUAGES, Message, message, translate
from dfly_analysis.options import Size
from dfly_analysis.units import format_size

_TOPICS: Mapping[str, Message] = {
    "image": message("Programs"), "piece_length": message("Pieces"), "demand": message("Required bandwidth"),
    "setting": message("Defaults in force"), "meaning": message("What it means for large preheats"), "key": message("Keys"),
    "trap": message("Problems of the defaults"),
}  # fmt: skip
_LINES = {"chart": message("chart"), "client": message("client"), "server": message("Manager and scheduler")}


@command(
    "dfly-analysis facts download.pieceTimeout",
    "dfly-analysis facts seedClient.config.download.pieceTimeout --at 1.7.4",
    "dfly-analysis facts --diff 1.3.25 1.7.4 --size 20GiB",
    "dfly-analysis facts --releases",
)
@click.argument("key", required=False)
@click.option("--at", "version", metavar="VERSION", help="Value in a release: v1.5.1 (client), v2.5.1 (scheduler, Manager), 1.7.4 or chart-1.7.4.")  # fmt: skip
@click.option("--diff", nargs=2, metavar="FROM TO", help="Differences between two releases; without KEY, an upgrade note.")  # fmt: skip
@click.option("--releases", "list_releases", is_flag=True, help="Which releases are known, and until when.")
@click.option("--lang", type=click.Choice(LANGUAGES), default="en", help="Language of the upgrade note.  [default: en]")
@option("--size", kind=Size, help="Layer size that the upgrade note is written for.  [default: 20GiB]")
@format_option
def facts(
    key: str | None, version: str | None, diff: tuple[str, str] | None, list_releases: bool, size: int | None, lang: str, output_format: str
) -> None:  # fmt: skip
    """Look up a setting: its meaning, its defaults by release.

    KEY may be download.pieceTimeout, a Helm path such as seedClient.config.download.pieceTimeout, or component:key.
    Without KEY, --diff FROM TO prints everything that an upgrade changes, and what it means for a large layer.
    """
    from dfly_analysis.catalog.defaults import defaults_at, defaults_by_release, defaults_diff, find_defaults
    from dfly_analysis.catalog.releases import known_lines
    from dfly_analysis.config.query import USUAL_SIZE_BYTES
    from dfly_analysis.config.upgrade_notes import upgrade_note

    if list_releases:
        if key or version or diff:
            raise click.UsageError("--releases stands alone")
        lines = [asdict(one) for one in known_lines()]
        print_result({"releases": lines}, output_format, lines, lambda: _releases_view(lines))
        return
    if version and diff:
        raise click.UsageError("--at and --diff cannot be combined")
    if key is None:
        if diff is None:
            raise click.UsageError("give a KEY, or two releases with --diff FROM TO, or --releases")
        note = upgrade_note(*diff, size or USUAL_SIZE_BYTES)
        changes, data = [asdict(change) for change in note.changes], asdict(note)
        for one, shown in zip(note.consequences, data["consequences"], strict=True):
            shown["text"] = translate(one.text, lang)
        data["notes"] = [translate(one, lang) for one in note.notes]
        print_result(data, output_format, changes, lambda: _upgrade_view(note, lang))
        return
    if size is not None:
        raise click.UsageError("--size needs --diff FROM TO without KEY")
    by_release = defaults_at(key, version) if version else defaults_by_release(key)
    rows = defaults_diff(key, *diff) if diff else by_release
    print_result({"key": key, "facts": rows}, output_format, rows, lambda: _view(find_defaults(key), rows))


def _releases_view(lines: list[dict[str, Any]]) -> Iterator[str]:
    yield table("Known releases of Dragonfly", lines)
    yield wrap("A release after the newest one is treated as the newest, and the answer says so.")


def _view(known: Iterable[KeyDefaults], rows: list[dict[str, Any]]) -> Iterator[str]:
    """Show what the key means, then its rows without what is the same in all of them."""
    meanings: dict[str, list[str]] = {}
    for one in known:
        costs = [f"too small: {one.too_small}"] if one.too_small else []
        costs += [f"too large: {one.too_large}"] if one.too_large else []
        meanings.setdefault("; ".join([one.meaning, *costs]), []).append(f"{one.component}: {one.key}")
    notes = dict.fromkeys(f"note: {row['note']}" for row in rows if row.get("note"))
    yield wrap("\n".join([*(f"{', '.join(names)}: {meaning}" for meaning, names in meanings.items()), *notes]))
    hidden = {"note", "key", "line"} | ({"component"} if all(row.get("helm_path") for row in rows) else set())
    shown = [{name: value for name, value in row.items() if name not in hidden} for row in rows]
    yield table("", shown) or "no difference"


def _upgrade_view(note: UpgradeNote, lang: str) -> Iterator[str]:
    from_go = note.line == "client" and line_of(note.from_version)[0] == "server"
    head = message(
        "From {line} {before} to {after}, for a layer of {size}", line=message("Go client") if from_go else _LINES[note.line], before=note.from_version,
        after=note.to_version, size=format_size(note.size_bytes),
    )  # fmt: skip
    yield wrap(translate(head, lang))
    yield from (wrap(translate(message("note: {note}", note=one), lang)) for one in note.notes)
    if not note.changes and not note.consequences:
        yield translate(message("no known difference"), lang)
        return
    for topic, heading in _TOPICS.items():
        texts = (translate(one.text, lang) for one in note.consequences if one.topic == topic)
        yield bullets(texts, translate(heading, lang))
    joined: dict[tuple[Any, ...], list[str]] = {}  # equal changes of several components are one row
    for change in note.changes:
        joined.setdefault((change.key, change.layer, change.before, change.after), []).append(change.component)
    title = message("All defaults that differ (binary: the program's default; chart: what the chart sets)")
    rows = [
        {"component": ", ".join(names), "key": key, "layer": layer, "before": before, "after": after}
        for (key, layer, before, after), names in joined.items()
    ]
    is_metric = [str(row["key"]).startswith("metric:") for row in rows]
    yield table(translate(title, lang), [row for row, metric in zip(rows, is_metric, strict=True) if not metric])
    metrics = [{**row, "key": str(row["key"]).removeprefix("metric:")} for row, metric in zip(rows, is_metric, strict=True) if metric]  # fmt: skip
    yield table(translate(message("Metrics that differ"), lang), metrics)
    if from_go:
        return  # the old Go client's values have no meaning left
    checker = "`dfly-analysis check-config VALUES --chart VERSION`"
    rest = message("Settings in your own values stay as they are; {command} checks them.", command=checker)
    yield wrap(translate(rest, lang))
