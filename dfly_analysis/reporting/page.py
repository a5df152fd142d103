"""The HTML page of a notebook: one file, no scripts, nothing fetched, everything escaped but what the views wrote.

nbconvert renders it by the template in ``templates/page``, which is built on nbconvert's own ``base``.
"""

from __future__ import annotations

import base64
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
TITLE = message("Dragonfly preheat report")
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
_TEMPLATES = Path(__file__).with_name("templates")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def render_page(notebook: NotebookNode, *, lang: str = "en", run: Mapping[str, Any] | None = None) -> str:
    """Return a notebook's texts and outputs as one HTML page that loads nothing: its policy forbids scripts and any address.

    The first heading is the title; headings of the second level become the table of contents. Cells with one of `HIDDEN_TAGS` do
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
            "prose": lambda markdown, contents: _prose(markdown, contents, lang),
            "without_style": without_style,
            "without_colours": lambda text: _ANSI.sub("", text),
            "base64": lambda text: base64.b64encode(text.encode()).decode(),
        },
    )
    page = {
        "title": _title(notebook),
        "product": TITLE,
        "run": json.dumps(run, ensure_ascii=False, allow_nan=False) if run else "",
        "contents": {},
        "mark": MARK,
        "version": version_of("dfly-analysis") or "unknown",
        "newest": {one.line: f"{one.newest} ({one.newest_date})" for one in known_lines()},
        "styles": (style("view.css"), style("page.css")),
        **templates(lang).globals,
    }
    html: str = exporter.from_notebook_node(notebook, {"page": page})[0]
    return html


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


def _prose(markdown: str, contents: dict[str, str], lang: str) -> str:
    if lang == "en":
        return _paragraph(markdown, None, contents)
    result = []
    for mark, text in paragraphs(markdown):
        html = _paragraph(mark + translate(text, lang), text, contents)
        result.append(html if is_translated(text, lang) else f'<div lang="en">{html}</div>')
    return "".join(result)


def _paragraph(markdown: str, english: str | None, contents: dict[str, str]) -> str:
    """Return HTML; each heading becomes an entry of `contents` by its anchor, which is the same in all languages."""
    tokens = _markdown().parse(markdown)
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            text = "".join(part.content for part in tokens[place + 1].children or [])
            bare = unicodedata.normalize("NFKC", english or text).casefold()
            base = re.sub(r"[^\w]+", "-", bare).strip("-") or "section"
            anchor = next(name for name in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if name not in contents)
            contents[anchor] = text
            token.attrSet("id", anchor)
    html: str = _markdown().renderer.render(tokens, _markdown().options, {})
    return html
