"""Every row of the article's table works on a generated run, and a section of the report shows it, in English and in Chinese.

`docs/how-to/article-row-by-row.md` says the same to people: each row with its command and the section's heading.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from report_cases import Page

from dfly_analysis.api import analyse
from dfly_analysis.reporting import Report
from tests.synthetic import write_run

HAN = re.compile("[\u4e00-\u9fff]")
DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "article-row-by-row.md"


@dataclass(frozen=True)
class Row:
    """One row: its id, the run that has it, the section that shows it, and what has to stand there."""

    id: str
    run: str
    section: str
    heading: str
    shown: tuple[str, ...]


ROWS = (
    Row("S1", "article", "evidence", "Evidence", ("error_decoding_response_body", "dfdaemon.log:")),
    Row("S2", "article", "evidence", "Evidence", ("content_write_failed",)),
    Row("S3", "article", "evidence", "Evidence", ("reqwest_body_timed_out",)),
    Row("S4", "frozen", "evidence", "Evidence", ("tokio_stream_elapsed",)),
    Row("C1", "article", "causes", "Root causes", ("timeout_too_short", "Confidence")),
    Row("C2", "resets", "causes", "Root causes", ("network_instability", "Confidence")),
    Row("C3", "oom", "causes", "Root causes", ("resource_limit", "Confidence")),
    Row("C4", "disk", "causes", "Root causes", ("disk_full", "Confidence")),
    Row("R1", "article", "advice_table", "Recommended settings", ("download.pieceTimeout", "600s", "confidence")),
    Row("R2", "oom", "sizing", "Sizing of hosts, links and volumes", ("resources.limits.memory", "memory limit", "GiB", "cores")),
    Row("R3", "resets", "sizing", "Sizing of hosts, links and volumes", ("bandwidth that one layer demands", "MB/s", "connection was reset")),
    Row("R4", "disk", "sizing", "Sizing of hosts, links and volumes", ("persistence.size", "volume of each seed client", "GiB")),
    Row("P1", "article", "preheat_plan", "Preheat plan", ("Layers needed at start-up", "Remaining layers")),
    Row("P2", "article", "preheat_plan", "Preheat plan", ("(chosen)", "Duration")),
    Row("P3", "article", "preheat_plan", "Preheat plan", ("Not preheated", "Preheated on the node")),
    Row("P4", "article", "sizing", "Sizing of hosts, links and volumes", ("gzip pays off below this bandwidth", "zstd pays off")),
    Row("T1", "article", "next_runs", "What to measure next", ("Repeats", "More runs")),
    Row("T2", "article", "monitoring", "Monitoring", ("DragonflySeedFailuresAboveModel", "increase(")),
)  # fmt: skip
RUNS = {
    "article": ("slow-source", "v0.1.118"), "frozen": ("scheduler-frozen", "v0.1.118"), "resets": ("resets", "v1.5.1"), "oom": ("oom", "v1.5.1"),
    "disk": ("disk-full", "v1.5.1"),
}  # fmt: skip


@pytest.fixture(scope="module")
def report_of(tmp_path_factory):
    """Generate and analyse each run once, when it is first asked for."""

    @cache
    def made(run: str) -> Report:
        case, client = RUNS[run]
        folder = tmp_path_factory.mktemp(run)
        write_run(folder, case=case, client=client, images=2)
        if run == "frozen":
            _let_the_clients_clock_run_out(folder)
        return analyse(folder, chart="1.2.24" if run == "article" else None)

    return made


def _let_the_clients_clock_run_out(folder: Path) -> None:
    """Let a client's own wait for a silent scheduler end its streams, in place of the connection's."""
    for log in folder.rglob("client-*/**/*.log"):
        text = log.read_text("utf-8")
        ended = re.sub(
            r"(download with scheduler error: )TonicStatus\(.*?\)\)\) \}\)", r"\1TokioStreamElapsed(Elapsed(()))", text
        )
        log.write_text(ended, "utf-8")


@pytest.fixture(scope="module")
def view_of(report_of):
    """Make each section of each run once; it shows itself in any language."""
    return cache(lambda run, section: getattr(report_of(run), section))


@pytest.fixture(scope="module")
def page(report_of, tmp_path_factory):
    """Write the article's report as a page, without a kernel."""
    folder = tmp_path_factory.mktemp("page")
    report_of("article").save(folder)
    return Page((folder / "report.html").read_text("utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_row_is_shown_by_its_section(row, view_of):
    """The section says what the row asks for; in Chinese it says it in Chinese, with the same ids and settings."""
    view = view_of(row.run, row.section)
    words, chinese = (Page(view.html(lang)).words.replace("\N{NO-BREAK SPACE}", " ") for lang in ("en", "zh"))
    assert HAN.search(chinese)
    for text in row.shown:
        assert text in words
        assert text in chinese or not re.search(r"[._]\w", text), text


def test_the_page_has_every_section(page):
    """Each row's heading stands on the page."""
    assert [row.heading for row in ROWS if row.heading not in page.words] == []


def test_the_guide_names_each_row_with_its_section():
    """The page of the documentation has a line for each row, with the heading of the section that shows it."""
    lines = DOCS.read_text("utf-8").splitlines()
    for row in ROWS:
        assert any(line.startswith(f"| {row.id} |") and row.heading in line for line in lines), row.id


def test_figures_beside_the_causes_say_how_sure_they_are(report_of):
    """Each share of the causes carries the confidence that the diagnosis gives it."""
    report = report_of("article")
    words = Page(report.causes.html()).words
    for share in report.findings.causes:
        assert not share.tasks or share.confidence in words


def test_advice_for_the_article_is_consistent(report_of):
    """What the proposed limit demands of the source is what was seen to be carried, or less; requests are within limits."""
    report = report_of("article")
    item = report.advice.get("download.pieceTimeout", "seedClient")
    carried = next(one for one in report.advice.estimates if one.what.startswith("peak rate of one host"))
    assert item.demanded_bandwidth_bps <= carried.value
    demanded = next(one for one in report.advice.estimates if one.what == "bandwidth that one layer demands")
    assert demanded.value == pytest.approx(item.demanded_bandwidth_bps)
