"""A part of a report that shows itself, by a template that escapes whatever it is given."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dfly_analysis.messages import Message, is_translated, message, plural, translate
from dfly_analysis.quantities import SAYS_NOTHING, figure, interval_text, range_text
from dfly_analysis.reporting import labels

MARK = "dfly_analysis"
"""Key of an output's metadata that says that its HTML is from a view, hence escaped."""
Kind = Literal["text", "number", "code"]
_GAP = re.compile(r"(?<=\d) (?=(?:%|[kKMGTP]?i?B(?:/s)?|ms|s|min|h|d)(?!\w))")
"""Space between a number and its unit, where no line breaks."""
_TWO_WORDS = re.compile(r"[A-Za-z]{2} [A-Za-z]{2}")


@cache
def templates(lang: str = "en") -> Environment:
    """Return the environment of the report's templates in a language: everything is escaped, a missing name is an error.

    ``_(msgid, **values)`` shows a text, ``gettext`` gives it without markup; the filter ``sentence`` adds a capital and a full stop.
    """
    loader = PackageLoader("dfly_analysis.reporting")
    result = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    result.filters |= {"figure": lambda value, unit: translate(figure(value, unit), lang), "sentence": partial(shown, lang=lang, whole=True)}  # fmt: skip
    result.globals |= {
        "_": lambda text, **values: shown(message(text, **values) if values else text, lang), "plural": plural,
        "gettext": lambda text: translate(text, lang), "range_text": range_text, "interval_text": interval_text, "moment": labels.moment, "duration": labels.readable_duration,
        "lang": lang, "causes": labels.CAUSES, "remedies": labels.REMEDIES, "layers": labels.LAYERS, "roles": labels.ROLES,
        "confidences": labels.CONFIDENCES, "severities": labels.SEVERITIES, "SAYS_NOTHING": SAYS_NOTHING,
    }  # fmt: skip
    return result


def shown(text: Any, lang: str, *, whole: bool = False) -> Markup:
    """Return a text in a language as HTML: escaped, with code between backticks, a sentence (`whole`) without translation marked as English."""
    if isinstance(text, Message) and not text.msgid and not is_translated(text, lang):
        return escape(text.values["separator"]).join(shown(part, lang, whole=whole) for part in text.values["parts"])
    in_english = lang == "en" or (bool(_TWO_WORDS.search(str(text))) and not is_translated(text, lang))
    translated = translate(text, "en" if in_english else lang) if isinstance(text, str) else str(text)
    html = _with_code(_as_sentence(translated, lang) if whole else translated)
    return Markup('<span lang="en">{}</span>').format(html) if in_english and lang != "en" else html


def _as_sentence(text: str, lang: str) -> str:
    if not text:
        return ""
    end = "" if text.endswith((".", "!", "?", ":", "。", "！", "？", "：")) else "." if lang == "en" else "。"
    first = text.split(maxsplit=1)[0]
    begin = first.capitalize() if first.rstrip(",;:").isalpha() and first.islower() else first
    return f"{begin}{text[len(first) :]}{end}"


def _with_code(text: str) -> Markup:
    parts = [escape(part) for part in _GAP.sub("\N{NO-BREAK SPACE}", text).split("`")]
    if len(parts) % 2 == 0:
        return Markup("`").join(parts)
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


@cache
def style(name: str) -> str:
    """Return the text of one of the page's style sheets, or its script."""
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")


def without_style(html: str) -> str:
    """Return a view's HTML for a page, which has the style already."""
    return html.removeprefix(_style_element())


@cache
def _style_element() -> str:
    # the class is repeated so that no rule of a notebook's own style sheet comes first
    return f"<style>{style('view.css').replace('.dfly', '.dfly.dfly.dfly')}</style>\n"


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

    def metadata(self) -> dict[str, str]:
        """Return what an output says of the view besides its HTML."""
        return {"view": type(self).__name__}

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        return {"text/html": self._repr_html_(), "text/plain": f"<{type(self).__name__}>"}, {MARK: self.metadata()}


@dataclass(frozen=True)
class Heading:
    """A column of a table that is shown; numbers are right-aligned, code has a fixed width."""

    text: str
    kind: Kind = "text"

    @classmethod
    def row(cls, *texts: str, numbers: Collection[int] = (), code: Collection[int] = ()) -> tuple[Self, ...]:
        """Return the headings of a table, literals, by the positions of those that are numbers or code."""
        return tuple(cls(text, "number" if n in numbers else "code" if n in code else "text") for n, text in enumerate(texts))  # fmt: skip


@dataclass(frozen=True)
class TableView(View):
    """A table with a caption, sentences before it, and a text for the case that there are no rows."""

    template: ClassVar[str] = "table.html.j2"
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    notes: tuple[str, ...] = ()
    empty: str = message("Nothing to show.")


@dataclass(frozen=True)
class MultiInputView(View):
    """Views one below the other."""

    template: ClassVar[str] = "multi_input.html.j2"
    views: tuple[View, ...]


@dataclass(frozen=True)
class Listing(View):
    """Texts as a list under a title; `empty` where there are none."""

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
    """An answer in one line with a tone (good, bad or unknown), its reasons, and warnings."""

    template: ClassVar[str] = "comparison.html.j2"
    headline: str
    tone: str
    because: tuple[str, ...]
    cautions: tuple[str, ...]
