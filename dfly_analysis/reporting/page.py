"""The HTML page of a notebook: one file, nothing fetched, one script known by its hash, everything escaped but what the views wrote.

nbconvert renders it by the template in ``templates/page``, which is built on nbconvert's own ``base``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt

from dfly_analysis.catalog.releases import known_lines
from dfly_analysis.messages import is_translated, message, translate
from dfly_analysis.reporting.components import MARK, style, templates, without_style
from dfly_analysis.reporting.provenance import version_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

HIDDEN_TAGS = ("remove-cell", "parameters", "injected-parameters")
"""Tags of cells that serve the notebook only, not the page."""
FOLDED = "folded"
"""Tag of a section that is folded, and of a chapter that is, with all its sections."""
TITLE = message("Dragonfly preheat report")
_CHAPTER = 2
_HEADING = re.compile(r"(#{2,3}) +(.+?) *(?:\n|$)")
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
_TEMPLATES = Path(__file__).with_name("templates")
_PICTURE = re.compile(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]*)" width="(\d+)">')
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def render_page(notebook: NotebookNode, *, lang: str = "en", run: Mapping[str, Any] | None = None) -> str:
    """Return a notebook's texts and outputs as one HTML page that loads nothing: its policy forbids any address and other scripts.

    A cell that begins with a heading of the second level begins a chapter, which the table of contents lists; what is
    tagged `FOLDED` is folded, and so are the sections, of the third level, of such a chapter. The chapters of a run without failures are folded too: its first screen says all.
    The first heading is the title; before it stands the verdict, where there is one. Cells with one of `HIDDEN_TAGS` do
    not show, nor does any source. HTML is trusted only where the output's metadata says that a view wrote it; other outputs
    become text, pictures are embedded. Texts without a translation stay English, are marked so, and are counted in the foot.
    `run` is what the page was made of, in JSON's own types, kept in its head so that it can be made again.
    """
    from nbconvert.exporters.templateexporter import TemplateExporter
    from traitlets.config import Config

    exporter = TemplateExporter(
        config=Config(
            TagRemovePreprocessor={"remove_cell_tags": set(HIDDEN_TAGS)},
            NbConvertBase={"display_data_priority": [*_PICTURES, "text/plain"]},
        ),
        template_name="page",
        file_extension=".html",
        extra_template_basedirs=[str(_TEMPLATES)],
        default_preprocessors=["nbconvert.preprocessors.TagRemovePreprocessor"],
        filters={
            "prose": lambda cell, chapters: _cell(cell, chapters, lang),
            "view": lambda html: _PICTURE.sub(_inlined, without_style(html)),
            "without_colours": lambda text: _ANSI.sub("", text),
            "base64": lambda text: base64.b64encode(text.encode()).decode(),
        },
    )
    verdict, script = _verdict(notebook), style("page.js")
    page = {
        "title": _title(notebook),
        "headline": verdict.get("headline", ""),
        "run": json.dumps(run, ensure_ascii=False, allow_nan=False) if run else "",
        "chapters": _Chapters(is_open=verdict.get("tone") != "good"),
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "mark": MARK,
        "version": version_of("dfly-analysis") or "unknown",
        "newest": {one.line: f"{one.newest} ({one.newest_date})" for one in known_lines()},
        "styles": (style("view.css"), style("page.css")),
        **templates(lang).globals,
    }
    html: str = exporter.from_notebook_node(notebook, {"page": page})[0]
    return html


def _inlined(found: re.Match[str]) -> str:
    """Return a picture of a view as part of the page, whose colours it takes and whose reader sees its values on hover."""
    svg = base64.b64decode(found[1]).decode()
    return svg.replace("<svg ", f'<svg role="img" aria-label="{found[2]}" width="{found[3]}" ', 1)


def is_hidden(cell: Mapping[str, Any]) -> bool:
    """Return whether a cell is not for the page: its parameters, or tagged so."""
    return not set(HIDDEN_TAGS).isdisjoint(cell.get("metadata", {}).get("tags", []))


def _title(notebook: NotebookNode) -> str:
    """Return the first heading that shows."""
    shows = (cell.source for cell in notebook.cells if cell.cell_type == "markdown" and not is_hidden(cell))
    lines = (line for source in shows for line in source.splitlines())
    return next((line[2:].strip() for line in lines if line.startswith("# ")), TITLE)


@cache
def _markdown() -> MarkdownIt:
    result = MarkdownIt("commonmark", {"html": False}).enable("table")
    result.disable("image")  # a picture in prose would be an address
    return result


def paragraphs(markdown: str) -> list[tuple[str, str]]:
    """Return the paragraphs of a text, each with the mark of its heading, as they are looked up in a catalogue."""
    found = (re.fullmatch(r"(#+ |)(.+)", " ".join(part.split())) for part in re.split(r"\n\s*\n", markdown))
    return [(part[1], part[2]) for part in found if part]


def _verdict(notebook: NotebookNode) -> Mapping[str, str]:
    """Return headline and tone of the verdict, empty where no view gives one."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    views = (output.get("metadata", {}).get(MARK, {}) for output in outputs)
    return next((view for view in views if "headline" in view), {})


