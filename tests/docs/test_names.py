"""Options, files, Python names and settings that the documentation mentions exist."""

import importlib
import re

import click
import pytest
from conftest import ROOT

import dfly_analysis as dfly
from dfly_analysis.cli import main

PAGES = [
    ROOT / name
    for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "docs/index.md", "docs/faq.md", "docs/tutorial.md")
]
PAGES += sorted([*(ROOT / "docs" / "how-to").glob("*.md"), *(ROOT / "docs" / "explanation").glob("*.md")])
PACKAGES = "catalog|cli|config|dataset|diagnosis|io|locale|models|readers|recommendation|reporting"
FOREIGN = {"--prefix", "--timestamps", "--previous", "--only"}
"""Options of kubectl and of programs in tests."""


def options():
    """Return the options of all commands."""
    commands = [
        main,
        *(main.get_command(click.Context(main), name) for name in main.list_commands(click.Context(main))),
    ]
    return {
        text for command in commands for param in command.params for text in (*param.opts, *param.secondary_opts)
    } | {"--help"}


def code_of(page):
    """Return inline code, and the calls of the command in code blocks."""
    text = page.read_text("utf-8")
    calls = re.findall(r"^(?:\$ )?(?:\.venv/bin/)?(dfly-analysis [^#\n|]*)", text, re.MULTILINE)
    return calls + re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))


def resolves(name):
    """Return whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_exist(page):
    """Each option in inline code and in calls of the command belongs to a command."""
    code = [text for text in code_of(page) if text.startswith(("--", "dfly-analysis "))]
    named = {option for text in code for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)}
    assert sorted(named - options() - FOREIGN) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_exist(page):
    """Each path of the repository in inline code exists, from the root or from the package."""
    paths = [
        text for text in code_of(page)
        if re.fullmatch(rf"(?:dfly_analysis|tests|docs|data|lock|{PACKAGES})/[\w./-]*", text) and not text.startswith("docs/_build")
    ]  # fmt: skip
    assert [path for path in paths if not (ROOT / path).exists() and not (ROOT / "dfly_analysis" / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_names_exist(page):
    """Each dotted name of the package, and each attribute of `dfly`, can be imported."""
    text = page.read_text("utf-8")
    names = set(re.findall(r"\bdfly_analysis(?:\.\w+)+", text)) | {
        f"dfly_analysis.{name}" for name in re.findall(r"\bdfly\.(?!yaml)(\w+)", text)
    }
    assert [name for name in sorted(names) if not resolves(name)] == []
    assert dfly.__all__
