"""Figures with their words and their numbers beside them."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape, unescape
from typing import Any, ClassVar, Protocol, TypeGuard

from dfly_analysis.catalog.translation import translator
from dfly_analysis.reporting.components import Heading, TableView, View

_TEXT = re.compile(r">([^<>]+)</t(?=ext>|span>)")


class Drawn(Protocol):
    """A finished picture: `dfly_analysis.reporting.plots.Figure`."""

    @property
    def media_type(self) -> str:
        """``image/svg+xml`` or ``image/png``."""
        ...

    @property
    def data(self) -> bytes:
        """The picture."""
        ...

    @property
    def alt(self) -> str:
        """What it shows, in words with numbers."""
        ...

    @property
    def caption(self) -> str:
        """The sentence below it."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings of its numbers."""
        ...

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """Its numbers."""
        ...

    @property
    def width_px(self) -> int:
        """Width it is meant for."""
        ...


class NotDrawn(Protocol):
    """No picture, and why."""

    @property
    def reason(self) -> str:
        """Return why there is none."""
        ...


def is_drawn(result: Drawn | NotDrawn) -> TypeGuard[Drawn]:
    """Return whether there is a picture."""
    return hasattr(result, "media_type")


def is_missing(result: Drawn | NotDrawn) -> TypeGuard[NotDrawn]:
    """Return whether there is none."""
    return hasattr(result, "reason")


class Drawing(Protocol):
    """Who draws: `dfly_analysis.reporting.plots.Figures`."""

    def timeline(self) -> Drawn | NotDrawn:
        """Draw failures against time."""
        ...

    def durations(self, predicted: Any) -> Drawn | NotDrawn:
        """Draw durations against size."""
        ...

    def failure_rates(self, predicted: Any) -> Drawn | NotDrawn:
        """Draw the failure rate against the timeout."""
        ...

    def fit_diagnostics(self) -> Drawn | NotDrawn:
        """Draw how well the law fits."""
        ...

    def task_failures(self) -> Drawn | NotDrawn:
        """Draw the failures of tasks against size."""
        ...


@dataclass(frozen=True)
class FigureView(View):
    """A picture, or why there is none.

    Attributes
    ----------
    source : str
        Data URI of the picture, empty where there is none.
    alt, caption : str
    table : TableView
        Its numbers.
    width_px : int
    reason : str
        Why there is no picture.
    """

    template: ClassVar[str] = "figure.html.j2"
    source: str
    alt: str
    caption: str
    table: TableView
    width_px: int
    reason: str = ""


def show(drawn: Drawn | NotDrawn, lang: str = "en") -> FigureView:
    """Show a picture, or the reason why there is none.

    The words in a picture made of lines are put into the language too; the reader's own fonts write them. A picture made
    of dots stays as it was drawn, for the fonts it was drawn with know Latin letters only, and its caption says so.
    """
    if is_missing(drawn):
        return FigureView("", "", "", TableView((), ()), 0, drawn.reason, lang=lang)
    assert is_drawn(drawn)
    lines, caption = drawn.media_type == "image/svg+xml", drawn.caption
    source = data_uri(drawn.media_type, _in_language(drawn.data, lang) if lines and lang != "en" else drawn.data)
    if lang != "en" and not lines:
        caption = f"{caption} The words in the picture are English."
    headings = tuple(Heading(text, "text" if place == 0 else "number") for place, text in enumerate(drawn.columns))
    return FigureView(source, drawn.alt, caption, TableView(headings, drawn.rows), drawn.width_px, lang=lang)


def _in_language(svg: bytes, lang: str) -> bytes:
    """Put the texts of a picture into a language."""
    say = translator(lang).say
    return _TEXT.sub(lambda found: f">{escape(say(unescape(found[1])))}</t", svg.decode()).encode()


def data_uri(media_type: str, data: bytes) -> str:
    """Return bytes as an address that needs no network."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
