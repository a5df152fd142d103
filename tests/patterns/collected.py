"""Every regular expression of the package and the catalogue, with how it is used."""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dfly_analysis
from dfly_analysis.catalog import key_spelling
from dfly_analysis.catalog.envelopes import load_envelopes, load_notices
from dfly_analysis.catalog.error_signatures import load_signatures
from dfly_analysis.catalog.key_spelling import load_key_lists
from dfly_analysis.catalog.log_events import load_events
from dfly_analysis.catalog.log_formats import load_formats
from dfly_analysis.io.compression import COMPRESSED
from dfly_analysis.readers.logs import log_identity
from dfly_analysis.readers.logs.envelopes.unwrappers import cell_pattern

ROOT = Path(dfly_analysis.__file__).parent
_CALLS = frozenset(
    f"re.{name}" for name in ("compile", "search", "match", "fullmatch", "split", "sub", "subn", "findall", "finditer")
)
_ANCHORED = frozenset({"match", "fullmatch"})


class Used(NamedTuple):
    """A pattern and whether it is only tried where a text begins."""

    name: str
    pattern: re.Pattern[Any]
    anchored: bool


def package_patterns() -> tuple[list[Used], list[str]]:
    """Return the patterns of every call of `re`, and the calls whose pattern only a running function knows."""
    found, unknown = [], []
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(ROOT.rglob("*.py"))}
    uses = _uses(trees)
    for path, tree in trees.items():
        module = ".".join(("dfly_analysis", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        names = _names(tree)
        for call in _calls(tree):
            method, name = call.func.attr, names.get(call)
            methods = {method} if method != "compile" else uses[path, name] if name else set()
            try:
                pattern = _pattern(call, vars(importlib.import_module(module)))
            except (NameError, AttributeError):
                unknown.append(f"{module}: {ast.unparse(call)}")
                continue
            label = name or ast.unparse(call)[:60]
            found.append(Used(f"{module}: {label}", pattern, bool(methods) and methods <= _ANCHORED))
    return found, unknown


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls of functions of `re`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _CALLS:
            yield node


def _names(tree: ast.AST) -> dict[ast.AST, str]:
    """Return the names that values are assigned to."""
    named: dict[ast.AST, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else [node.targets[0]]
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            named |= {
                value: target.id for target, value in zip(targets, values, strict=False) if isinstance(target, ast.Name)
            }
    return named


def _uses(trees: dict[Path, ast.AST]) -> dict[tuple[Path, str], set[str]]:
    """Return, by file and name, the attributes that are looked up there or where the name is imported; "" for any other use."""
    uses: dict[tuple[Path, str], set[str]] = defaultdict(set)
    for path, tree in trees.items():
        importers = dict.fromkeys((node.id for node in ast.walk(tree) if isinstance(node, ast.Name)), path)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("dfly_analysis"):
                source = ROOT.joinpath(*node.module.split(".")[1:])
                source = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
                importers |= {alias.asname or alias.name: source for alias in node.names}
        looked_up = {id(node.value): node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                uses[importers[node.id], node.id].add(looked_up.get(id(node), ""))
    return uses


def _pattern(call: ast.Call, names: dict[str, Any]) -> re.Pattern[Any]:
    """Return the pattern of a call, evaluated where its module is loaded."""
    flags = next((one.value for one in call.keywords if one.arg == "flags"), None)
    if call.func.attr == "compile" and len(call.args) > 1:
        flags = call.args[1]
    source = eval(compile(ast.Expression(call.args[0]), "pattern", "eval"), names)
    return re.compile(source, eval(compile(ast.Expression(flags), "flags", "eval"), names) if flags else 0)


def catalogue_patterns() -> list[Used]:
    """Return the patterns of the catalogue's entries."""
    found = [Used(f"event {one.id}", one.regex, anchored=True) for one in load_events()]
    found += [Used(f"signature {one.id}", one.regex, anchored=False) for one in load_signatures()]
    found += [Used(f"format {one.id}", one.head, anchored=True) for one in load_formats()]
    for tool in load_notices():
        found.append(Used(f"notice {tool}", re.compile(load_notices()[tool].pattern, re.VERBOSE), anchored=True))
    for one in load_envelopes():
        if one.patterns:
            found += [
                Used(f"envelope {one.id} {name}", pattern, anchored=name != "line")
                for name, pattern in one.patterns._asdict().items()
            ]
    return found


def run_time_patterns() -> dict[str, list[Used]]:
    """Return what the calls of `package_patterns` that only a running function knows compile, by module."""
    return {
        "dfly_analysis.catalog.envelopes": [],  # in `catalogue_patterns`, as the next
        "dfly_analysis.catalog.log_events": [],
        "dfly_analysis.catalog.key_spelling": [
            Used(f"key {one.pattern}", one, anchored=True)
            for role in load_key_lists()
            for one in key_spelling._patterns(role)
        ],
        "dfly_analysis.diagnosis.checks.pulls": [
            Used("field", re.compile(r'\btag: (\[[^\]]*\]|Some\("[^"]*"\)|"[^"]*"|[^,}]*)'), anchored=False)
        ],
        "dfly_analysis.io.compression": [
            Used(f"magic {name}", re.compile(one), anchored=True) for name, one in COMPRESSED.items()
        ],
        "dfly_analysis.readers.benchmarks.tools.dfbench": [
            Used("traffic", re.compile(r"(?<![\d.])([\d.]++ [KMGTPE]?i?B) to clients"), anchored=False)
        ],
        "dfly_analysis.readers.logs.envelopes.unwrappers": [Used("cell of CSV", cell_pattern(b","), anchored=False)],
        "dfly_analysis.sharing.pseudonyms": [
            Used("hosts", re.compile(r"(?<![A-Za-z0-9])(?:client\-10|client\-1)(?![A-Za-z0-9])"), anchored=False)
        ],
        "dfly_analysis.readers.logs.log_identity": [
            Used(f"source {one}", re.compile(one), anchored=True)
            for one in (log_identity._GO_CLIENT, log_identity._GO_MANAGER, log_identity._GO_SCHEDULER)
        ],
    }


def all_patterns() -> list[Used]:
    """Return every pattern once for each way it is used."""
    found = [
        *package_patterns()[0],
        *catalogue_patterns(),
        *(one for listed in run_time_patterns().values() for one in listed),
    ]
    return list({(one.pattern.pattern, one.pattern.flags, one.anchored): one for one in found}.values())
