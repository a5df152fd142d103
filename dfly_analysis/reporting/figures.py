"""Figures with their text and numbers, as a report shows them."""

import base64
import re
from dataclasses import dataclass, field
from html import escape, unescape
from typing import Any, ClassVar

from dfly_analysis.messages import translate
from dfly_analysis.reporting.components import Heading, TableView, View

_TEXT = re.compile(r">([^<>]+)</t(?=ext>|span>|itle>)")


@dataclass(frozen=True)
class Figure:
    """A finished picture, an SVG, with its alternative text and numbers.

    `labels` are the texts in the picture that hold values; `width_px` is the width it is meant for.
    """

    data: bytes
    alt: str
    caption: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    labels: tuple[str, ...] = ()
    width_px: int = 880
    canvas: Any = field(default=None, repr=False, compare=False)
    """The matplotlib figure."""


@dataclass(frozen=True)
class NotDrawn:
    """Why there is no picture."""

    reason: str


@dataclass(frozen=True)
class FigureView(View):
    """A picture as a data URI with its numbers, or the reason why there is none."""

    template: ClassVar[str] = "figure.html.j2"
    drawn: Figure | NotDrawn

    def source(self, lang: str) -> str:
        """Return the picture with the labels of an SVG translated; the reader's own fonts write them."""
        drawn = self.drawn
        if isinstance(drawn, NotDrawn):
            return ""
        data = drawn.data
        if lang != "en":
            labels = {str(label): label for label in drawn.labels}

            def label_of(found: re.Match[str]) -> str:
                text = unescape(found[1])
                return f">{escape(translate(labels.get(text, text), lang), quote=False)}</t"

            data = _TEXT.sub(label_of, data.decode()).encode()
        return f"data:image/svg+xml;base64,{base64.b64encode(data).decode('ascii')}"

    @property
    def table(self) -> TableView:
        """The numbers of the picture."""
        columns, rows = getattr(self.drawn, "columns", ()), getattr(self.drawn, "rows", ())
        return TableView(Heading.row(*columns, numbers=range(1, len(columns))), rows)
