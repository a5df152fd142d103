"""The page on timeouts says what the facts say: each number of its tables is looked up or computed."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.piece_length_rules import piece_length_bytes
from dfly_analysis.catalog.releases import images_of
from dfly_analysis.config.check import check_config
from dfly_analysis.config.resolve import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "timeouts.md"
GiB = 1024**3


def table_under(heading: str) -> list[list[str]]:
    """Return the rows of the first table under a heading, its own heading left out."""
    text = PAGE.read_text("utf-8").partition(f"## {heading}")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def test_the_table_of_charts_is_what_the_facts_say():
    """Each chart's row: its client, the seed's limits, and the bandwidth they demand for a layer of 20 GiB."""
    rows = table_under("Defaults of the charts for the seed client")
    assert len(rows) > 10
    for chart, client, piece, write, streams, schedule, collected, demands in rows:
        settings = Settings.resolve(chart=chart) if chart != "none" else Settings.resolve(client=client)
        if chart != "none":
            assert images_of(chart)["seedClient"] == client
        said = {
            "download.pieceTimeout": piece, "storage.writePieceTimeout": write, "download.concurrentPieceCount": streams,
            "scheduler.scheduleTimeout": schedule, "download.collectedPieceTimeout": collected,
        }  # fmt: skip
        for key, text in said.items():
            found = settings.get(key, "seedClient")
            seconds = found.seconds if found.seconds is not None else found.number
            wanted = None if text == "–" else 10_800 if text == "3h" else float(text.removesuffix("s"))
            assert seconds == wanted, (chart, key)
        asked = {"chart": chart} if chart != "none" else {"client": client}
        bps = check_config(None, size="20GiB", **asked).feasibility.demanded_bps
        assert f"{bps / 1e6:.1f} MB/s" == demands, chart


def test_the_table_of_pieces_is_what_the_rule_gives():
    """Count and length of the pieces of each layer, for a client of each era."""
    rows = table_under("The timeout applies to a piece")
    assert len(rows) == 4
    for layer, *eras in rows:
        size = int(layer.removesuffix(" GiB")) * GiB
        for version, said in zip(("v0.1.97", "v0.2.25", "v1.5.1"), eras, strict=True):
            length = piece_length_bytes(size, version) // 1024**2
            assert f"{math.ceil(size / piece_length_bytes(size, version))} × {length} MiB" == said


@pytest.mark.parametrize(
    ("words", "component", "key", "version", "value"),
    [
        (r"62\.5 min from v2\.4\.0", "manager", "fixed:preheat.pollingWindow", "v2.4.0", "62m30s"),
        (r"about 34 min on average for v2\.1\.60 to v2\.3\.4", "manager", "fixed:preheat.pollingWindow", "v2.1.60", "34m"),
        (r"30 min a layer up to v2\.3\.0", "scheduler", "fixed:preheat.jobDeadline", "v2.3.0", "30m"),
        (r"60 min for the whole image from v2\.3\.1", "scheduler", "fixed:preheat.jobDeadline", "v2.3.1", "60m"),
        (r"3 h from v0\.2\.27", "client", "scheduler.scheduleTimeout", "v0.2.27", "10800s"),
        (r"3 for v0\.1\.120 to v0\.2\.26", "client", "fixed:source.retries", "v0.2.26", 3),
        (r"no finished piece for 30 min", "scheduler", "scheduler.gc.pieceDownloadTimeout", "v2.5.1", "30m"),
    ],
)  # fmt: skip
def test_numbers_in_the_text_are_those_of_the_facts(words, component, key, version, value):
    """A number that the page names in passing is the fact's."""
    assert re.search(words, PAGE.read_text("utf-8"))
    assert defaults_of(component, key).at(version).default == value
