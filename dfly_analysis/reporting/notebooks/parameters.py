"""A notebook's parameters: read from its cell, checked by name and type before anything runs."""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfly_analysis.errors import NotebookError, suggest_similar
from dfly_analysis.redaction import kind_of_name, redact
from dfly_analysis.reporting.notebook_renderer import read_cells, source_of

_LINE = re.compile(r"(?P<name>[a-z][a-z0-9_]*) = (?P<literal>\S(?:(?!  # ).)*)  # (?P<meaning>[^,].*), (?P<unit>[^,]+)")
_TYPES = {
    "NoneType": "text or nothing",
    "str": "text",
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "dict": "names with a text each",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook; where its default is None, text may be given or nothing."""

    name: str
    default: Any
    meaning: str
    unit: str

    def accepts(self, value: Any) -> bool:
        """Return whether a value has this parameter's type; a whole number is accepted for a fraction."""
        if self.default is None:
            return value is None or isinstance(value, str)
        if isinstance(self.default, float):
            return isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(self.default, dict):
            return isinstance(value, dict) and all(isinstance(item, str) for pair in value.items() for item in pair)
        if isinstance(self.default, list | tuple):
            return isinstance(value, list | tuple) and all(isinstance(item, str | int | float) for item in value)
        return type(value) is type(self.default)

    @property
    def expected(self) -> str:
        """What it accepts, as text."""
        return _TYPES.get(type(self.default).__name__, "a list")


def read_parameters(path: Path) -> dict[str, Parameter]:
    """Return the parameters a notebook declares, in order; each line is ``name = literal  # meaning, unit``, else a NotebookError."""
    result = {}
    for number, cell in enumerate(read_cells(path), 1):
        if cell["cell_type"] != "code" or "parameters" not in cell.get("metadata", {}).get("tags", []):
            continue
        for line in filter(str.strip, source_of(cell).splitlines()):
            parameter = _read(line, f"{path.name}, cell {number}")
            result[parameter.name] = parameter
    return result


def check_parameters(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given, in the types the notebook will see; a NotebookError for an unknown name, another type, or a secret."""
    known = read_parameters(path)
    for name, value in given.items():
        if name not in known:
            hint = suggest_similar(name, known) or f"it takes {', '.join(known) or 'none'}"
            raise NotebookError(f"there is no parameter {name!r}", where=path.name, hint=hint)
        if not known[name].accepts(value):
            message = f"parameter {name!r} is {value!r}, not {known[name].expected}"
            raise NotebookError(message, where=path.name, hint=f"it is: {known[name].meaning}, {known[name].unit}")
        if redact(str(value)) != str(value):
            hint = "pass secrets in environment variables; parameters are stored in the notebook"
            raise NotebookError(f"parameter {name!r} holds a secret", where=path.name, hint=hint)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}


def _read(line: str, where: str) -> Parameter:
    match = _LINE.fullmatch(line)
    if match is None:
        raise NotebookError(f"{line!r} is not `name = literal  # meaning, unit`", where=where)
    if kind_of_name(match["name"]):
        raise NotebookError(f"{match['name']} would be stored in the notebook: a secret is no parameter", where=where)
    try:
        default = ast.literal_eval(match["literal"])
    except (ValueError, SyntaxError) as problem:
        raise NotebookError(f"{match['literal']!r} is not a literal", where=where) from problem
    return Parameter(match["name"], default, match["meaning"], match["unit"])
