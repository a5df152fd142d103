"""The documentation leads to what there is: every command, every option set and every finding has its page."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from dfly_analysis.catalog.checks import load_checks
from dfly_analysis.catalog.error_signatures import load_signatures
from dfly_analysis.cli import main
from dfly_analysis.reporting import notebook_names

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
HOW_TO = DOCS / "how-to"
INDEX = (HOW_TO / "index.md").read_text("utf-8")
COMMANDS = main.list_commands(None)
INPUTS = (
    "compressed, rotated", "kubectl logs", "Docker", "journal", "Loki", "Elastic", "kubectl", "job's JSON", "pods", "events", "dfdaemon.yaml",
    "ConfigMaps", "Helm values", "metrics.txt", "running Prometheus", "dfbench", "vegeta", "CSV", "s3://", "more than one machine", "manifest",
)  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_how_to(name):
    """The index names it beside a page, and that page shows a call of it or says its name as code."""
    row = next((line for line in INDEX.splitlines() if line.startswith("| ") and f"`{name}`" in line), None)
    assert row, f"no row of how-to/index.md names `{name}`"
    pages = re.findall(r"\]\(([\w-]+\.md)", row)
    assert pages
    text = "".join((HOW_TO / page).read_text("utf-8") for page in pages)
    assert re.search(rf"dfly-analysis {re.escape(name)}\b|`{re.escape(name)}\b", text), (name, pages)


@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_of_input_has_a_how_to(kind):
    """The index has a row for it with a page."""
    rows = INDEX.split("## What do you have?")[1].splitlines()
    assert any(kind in line and ".md" in line for line in rows)


def test_every_how_to_is_reached_from_the_index():
    """No page stands alone: each is in a table and in the tree."""
    pages = {path.stem for path in HOW_TO.glob("*.md")} - {"index"}
    assert {name for name in pages if f"({name}.md" not in INDEX} == set()
    assert {name for name in pages if f"\n{name}\n" not in INDEX} == set()


def test_links_between_pages_lead_somewhere():
    """Each link to a page of the repository names a file that is there, or one that the build writes."""
    broken = []
    for page in [*DOCS.rglob("*.md"), ROOT / "README.md"]:
        if {"_build", "generated"} & set(page.parts):
            continue
        for target in re.findall(r"\]\(([^)#\s]+\.(?:md|png))", page.read_text("utf-8")):
            if "://" not in target and "generated/" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_notebook_is_in_its_page():
    """Each with the question it answers."""
    text = (HOW_TO / "notebooks.md").read_text("utf-8")
    assert [name for name in notebook_names() if f"| `{name}` |" not in text] == []


def test_the_catalogue_has_every_finding(monkeypatch):
    """It is written from the catalogue: a section each, with what to do."""
    monkeypatch.syspath_prepend(str(DOCS))
    sys.modules.pop("reference_pages", None)
    pages = dict(__import__("reference_pages")._pages())
    known = [one.id for one in load_signatures() if one.finding] + [*load_checks()]
    assert [name for name in known if f"\n## {name}\n" not in pages["findings.md"]] == []
    assert pages["findings.md"].count("**What to do:**") == len(known)
    assert "## seedClient: download.pieceTimeout" in pages["timeouts.md"]
