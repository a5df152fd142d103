"""The HTML page: one file, no scripts, nothing fetched, everything escaped but what the views made."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

from markdown_it import MarkdownIt

from dfly_analysis.report.figures import data_uri
from dfly_analysis.report.view import style, templates

PICTURES = ("image/png", "image/svg+xml", "image/jpeg")


@dataclass(frozen=True)
class Prose:
    """Markdown; HTML in it is shown as text.

    Attributes
    ----------
    markdown : str
    """

    markdown: str


@dataclass(frozen=True)
class Trusted:
    """HTML that a view made, so that all text in it is escaped.

    Attributes
    ----------
    html : str
    """

    html: str


@dataclass(frozen=True)
class Plain:
    """Text of any origin, shown as it is.

    Attributes
    ----------
    text : str
    """

    text: str


@dataclass(frozen=True)
class Picture:
    """A picture, embedded.

    Attributes
    ----------
    media_type : str
        One of `PICTURES`.
    data : bytes
    alt : str
    """

    media_type: str
    data: bytes
    alt: str


Block = Prose | Trusted | Plain | Picture


@dataclass(frozen=True)
class Entry:
    """A line of the table of contents.

    Attributes
    ----------
    text, anchor : str
    """

    text: str
    anchor: str


def render_page(blocks: Iterable[Block], *, title: str, subtitle: str = "", lang: str = "en") -> str:
    """Render a self-contained page.

    Parameters
    ----------
    blocks : iterable of Block
        In order. Headings of the second level in prose become the table of contents.
    title : str
        Of the window.
    subtitle : str
        Beside the product's name, e.g. which input.
    lang : str
        Language of the words, as HTML names it.

    Returns
    -------
    str
        HTML that loads nothing: pictures are embedded, its policy forbids scripts and any address.
    """
    contents: list[Entry] = []
    parts = [_rendered(block, contents) for block in blocks]
    page = templates().get_template("page.html.j2")
    return page.render(
        title=title,
        subtitle=subtitle,
        lang=lang,
        contents=contents,
        parts=parts,
        version=package_version(),
        view_style=style("view.css"),
        page_style=style("page.css"),
    )


def package_version() -> str:
    """Return this package's version, or ``unknown`` where it is not installed."""
    try:
        return installed_version("dfly-analysis")
    except PackageNotFoundError:
        return "unknown"


def _rendered(block: Block, contents: list[Entry]) -> str:
    if isinstance(block, Prose):
        return f'<div class="prose">{_prose(block.markdown, contents)}</div>'
    if isinstance(block, Trusted):
        return block.html
    if isinstance(block, Picture) and block.media_type in PICTURES:
        source = data_uri(block.media_type, block.data)
        return templates().get_template("picture.html.j2").render(source=source, alt=block.alt)
    text = block.text if isinstance(block, Plain) else block.alt
    return templates().get_template("plain.html.j2").render(text=text)


@cache
def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    made.disable("image")  # a picture in prose would be an address
    return made


def _prose(markdown: str, contents: list[Entry]) -> str:
    tokens = _markdown().parse(markdown)
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            text = _words(tokens[place + 1].children or [])
            entry = Entry(text, _anchor(text, {known.anchor for known in contents}))
            contents.append(entry)
            token.attrSet("id", entry.anchor)
    return str(_markdown().renderer.render(tokens, _markdown().options, {}))


def _words(tokens: Iterable[object]) -> str:
    return "".join(str(getattr(token, "content", "")) for token in tokens)


def _anchor(text: str, taken: set[str]) -> str:
    bare = unicodedata.normalize("NFKC", text).casefold()
    base = re.sub(r"[^\w]+", "-", bare).strip("-") or "section"
    return next(name for name in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if name not in taken)
