"""Figures with their words and numbers, as a report shows them."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape, unescape
from typing import ClassVar

from dfly_analysis.catalog.translation import translator
from dfly_analysis.reporting.components import Heading, TableView, View

_TEXT = re.compile(r">([^<>]+)</t(?=ext>|span>)")


@dataclass(frozen=True)
class Figure:
    """A finished picture with its words and numbers.

    Attributes
    ----------
    media_type : str
        ``image/svg+xml``, or ``image/png`` where there are many marks.
    data : bytes
    alt : str
        What it shows, in words with numbers.
    caption : str
    columns : tuple of str
    rows : tuple of tuple of str
        Its numbers.
    width_px : int
        Width it is meant for.
    """

    media_type: str
    data: bytes
    alt: str
    caption: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
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

    The words in an SVG are translated too; the reader's own fonts write them. A PNG stays as drawn, because the fonts it was
    drawn with have Latin letters only, and its caption says so.
    """
    if isinstance(drawn, NotDrawn):
        return FigureView(reason=drawn.reason, lang=lang)
    data, caption = drawn.data, drawn.caption
    if lang != "en" and drawn.media_type == "image/svg+xml":
        say = translator(lang).say
        data = _TEXT.sub(lambda found: f">{escape(say(unescape(found[1])))}</t", data.decode()).encode()
    elif lang != "en":
        caption = f"{caption} The words in the picture are English."
    source = f"data:{drawn.media_type};base64,{base64.b64encode(data).decode('ascii')}"
    headings = tuple(Heading(text, "number" if place else "text") for place, text in enumerate(drawn.columns))
    return FigureView(source, drawn.alt, caption, TableView(headings, drawn.rows), drawn.width_px, lang=lang)
