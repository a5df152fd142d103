"""Finds what is translated, and brings ``locale/*/LC_MESSAGES/messages.po`` up to date: ``python -m tests.extract_messages``.

`babel.cfg` names the files. Babel reads the templates; the extractors here read Python, the catalogue's YAML and the notebooks.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import polib
import yaml
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg

from dfly_analysis.catalog.config_checks import template
from dfly_analysis.messages import LANGUAGES, LOCALE
from dfly_analysis.reporting.page import HIDDEN_TAGS, paragraphs

ROOT = Path(__file__).resolve().parent.parent
KEYWORDS = {"message": (1,), "plural": (1, 2), "join": (2,), "_": (1,), "gettext": (1,)}
"""Functions and the arguments that are msgids; of `join` that is the separator."""
METHODS = ("Heading.row", "check.absent", "check.unknown")
"""Methods whose literal arguments are msgids."""


def extract_python(file, keywords, comment_tags, options):
    """Yield the literals that functions of `dfly_analysis.messages`, `Heading.row` and the verdicts of checks are called with.

    Babel's own extractor takes methods for functions of that name, as in ``b"".join(…)``, and stumbles over bytes.
    """
    code = file.read()
    for call in message_calls(code, file.name):
        literals = [arg.value or None if isinstance(arg, ast.Constant) else None for arg in call.args]
        yield call.lineno, call.func.id, literals, []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in METHODS:
            yield from ((node.lineno, None, arg.value, []) for arg in node.args if isinstance(arg, ast.Constant))


def message_calls(code: str | bytes, name: str) -> Iterator[ast.Call]:
    """Yield the calls of the functions of `dfly_analysis.messages` in a module."""
    nodes = list(ast.walk(ast.parse(code)))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "dfly_analysis.messages"]
    names = {one.name for node in imports for one in node.names}
    if name.endswith("dfly_analysis/messages.py"):
        names |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names & set(KEYWORDS):
            yield node


def extract_catalogue(file, keywords, comment_tags, options):
    """Yield the texts of the fields named in the option `fields`, with their places as names."""
    fields = options["fields"].split()

    def visit(node, key=""):
        if isinstance(node, dict):
            for name, inner in node.items():
                yield from visit(inner, name)
        elif isinstance(node, list):
            for inner in node:
                yield from visit(inner, key)
        elif isinstance(node, str) and node and key in fields:
            yield 1, None, template(node), []

    yield from visit(yaml.safe_load(file.read()))


def extract_notebook(file, keywords, comment_tags, options):
    """Yield the paragraphs of the cells of text that show, without marks of headings and line breaks."""
    for cell in json.load(file)["cells"]:
        if cell["cell_type"] != "markdown" or set(HIDDEN_TAGS) & set(cell["metadata"].get("tags", [])):
            continue
        for _, text in paragraphs("".join(cell["source"])):
            yield 1, None, text, []


def extract(root: Path = ROOT) -> Iterator[tuple[str, str | tuple[str, str]]]:
    """Yield each file with a msgid in it, or with a msgid and its plural."""
    methods, options = parse_mapping_cfg(StringIO((root / "babel.cfg").read_text("utf-8")))
    for name, _, msgid, _, _ in extract_from_dir(str(root), methods, options, KEYWORDS):
        yield Path(name).as_posix(), msgid


def update(known: polib.POFile) -> polib.POFile:
    """Return the translations of what is in use, sorted; a new msgid has none yet."""
    result = polib.POFile(wrapwidth=120)
    result.header = "`make messages` adds and removes the entries; only what follows msgstr is written by hand."
    result.metadata = known.metadata
    translations = {entry.msgid: entry for entry in known}
    files: dict[tuple[str, str], set[str]] = {}
    for name, msgid in extract():
        singular, plural = (msgid, "") if isinstance(msgid, str) else msgid
        files.setdefault((singular, plural), set()).add(name)
    for (singular, plural), names in sorted(files.items()):
        old = translations.get(singular)
        entry = polib.POEntry(msgid=singular, msgid_plural=plural, occurrences=[(name, "") for name in sorted(names)])
        if plural:
            entry.msgstr_plural = {0: old.msgstr_plural.get(0, "") if old and old.msgid_plural == plural else ""}
        else:
            entry.msgstr = old.msgstr if old else ""
        result.append(entry)
    return result


def main() -> None:
    for language in LANGUAGES[1:]:
        path = LOCALE / language / "LC_MESSAGES" / "messages.po"
        result = update(polib.pofile(str(path)))
        path.write_text(f"{result}", "utf-8")
        sys.stdout.write(
            f"{path.relative_to(ROOT)}: {len(result)} messages, {len(result.untranslated_entries())} without translation\n"
        )


if __name__ == "__main__":
    main()
