"""Figures with their text and numbers, as a report shows them."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape, unescape
from typing import ClassVar

from dfly_analysis.messages import join, message, translate
from dfly_analysis.reporting.components import Heading, TableView, View

_TEXT = re.compile(r">([^<>]+)</t(?=ext>|span>)")


@dataclass(frozen=True)
class Figure:
    """A finished picture (``image/svg+xml``, or ``image/png`` where there are many marks) with its alternative text and numbers.

    `labels` are the texts in the picture that hold values; `width_px` is the width it is meant for.
    """

    media_type: str
    data: bytes
    alt: str
    caption: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    labels: tuple[str, ...] = ()
    width_px: int = 880


@dataclass(frozen=True)
class NotDrawn:
    """Why there is no picture."""

    reason: str


@dataclass(frozen=True)
class FigureView(View):
    """A picture as a data URI with its numbers, or the reason why there is none."""

    template: ClassVar[str] = "figure.html.j2"
    source: str = ""
    alt: str = ""
    caption: str = ""
    table: TableView | None = None
    width_px: int = 0
    reason: str = ""


def show(drawn: Figure | NotDrawn, lang: str = "en") -> FigureView:
    """Show a picture, or the reason why there is none.

    The labels in an SVG are translated; the reader's own fonts write them. A PNG stays as drawn, because its fonts have
    Latin letters only, and its caption says so.
    """
    if isinstance(drawn, NotDrawn):
        return FigureView(reason=drawn.reason, lang=lang)
    data, caption = drawn.data, drawn.caption
    if lang != "en" and drawn.media_type == "image/svg+xml":
        labels = {str(label): label for label in drawn.labels}

        def label_of(found: re.Match[str]) -> str:
            text = unescape(found[1])
            return f">{escape(translate(labels.get(text, text), lang))}</t"

        data = _TEXT.sub(label_of, data.decode()).encode()
    elif lang != "en":
        caption = join([caption, message("The labels in the figure are in English.")])
    source = f"data:{drawn.media_type};base64,{base64.b64encode(data).decode('ascii')}"
    headings = Heading.row(*drawn.columns, numbers=range(1, len(drawn.columns)))
    return FigureView(source, drawn.alt, caption, TableView(headings, drawn.rows), drawn.width_px, lang=lang)
