"""Every number of a report has its unit, and every estimate its interval: read off the page, whatever made it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from report_cases import failing_report

COUNTED = {
    *(
        "Tasks",
        "Succeeded",
        "Timed out",
        "Other outcomes",
        "Failed",
        "All",
        "Pieces",
        "Attempts",
    ),
    *("timed out", "connection reset", "storage error", "registry error", "Observed", "Concurrent pieces"),
}
"""Columns of whole things, whose heading says which."""
NAMED = {"Cause", "What helps", "Quantity", "Host", "Changed", "Parameter", "Unit", "Expected by the model", "Ratio"}
CHOSEN = {"Piece size", "Size", "Layer size", "Piece timeout", "Target failure rate", "Piece length"}
"""Columns of what was asked or counted, which no chance has part in."""
UNIT = r"(?:%|ms|s|min|h|d|B|KiB|MiB|GiB|TiB|[kMG]?B/s|times)"
FIGURE = rf"(?:[<>] )?-?[\d.,]+(?:e[+-]?\d+)? {UNIT}(?: \d+ (?:min|s))?"
RANGE = rf"(?:at (?:most|least) {FIGURE}|(?:{FIGURE}|unbounded) to (?:{FIGURE}|unbounded)|{FIGURE})"
BOUND = rf"(?:not known yet(?:: at least {FIGURE})?|at (?:most|least) {FIGURE}|100 %|< 0.001 %)"
ESTIMATE = re.compile(rf"{FIGURE} \({RANGE}\)|{BOUND}")
PLAIN = re.compile(r"-?[\d.,]+(?:e[+-]?\d+)?")


class Tables(HTMLParser):
    """The tables of a page, as rows of cells; the headings are the first row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[list[list[str]]] = []
        self._cell: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.found.append([])
        elif tag == "tr":
            self.found[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.found[-1][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)


def bare(html: str) -> list[str]:
    """Return the cells with a number that has no unit, or an estimate without its interval."""
    expected = []
    for headings, *rows in Tables(html).found:
        for row in rows:
            for place, (heading, cell) in enumerate(zip(headings, row, strict=True)):
                if not is_whole(heading, cell, headings[place + 1 : place + 3], headings):
                    expected.append(f"{heading}: {cell}")
    return expected


def is_whole(heading: str, cell: str, following: list[str], headings: list[str]) -> bool:
    """Return whether a cell says all that its number needs, with what stands beside it."""
    if not any(character.isdigit() for character in cell) or heading in NAMED | COUNTED:
        return True
    if "Unit" in headings:  # the fitted parameters: estimate, interval and unit in columns of their own
        return heading in ("Estimate", "95 % interval") and "95 % interval" in headings
    if heading in ("Low", "High", "95 % interval") or heading in CHOSEN:
        return re.fullmatch(rf"{RANGE}(?: \((?:now|proposed)\))?|under {FIGURE}|{FIGURE} to {FIGURE}", cell) is not None
    if following[:2] == ["Low", "High"] or following[:1] == ["95 % interval"]:
        return re.fullmatch(FIGURE, cell) is not None
    if heading in ("Safe value (95 %)", "Best estimate"):
        return re.fullmatch(rf"{FIGURE}|unbounded", cell) is not None  # the estimate and its upper end, side by side
    if heading.startswith("Predicted") and re.fullmatch(r"[\d.]+ \(\d+ to \d+\)", cell):
        return True  # a number of layers
    return ESTIMATE.fullmatch(cell) is not None


@pytest.mark.parametrize(
    "name",
    ["causes", "durations", "failure_rates", "task_failures", "timeouts_by_size", "sensitivity", "replay", "method"],
)
def test_table_numbers_have_units_and_intervals(name):
    """Read off the HTML: counts say in their heading what is counted, anything else has a unit, an estimate an interval too."""
    html = getattr(failing_report(), name).html()
    assert Tables(html).found
    assert bare(html) == []


def test_a_number_without_unit_or_interval_is_noticed():
    """The check above fails where a cell lacks one."""
    table = "<table><tr><th>Median</th><th>Pieces</th></tr><tr><td>{}</td><td>3</td></tr></table>"
    assert bare(table.format("2.6 s (2 s to 3 s)")) == []
    assert bare(table.format("2.6 s")) == ["Median: 2.6 s"]
    assert bare(table.format("2.6 (2 to 3)")) == ["Median: 2.6 (2 to 3)"]


@pytest.mark.parametrize("name", ["verdict", "advice_table"])
def test_numbers_of_cards_have_units(name):
    """In prose a number with a point is a measure: a unit or an end of a range follows it."""
    text = re.sub(
        r"<style.*?</style>|<pre.*?</pre>|<[^>]+>", " ", getattr(failing_report(), name).html(), flags=re.DOTALL
    )
    numbers = list(re.finditer(r"(?<![\w.])\d+\.\d+(?![\w.])", text))
    assert numbers
    for found in numbers:
        assert re.match(rf"\s{UNIT}\b|\s?%", text[found.end() :]), text[max(found.start() - 30, 0) : found.end() + 30]


def test_the_verdict_gives_each_share_and_rate_its_interval():
    """The first cause's share, those of the others, the proposal, and what is predicted with and without it."""
    text = " ".join(re.sub(r"<[^>]+>", " ", failing_report().verdict.html()).split())
    assert re.search(rf"75 % \(95 % interval {RANGE}", text)
    assert re.search(rf"3 tasks, 25 % \({RANGE}\)", text)
    assert re.search(rf"needed: {RANGE} \(95 % interval\); confidence: high", text)
    assert re.search(rf"after the change, \d+ s (?:{ESTIMATE.pattern})", text)


@pytest.mark.parametrize(
    "name", ["timeline", "waterfall", "durations", "failure_rates", "fit_diagnostics", "task_failures"]
)
def test_every_picture_has_words_and_a_table_beside_it(name):
    """Whoever does not see it reads what it shows, and its numbers."""
    html = getattr(failing_report(), name).html()
    assert html.count("<img") + html.count("<svg") == 1
    described = re.search(r'<img[^>]*\balt="([^"]+)"|<svg[^>]*\baria-label="([^"]+)"', html)
    assert described
    assert len(described[1] or described[2]) > 40
    assert len(Tables(html).found) == 1
    assert len(Tables(html).found[0]) > 1
