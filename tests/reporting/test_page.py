"""The page of a notebook: what it shows, what it escapes, and what it loads."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import nbformat
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from report_cases import Page

from dfly_analysis.reporting.components import MARK, Heading, TableView
from dfly_analysis.reporting.notebook_renderer import output_of
from dfly_analysis.reporting.page import FOLDED, HIDDEN_TAGS, render_page


def page_of(*cells: nbformat.NotebookNode, **asked: object) -> Page:
    return Page(render_page(new_notebook(cells=list(cells)), **asked))


def shown(*outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return new_code_cell("x", outputs=list(outputs))


def test_headings_of_one_name_get_anchors_of_their_own():
    """The contents link to each of them."""
    page = page_of(*map(new_markdown_cell, ("# T", "## Same", "## Same\n\ntext", "## 原因 1")))
    anchors = [attrs["id"] for attrs in page.all("div") if attrs.get("class") == "chapter__content"]
    assert anchors == ["same", "same-2", "原因-1"]
    assert [attrs["href"] for attrs in page.all("a") if attrs["href"] != "#content"] == [f"#{name}" for name in anchors]


def test_markdown_shows_markup_as_text():
    """HTML in a text is text, and a picture in it is no picture."""
    page = page_of(new_markdown_cell("<b>bold</b> ![x](http://example.test/a.png)"))
    assert "<b>bold</b>" in page.text
    assert page.all("b") == page.all("img") == []


def test_outputs_are_shown_by_what_they_are():
    """Marked HTML is trusted, other HTML is not; pictures carry their words; colours of a terminal go."""
    table = TableView((Heading("Sum"),), (("<4>",),))
    page = page_of(
        new_markdown_cell("# T"),
        shown(
            output_of(table),
            new_output("display_data", {"text/html": "<b>x</b>", "text/plain": "plain"}),
            new_output("display_data", {"text/html": "<b>only</b>"}),
            new_output("display_data", {"image/png": "iVBORw==\n"}, metadata={"alt": 'a "dot"'}),
            new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m"),
            new_output("error", ename="E", evalue="<v>", traceback=["no"]),
        ),
    )
    assert MARK in output_of(table).metadata
    assert page.all("b") == []
    assert page.all("img") == [{"src": "data:image/png;base64,iVBORw==", "alt": 'a "dot"'}]
    assert [word for word in ("<4>", "plain", "red", "E: <v>") if word not in page.text] == []
    assert "only" not in page.text
    assert "[31m" not in page.text


def test_an_svg_is_embedded_as_a_picture():
    """So that nothing in it runs."""
    drawn = new_output("display_data", {"image/svg+xml": "<svg onload='x()'/>"})
    page = page_of(shown(drawn))
    assert page.all("svg") == []
    assert page.all("img")[0]["src"].startswith("data:image/svg+xml;base64,")


def test_parameters_and_hidden_cells_are_not_shown():
    """Nor the source of any cell."""
    cells = [new_markdown_cell("# T"), new_code_cell("secret_source = 1", outputs=[])]
    cells += [new_markdown_cell("unseen", metadata={"tags": [tag]}) for tag in HIDDEN_TAGS]
    page = page_of(*cells)
    assert "unseen" not in page.text
    assert "secret_source" not in page.text


def test_the_page_forbids_scripts_and_addresses():
    """Its policy allows embedded pictures, styles and its own script by its hash only, which is the one script in it."""
    html = render_page(new_notebook(cells=[new_markdown_cell("# T")]))
    page = Page(html)
    policy = next(attrs["content"] for attrs in page.all("meta") if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-")
    [script] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert page.all("script") == [{}]
    assert page.all("link")[1:] == []


def test_sections_of_a_folded_chapter_are_folded():
    """Others are not, but for one that is tagged itself; everything that is opened is closed."""
    cells = [new_markdown_cell(text, metadata={"tags": tags}) for text, tags in (
        ("# T", []), ("## A", []), ("### a", []), ("### b", [FOLDED]), ("### c", []), ("## B", [FOLDED]), ("### d", []), ("### e", []),
    )]  # fmt: skip
    page = page_of(*cells)
    assert [attrs["class"] for attrs in page.all("details")] == ["chapter", "section", "chapter", "section", "section"]
    assert ["open" in attrs for attrs in page.all("details")] == [True, False, False, False, False]
    assert render_page(new_notebook(cells=cells)).count("</details>") == 5


def test_the_page_carries_its_run():
    """Whatever text is in it."""
    run = {"parameters": {"paths": ['a"<b>&']}}
    page = page_of(new_markdown_cell("# T"), run=run)
    content = next(attrs["content"] for attrs in page.all("meta") if attrs.get("name") == "dfly-analysis-run")
    assert json.loads(content) == run


def test_texts_without_a_translation_are_counted():
    """They stand in English and are marked so; translated text is not."""
    page = page_of(new_markdown_cell("# Reports of one batch\n\nNo such sentence is known.\n\nNor this."), lang="zh")
    assert page.all("html")[0]["lang"] == "zh"
    assert {"lang": "en"} in page.all("div")
    assert "untranslated" in [attrs.get("class") for attrs in page.all("p")]


@given(st.text(alphabet="<>&\"'`=/ {%}scriptonerrorimg\n", max_size=60))
@settings(max_examples=examples(20))
def test_no_text_makes_an_element(text):
    """Whatever an output or a description of a picture holds, the elements of the page stay the same."""

    def tags(value: str) -> list[str]:
        outputs = [new_output("stream", name="stderr", text=value), new_output("error", ename=value, evalue=value, traceback=[])]  # fmt: skip
        outputs += [new_output("display_data", {"text/plain": value, **more}, metadata={"alt": value}) for more in ({}, {"image/png": value})]  # fmt: skip
        return [tag for tag, _ in page_of(new_markdown_cell("# T"), shown(*outputs)).tags]

    assert tags(text) == tags("x")
