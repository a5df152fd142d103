"""Hands what kubectl prints to the reader of its form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dfly_analysis.errors import SourceError
from dfly_analysis.io.json_scanner import scan
from dfly_analysis.readers.pods.kubectl_describe import read_description
from dfly_analysis.readers.pods.kubectl_json import rows_of
from dfly_analysis.redaction import redact

OnProblem = Callable[[SourceError], None]
_HINT = "save what kubectl printed anew"


def read_pods(text: str, address: str, *, on_problem: OnProblem | None = None) -> list[dict[str, Any]]:
    """Read a file that kubectl printed.

    Parameters
    ----------
    text : str
        JSON of one object or a list, several of these one after another, or the text of ``kubectl describe``.
    address : str
        Where it lies.
    on_problem : callable, optional
        Told of each place that is not JSON; what is whole around it is read all the same.

    Returns
    -------
    list of dict
        Rows of `dfly_analysis.schema.PODS`; of objects that say nothing of an ending there is one row a container.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return [_placed(row, address, row.pop("line", 1)) for row in read_description(text)]

    def broken(at: int, message: str) -> None:
        if on_problem is not None:
            where = f"{address}:{text.count(chr(10), 0, at) + 1}"
            on_problem(SourceError(f"is not the JSON it looks like: {message}", where=where, hint=_HINT))

    rows, line, counted = [], 1, 0
    for at, content in scan(text, broken):
        line, counted = line + text.count("\n", counted, at), at
        for row in rows_of(content):
            found = text.find(f'"{row["uid"]}"', counted) if row.get("uid") else -1
            place = line + text.count("\n", counted, found) if found >= 0 else line
            rows.append(_placed(row, address, place))
    return rows


def _placed(row: dict[str, Any], address: str, line: int) -> dict[str, Any]:
    message = row.get("message")
    shown = {name: value for name, value in row.items() if name != "uid"}
    return {**shown, "message": redact(message) if message else None, "log_path": address, "log_line": line}
