"""Every relative link of every Markdown file has a text, and leads to a tracked file and an existing heading."""

import re
import subprocess

import pytest
from conftest import ROOT

_LINK = re.compile(r"!?\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
TRACKED = frozenset(
    subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
)
PAGES = sorted(path for path in TRACKED if path.endswith(".md") and not path.startswith("tests/"))


def prose(text):
    """Return a page without code, which may look like links."""
    return re.sub(r"`[^`\n]*`", "code", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))


def anchors(text):
    """Return the anchors that forges and MyST give the headings of a page."""
    without_code = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def broken_links(page):
    """Return what is wrong with the links of a page."""
    text = (ROOT / page).read_text("utf-8")
    for link in _LINK.finditer(prose(text)):
        target, _, anchor = link["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        path = ((ROOT / page).parent / target).resolve().relative_to(ROOT).as_posix() if target else page
        if not link["text"].strip():
            yield f"{link[0]}: no text"
        if path not in TRACKED:
            yield f"{link[0]}: {path} is not in the repository"
        elif anchor and anchor not in anchors((ROOT / path).read_text("utf-8")):
            yield f"{link[0]}: {path} has no heading #{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_links_have_text_and_lead_somewhere(page):
    """An empty text renders as nothing, a generated target exists in no checkout."""
    assert list(broken_links(page)) == []
