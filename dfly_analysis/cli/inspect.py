"""The command inspect."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from dfly_analysis.cli.options import command, format_option, options
from dfly_analysis.cli.output import Row, print_result, table
from dfly_analysis.options import ReadingOptions

_COLUMNS = {"continuation": "continued"}
_HIDDEN = ("component", "note", "detection_reason")


@command("dfly-analysis inspect logs/", "dfly-analysis inspect run.tar.gz --format json")
@options(ReadingOptions, without=("prometheus", "cache"), paths=True)
@format_option
def inspect(paths: tuple[str, ...], tz: str, log_format: str | None, output_format: str) -> None:
    """Show how each input file was recognised, and what was read."""
    from dfly_analysis.dataset import inspect_inputs

    names = ("kind", "format", "component", "host", "lines", "parsed", "continuation", "rejected", "note", "detection_reason", "path")  # fmt: skip
    rows: list[Row] = [
        {_COLUMNS.get(name, name): row.get(name) for name in names} for row in inspect_inputs(paths, tz, log_format)
    ]
    print_result({"files": rows}, output_format, rows, lambda: _view(rows))


def _folder(path: str) -> str:
    return path[: max(path.rfind("/"), path.rfind("!")) + 1]


def _view(rows: Sequence[Row]) -> Iterator[str]:
    """Show paths without what all of them begin with, and how many files there are of each kind."""
    folders = [_folder(str(row["path"])) for row in rows]
    # A prefix of letters, cut back to a whole step: archive members follow after "!", which paths do not know.
    shared = _folder(os.path.commonprefix(folders)) if len(rows) > 1 else ""  # noqa: RUF071
    kinds = Counter(str(row["kind"]) for row in rows)
    counted = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    title = f"{len(rows)} file{'' if len(rows) == 1 else 's'}: {counted}" + (f"\nunder {shared}" if shared else "")
    if len(rows) == 1 and rows[0].get("detection_reason"):
        title += f"\n{rows[0]['detection_reason']}"
    shown = [
        {name: value for name, value in row.items() if name not in _HIDDEN}
        | {"format": _format(row), "path": str(row["path"]).removeprefix(shared) + note}
        for row in rows
        for note in [f" ({row['note']})" if row["note"] else ""]
    ]
    yield table(title, shown)


def _format(row: Row) -> Any:
    """Return the format, with its envelope if there is one."""
    around, _, _ = str(row.get("detection_reason") or "").partition(":")
    return around if " around " in around and "as asked" not in around else row["format"]
