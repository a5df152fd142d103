"""The HTML page: one file, no scripts, nothing fetched, everything escaped but what the views made."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

from markdown_it import MarkdownIt

from dfly_analysis.catalog.translation import translator
from dfly_analysis.report.figures import data_uri
from dfly_analysis.report.view import style, templates

UNTRANSLATED = ' lang="en">'
"""What marks English on a page in another language."""
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


def render_page(
    blocks: Iterable[Block],
    *,
    title: str,
    subtitle: str = "",
    lang: str = "en",
    run: Mapping[str, Any] | None = None,
) -> str:
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
        Language of the words, as HTML names it. Sentences without words in it stay English and are marked so; the foot
        of the page counts them.
    run : mapping, optional
        What the page was made of, kept in its head so that it can be made again; only JSON's own types.

    Returns
    -------
    str
        HTML that loads nothing: pictures are embedded, its policy forbids scripts and any address.
    """
    contents: list[Entry] = []
    parts = [_rendered(block, contents, lang) for block in blocks]
    page = templates(lang).get_template("page.html.j2")
    return page.render(
        title=title,
        subtitle=subtitle,
        lang=lang,
        contents=contents,
        parts=parts,
        untranslated=sum(part.count(UNTRANSLATED) for part in parts),
        run=json.dumps(run, ensure_ascii=False, allow_nan=False) if run else "",
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


def _rendered(block: Block, contents: list[Entry], lang: str) -> str:
    if isinstance(block, Prose):
        return f'<div class="prose">{_prose(block.markdown, contents, lang)}</div>'
    if isinstance(block, Trusted):
        return block.html
    if isinstance(block, Picture) and block.media_type in PICTURES:
        source = data_uri(block.media_type, block.data)
        return templates(lang).get_template("picture.html.j2").render(source=source, alt=block.alt)
    text = block.text if isinstance(block, Plain) else block.alt
    return templates(lang).get_template("plain.html.j2").render(text=text)


@cache
def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable("table")
    made.disable("image")  # a picture in prose would be an address
    return made


def _prose(markdown: str, contents: list[Entry], lang: str) -> str:
    if lang == "en":
        return _paragraph(markdown, contents, lang)
    return "".join(_paragraph(part, contents, lang) for part in re.split(r"\n\s*\n", markdown) if part.strip())


def _paragraph(markdown: str, contents: list[Entry], lang: str) -> str:
    mark, _, text = markdown.partition(" ") if re.match(r"#+ ", markdown) else ("", "", markdown)
    found = translator(lang).find(text)
    marked = '<div lang="en">{}</div>' if found is None else "{}"
    tokens = _markdown().parse(markdown if found is None or found == text else f"{mark} {found}".strip())
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            words = _words(tokens[place + 1].children or [])
            # the address of a heading is the same in all languages
            name = words if lang == "en" else text
            entry = Entry(words, _anchor(name, {known.anchor for known in contents}))
            contents.append(entry)
            token.attrSet("id", entry.anchor)
    return marked.format(_markdown().renderer.render(tokens, _markdown().options, {}))


def _words(tokens: Iterable[object]) -> str:
    return "".join(str(getattr(token, "content", "")) for token in tokens)


def _anchor(text: str, taken: set[str]) -> str:
    bare = unicodedata.normalize("NFKC", text).casefold()
    base = re.sub(r"[^\w]+", "-", bare).strip("-") or "section"
    return next(name for name in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if name not in taken)
