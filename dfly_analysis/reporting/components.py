"""A part of a report that shows itself, by a template that escapes whatever it is given."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Literal, Self

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dfly_analysis.catalog.translation import translator
from dfly_analysis.reporting.labels import counted, figure, interval_text, moment, range_text
from dfly_analysis.units import parse_duration

MARK = "dfly_analysis"
"""Key of an output's metadata that says its HTML was made here, hence escaped."""

Kind = Literal["text", "number", "code"]


@cache
def templates(lang: str = "en") -> Environment:
    """Return the environment of the report's templates in a language: everything is escaped, a missing name is an error.

    In a template ``_(text)`` shows a text in the language, ``say(text)`` gives it as bare text, for attributes.
    """
    result = Environment(
        loader=PackageLoader("dfly_analysis.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    say = translator(lang).say
    result.filters |= {
        "figure": figure,
        "interval": lambda *given: say(interval_text(*given)),
        "moment": moment,
        "ticks": lambda text: shown(text, lang, code=True),
        "spoken": render_text,
    }
    result.globals |= {
        "_": lambda text: shown(text, lang),
        "say": say,
        "range_words": lambda *given: say(range_text(*given)),
        "counted": lambda *given: say(counted(*given)),
        "lang": lang,
    }
    return result


def shown(text: Any, lang: str, *, code: bool = False) -> Markup:
    """Show a text in a language, escaped, with code between backticks if asked; an untranslated sentence is marked as English."""
    english, words = str(text), translator(lang)
    write = render_inline_code if code else escape
    if not words.lacks(english):
        return write(words.say(english))
    parts = words.parts(english)
    return Markup(" ").join(
        Markup('<span lang="en">{}</span>').format(write(part)) if found is None else write(found)
        for part, found in parts
    )


def render_inline_code(text: str) -> Markup:
    """Escape a text, and show what stands between backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


def render_text(item: Any) -> Markup:
    """Say a proposed duration as people do, where that is not how it is written: ``10800s`` is ``3 h``."""
    text = figure(parse_duration(item.proposed), "s") if item.unit == "s" else ""
    differs = text and "".join(text.split()) != item.proposed
    return Markup(' <span class="quiet">({})</span>').format(text) if differs else Markup("")


@cache
def style(name: str) -> str:
    """Return the text of one of the report's style sheets."""
    env = templates()
    assert env.loader is not None
    return env.loader.get_source(env, name)[0]


def without_style(html: str) -> str:
    """Return a view's HTML as a page wants it, which has the style already."""
    return html.removeprefix(_style_element())


@cache
def _style_element() -> str:
    return f"<style>{style('view.css')}</style>\n"


@dataclass(frozen=True, kw_only=True)
class View:
    """Base of what shows itself, in its language, in a notebook and on a page; frozen dataclasses derive from it."""

    template: ClassVar[str]
    lang: str = "en"

    def html(self, lang: str | None = None) -> str:
        """Return the view as an HTML fragment, all text in it escaped; in another language where one is named."""
        return templates(lang or self.lang).get_template(self.template).render(view=self)

    def _repr_html_(self) -> str:
        return _style_element() + self.html()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        name = type(self).__name__
        return {"text/html": self._repr_html_(), "text/plain": f"<{name}>"}, {MARK: {"view": name}}


@dataclass(frozen=True)
class Heading:
    """A column of a table that is shown; numbers stand right, code in a fixed width."""

    text: str
    kind: Kind = "text"

    @classmethod
    def row(cls, *texts: str, numbers: Collection[str] = (), code: Collection[str] = ()) -> tuple[Self, ...]:
        """Return the headings of a table, by the names of those that are numbers or code."""
        return tuple(cls(text, "number" if text in numbers else "code" if text in code else "text") for text in texts)


@dataclass(frozen=True)
class TableView(View):
    """A table with what there is to say about it.

    Attributes
    ----------
    headings : tuple of Heading
    rows : tuple of tuple of str
    caption : str
        One line above the table.
    notes : tuple of str
        Sentences before the table.
    empty : str
        What to say where there are no rows.
    """

    template: ClassVar[str] = "table.html.j2"
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    notes: tuple[str, ...] = ()
    empty: str = "Nothing to show."


@dataclass(frozen=True)
class MultiInputView(View):
    """Views one below the other."""

    template: ClassVar[str] = "multi_input.html.j2"
    views: tuple[View, ...]


@dataclass(frozen=True)
class Listing(View):
    """Sentences as a list under a title; `empty` where there are none."""

    template: ClassVar[str] = "listing.html.j2"
    title: str
    items: tuple[str, ...]
    empty: str = ""


@dataclass(frozen=True)
class DetailsView(View):
    """A view behind a line that opens it."""

    template: ClassVar[str] = "details.html.j2"
    title: str
    view: View


@dataclass(frozen=True)
class ShortVerdict(View):
    """An answer in one line with a tone (good, bad or unknown), the reasons for it, and what weakens it."""

    template: ClassVar[str] = "comparison.html.j2"
    headline: str
    tone: str
    because: tuple[str, ...]
    cautions: tuple[str, ...]
