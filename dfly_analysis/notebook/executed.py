"""An executed notebook as blocks of a page: our own views as they are, everything else as text."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dfly_analysis.report.packaged import is_hidden, read_cells, source_of
from dfly_analysis.report.page import PICTURES, Block, Picture, Plain, Prose, Trusted
from dfly_analysis.report.view import is_trusted, without_style

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def blocks_of_executed(path: Path) -> Iterator[Block]:
    """Show an executed notebook's cells.

    Parameters
    ----------
    path : Path

    Yields
    ------
    Block
        HTML is trusted only where the output's metadata says that a view made it; other outputs become text, pictures
        are embedded. Cells of parameters and those tagged to be left out do not show.
    """
    for cell in read_cells(path):
        if is_hidden(cell):
            continue
        if cell["cell_type"] == "markdown":
            yield Prose(source_of(cell))
        for output in cell.get("outputs", []):
            yield from _shown(output)


def executed_parameters(path: Path) -> dict[str, Any]:
    """Return the parameters papermill gave to an executed notebook; empty where it names none."""
    return dict(_papermill(path).get("parameters") or {})


def executed_name(path: Path) -> str:
    """Return the name of the notebook that an executed one was made of; empty where it does not say."""
    return Path(str(_papermill(path).get("input_path") or "")).stem


def _papermill(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))["metadata"]["papermill"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _shown(output: Mapping[str, Any]) -> Iterator[Block]:
    kind = output["output_type"]
    if kind == "stream":
        yield Plain(_text(output["text"]))
    elif kind == "error":
        yield Plain(f"{output['ename']}: {output['evalue']}")
    else:
        yield from _data(output.get("data", {}), output.get("metadata", {}))


def _data(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[Block]:
    picture = next((name for name in PICTURES if name in data), None)
    if "text/html" in data and is_trusted(metadata):
        yield Trusted(without_style(_text(data["text/html"])))
    elif picture:
        alt = metadata.get("alt") or metadata.get(picture, {}).get("alt") or _text(data.get("text/plain", "A figure"))
        content = _bytes(picture, _text(data[picture]))
        yield Picture(picture, content, str(alt)) if content else Plain(str(alt))
    elif "text/plain" in data:
        yield Plain(_text(data["text/plain"]))


def _bytes(media_type: str, text: str) -> bytes:
    if media_type == "image/svg+xml":
        return text.encode()
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""


def _text(value: Any) -> str:
    joined = value if isinstance(value, str) else "".join(map(str, value))
    return _ANSI.sub("", joined)
