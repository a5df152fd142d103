"""The rules a committed notebook obeys, as a function that lists what breaks them.

A notebook asks questions and shows answers; what is computed is computed in the package, where it is typed and tested.
"""

from __future__ import annotations

import ast
import builtins
import json
import re
from pathlib import Path

PARAMETER = re.compile(r"(?P<name>[a-z][a-z0-9_]*) = (?P<literal>\S.*?)  # (?P<meaning>[^,].*), (?P<unit>[^,]+)")
STATEMENTS = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.Expr)
EXPRESSIONS = (
    ast.Call, ast.Attribute, ast.Name, ast.Constant, ast.Subscript, ast.Slice, ast.List, ast.Tuple, ast.Dict,
    ast.keyword, ast.Starred, ast.UnaryOp, ast.USub, ast.BoolOp, ast.Or, ast.Load, ast.Store, ast.alias,
)  # fmt: skip
READERS = re.compile(r"open|read|read_\w+|readlines?|loadtxt|genfromtxt")


def notebook_problems(path: Path) -> list[str]:
    """List what breaks the rules in a notebook, each with the cell's number, counted from 1; empty where nothing does."""
    notebook = json.loads(path.read_text("utf-8"))
    cells = notebook["cells"]
    code = [number for number, cell in enumerate(cells, 1) if cell["cell_type"] == "code"]
    problems = _about_the_file(notebook)
    if not code:
        return [*problems, "it has no code cell"]
    tagged = [number for number in code if "parameters" in cells[number - 1]["metadata"].get("tags", [])]
    if tagged != code[:1]:
        problems.append(f"cells tagged parameters: {tagged}; it should be the first code cell, {code[0]}, alone")
    for number in code:
        cell = cells[number - 1]
        found = _about_the_cell(cell, before=cells[number - 2] if number > 1 else None)
        text = "".join(cell["source"])
        found += _about_parameters(text) if number in tagged else _about_code(text)
        problems += [f"cell {number}: {problem}" for problem in found]
    return problems


def _about_the_file(notebook: dict) -> list[str]:
    metadata = notebook["metadata"]
    problems = ["it carries widget state"] if "widgets" in metadata else []
    if metadata.get("kernelspec", {}).get("language") != "python":
        problems.append("its kernelspec does not say language: python, without which papermill cannot run it")
    return problems


def _about_the_cell(cell: dict, before: dict | None) -> list[str]:
    problems = []
    if before is None or before["cell_type"] != "markdown" or not "".join(before["source"]).strip():
        problems.append("no markdown cell before it says which question it answers")
    if cell["outputs"]:
        problems.append("it has outputs")
    if cell["execution_count"] is not None:
        problems.append("it has an execution count")
    return problems


def _about_parameters(text: str) -> list[str]:
    problems = []
    for line in filter(str.strip, text.splitlines()):
        match = PARAMETER.fullmatch(line)
        if match is None:
            problems.append(f"{line!r} is not `name = literal  # meaning, unit`")
            continue
        try:
            ast.literal_eval(match["literal"])
        except (ValueError, SyntaxError):
            problems.append(f"{match['literal']!r} is not a literal")
        if "=" in match["literal"]:
            problems.append(f"{match['name']}: papermill does not see a default that contains '='")
    return problems


def _about_code(text: str) -> list[str]:
    try:
        body = ast.parse(text).body
    except SyntaxError as problem:
        return [f"it is not Python: {problem.msg}"]
    problems = []
    if not body or not isinstance(body[-1], ast.Expr):
        problems.append("it does not end in an expression that shows itself")
    if text.rstrip().endswith(";"):
        problems.append("a semicolon hides what it should show")
    for statement in body:
        if not isinstance(statement, STATEMENTS):
            problems.append(f"line {statement.lineno}: {type(statement).__name__} belongs into the package")
            continue
        problems += [problem for node in ast.walk(statement) if (problem := _about_node(node, statement))]
    return problems


def _about_node(node: ast.AST, statement: ast.stmt) -> str | None:
    line = f"line {statement.lineno}"
    if isinstance(node, ast.Import | ast.ImportFrom):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        foreign = [module for module in modules if module.split(".")[0] != "dfly_analysis"]
        return f"{line}: imports {', '.join(foreign)}" if foreign else None
    if node is not statement and not isinstance(node, EXPRESSIONS):
        return f"{line}: {type(node).__name__} belongs into the package"
    if isinstance(node, ast.Name) and hasattr(builtins, node.id):
        return f"{line}: uses {node.id}"
    if isinstance(node, ast.Attribute) and READERS.fullmatch(node.attr):
        return f"{line}: reads a file by {node.attr}"
    return None