class _Chapters:
    """Opens and closes the chapters and folded sections of a page; `contents` are the titles of the chapters by their anchors."""

    def __init__(self, *, is_open: bool) -> None:
        self.contents: dict[str, str] = {}
        self._is_open, self._is_appendix, self._opened = is_open, False, 0

    def begin(self, level: int, title: str, english: str, *, folded: bool) -> str:
        """Return the HTML before a chapter or a section, its heading included."""
        heading = f"<h{level}>{_markdown().renderInline(title)}</h{level}>"
        if level == _CHAPTER:
            self._is_appendix = folded
            anchor = self._anchor(english)
            self.contents[anchor] = "".join(part.content for part in _markdown().parseInline(title)[0].children or [])
            is_open = " open" if self._is_open and not folded else ""
            begin = f'<details class="chapter"{is_open}><summary>{heading}</summary><div class="chapter__content" id="{anchor}">'
            return self.end(0) + self._open(begin)
        if not (self._is_appendix or folded):
            return self.end(1) + heading
        return self.end(1) + self._open(f'<details class="section"><summary>{heading}</summary><div>')

    def end(self, level: int = 0) -> str:
        """Return the HTML that closes what is open below a level."""
        closed, self._opened = max(self._opened - level, 0), min(self._opened, level)
        return "</div></details>\n" * closed

    def _open(self, html: str) -> str:
        self._opened += 1
        return html

    def _anchor(self, english: str) -> str:
        base = re.sub(r"[^\w]+", "-", unicodedata.normalize("NFKC", english).casefold()).strip("-") or "section"
        return next(name for name in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if name not in self.contents)


def _cell(cell: Mapping[str, Any], chapters: _Chapters, lang: str) -> str:
    """Return a cell of text as HTML; one that begins with a heading begins a chapter or a section."""
    source = cell["source"]
    if not (heading := _HEADING.match(source)):
        return f'<div class="prose">{_prose(source, lang)}</div>\n'
    level, english = len(heading[1]), heading[2]
    title = english if lang == "en" else translate(english, lang)
    folded = FOLDED in cell.get("metadata", {}).get("tags", [])
    rest = source[heading.end() :].strip()
    begin = chapters.begin(level, title, english, folded=folded)
    return begin + (f'<div class="prose">{_prose(rest, lang)}</div>\n' if rest else "")


def _prose(markdown: str, lang: str) -> str:
    if lang == "en":
        return _html(markdown)
    result = []
    for mark, text in paragraphs(markdown):
        html = _html(mark + translate(text, lang))
        result.append(html if is_translated(text, lang) else f'<div lang="en">{html}</div>')
    return "".join(result)


def _html(markdown: str) -> str:
    html: str = _markdown().render(markdown)
    return html
