"""No text and no name uses the words that the style guide replaces."""

import io
import re
import subprocess
import tokenize

import pytest
from conftest import ROOT

STYLE = ROOT / "docs" / "style.md"
FOLDERS = ("dfly_analysis", "docs", "notebooks", "README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md")
SUFFIXES = (".py", ".sql", ".md", ".yaml", ".j2", ".ipynb", ".css", ".js", ".c", ".h", ".rst")
FILES = subprocess.run(
    ["git", "ls-files", "--", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.splitlines()
TEXTS = [path for path in FILES if path.endswith(SUFFIXES) and path != "docs/style.md"]
MODULES = [path for path in FILES if path.endswith(".py")]


def avoided(heading):
    """Return the words in the first column of a table of the style guide."""
    section = STYLE.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")][1:]
    return [word.strip() for row in rows for word in row.split(" / ") if word.strip()]


PHRASES = re.compile(
    r"(?<![\w-])("
    + "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in avoided("Phrases to avoid"))
    + r")(?![\w-])",
    re.IGNORECASE,
)
NAMES = frozenset(avoided("Names to avoid"))


def phrases_in(path):
    """Return the lines of a file with a phrase to avoid."""
    text = (ROOT / path).read_text("utf-8")
    if path.endswith(".md"):
        text = re.sub(r"`[^`\n]*`", "", text)
    return [f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}" for match in PHRASES.finditer(text)]


def names_in(path):
    """Return the names in a module that are to be avoided, its own among them."""
    source = (ROOT / path).read_text("utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    names = {token.string for token in tokens if token.type == tokenize.NAME}
    words = set(path.removesuffix(".py").replace("/", "_").split("_"))
    return sorted({name for name in names if name.strip("_") in NAMES} | (words & NAMES))


def test_the_style_guide_lists_words():
    """Both tables are read, each cell as several words."""
    assert {"whence", "the law", "a law"} <= set(avoided("Phrases to avoid"))
    assert {"told", "Told"} <= NAMES


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Whence", True),
        ("started\nanew", True),
        ("the law", True),
        ("Lawless", False),
        ("by law", False),
        ("a lawn", False),
    ],
)
def test_phrases_match_whole_words_in_any_case(text, found):
    """A line break counts as a space; part of another word does not match."""
    assert bool(PHRASES.search(text)) == found


def test_texts_avoid_the_old_phrases():
    """Code, templates, notebooks, catalogue and documentation."""
    hits = [hit for path in TEXTS for hit in phrases_in(path)]
    assert not hits, "\n".join(hits)


def test_modules_avoid_the_old_names():
    """Names of modules, classes, functions, arguments and variables."""
    hits = [f"{path}: {', '.join(names)}" for path in MODULES if (names := names_in(path))]
    assert not hits, "\n".join(hits)
