"""How an upgrade note is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dfly_analysis.cli.printing import as_table, enveloped, print_result, terminal_width, wrap
from dfly_analysis.units import format_size

if TYPE_CHECKING:
    from dfly_analysis.catalog.defaults import Change
    from dfly_analysis.config.upgrade_notes import Consequence, UpgradeNote

_HEADINGS: Mapping[str, str] = {
    "image": "Programs", "piece_length": "Pieces", "demand": "Bandwidth demanded", "setting": "Defaults in force",
    "key": "Keys", "trap": "Traps of the defaults",
}  # fmt: skip


def print_upgrade(from_version: str, to_version: str, size: int | None, output_format: str) -> None:
    """Print what an upgrade changes.

    Parameters
    ----------
    from_version, to_version : str
    size : int or None
        Bytes of the layer asked for.
    output_format : str
        ``table``, ``json``, ``yaml`` or ``csv``; the last prints the changes.
    """
    from dataclasses import asdict

    from dfly_analysis.config.query import USUAL_SIZE_BYTES
    from dfly_analysis.config.upgrade_notes import upgrade_note

    note = upgrade_note(from_version, to_version, USUAL_SIZE_BYTES if size is None else size)
    data = asdict(note)
    rows: list[dict[str, Any]] = [asdict(change) for change in note.changes]
    print_result(enveloped(**data), output_format, {"Changes": rows}, _text(note) if output_format == "table" else None)


def _text(note: UpgradeNote) -> str:
    name = {"chart": "chart", "client": "client", "server": "manager and scheduler"}[note.line]
    head = f"From {name} {note.from_version} to {note.to_version}, for a layer of {format_size(note.size_bytes)}"
    if not note.changes and not note.consequences:
        return f"{head}\n\nnothing that the facts know of changes"
    parts = [head, *_by_topic(note.consequences)]
    if note.changes:
        parts.append(
            as_table(
                "Every fact that differs (binary: the program's default; chart: what the chart writes)",
                _rows(note.changes),
            )
        )
    parts.append(
        "What you set yourself stays as you set it: `dfly-analysis check-config VALUES --chart V` checks that."
    )
    return "\n\n".join(parts)


def _by_topic(consequences: Iterable[Consequence]) -> list[str]:
    said: dict[str, list[str]] = {}
    for one in consequences:
        lines = said.setdefault(one.topic, [])
        first, *rest = wrap(one.text, terminal_width() - 4)
        lines += [f"  - {first}", *(f"    {part}" for part in rest)]
    return ["\n".join([heading, *said[topic]]) for topic, heading in _HEADINGS.items() if topic in said]


def _rows(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Join what changes alike for several components."""
    joined: dict[tuple[Any, ...], list[str]] = {}
    for one in changes:
        joined.setdefault((one.key, one.layer, one.before, one.after), []).append(one.component)
    return [
        {"component": ", ".join(names), "key": key, "layer": layer, "before": before, "after": after}
        for (key, layer, before, after), names in joined.items()
    ]
