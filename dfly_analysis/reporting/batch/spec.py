"""The file that says which reports to make."""

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dfly_analysis.errors import DflyError, suggest_similar
from dfly_analysis.reporting.notebook_renderer import notebook_path

_KEYS = ("notebook", "defaults", "reports", "matrix")
_NAME = re.compile(r"[\w][\w.\-=]{0,99}")
_PATHS = ("paths", "before", "after")
_USAGE = "list reports under `reports:`, see `dfly-analysis batch --help`"
_MAX_COUNT = 10_000


@dataclass(frozen=True)
class RunSpec:
    """One report to make: the name of its folder, a notebook, and its parameters with absolute paths."""

    name: str
    notebook: str
    parameters: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Hash of notebook and parameters: a report with others is made again."""
        return hashlib.sha256(json.dumps([self.notebook, self.parameters], sort_keys=True).encode()).hexdigest()


def read_matrix(path: Path) -> tuple[RunSpec, ...]:
    """Read the file of a batch; raises DflyError with file, place and what to write.

    The YAML has ``reports``, a list of mappings of the notebook's parameters, each with a ``name``; or ``matrix``, a mapping of parameters
    to lists, of which every combination is made; ``defaults`` for all; and ``notebook``. Paths are relative to the folder of the file.
    """
    content = _content(path)
    unknown = [str(key) for key in content if key not in _KEYS]
    if unknown:
        hint = suggest_similar(unknown[0], _KEYS) or f"known keys are {', '.join(_KEYS)}"
        raise DflyError(f"{unknown[0]!r} is not known", where=str(path), hint=hint)
    notebook = str(content.get("notebook") or "tuning_report")
    notebook_path(notebook)
    defaults = _mapping(content.get("defaults") or {}, path, "defaults")
    runs = [*_listed(content, path, defaults), *_combined(content, path, defaults)]
    result = tuple(RunSpec(name, notebook, _absolute(parameters, path)) for name, parameters in runs)
    if not result:
        raise DflyError("lists no report", where=str(path), hint="list them under reports, or give a matrix")
    empty = next(
        (one.name for one in result if not (one.parameters.get("paths") or one.parameters.get("before"))), None
    )
    if empty:  # the notebooks would read the packaged sample
        raise DflyError(f"report {empty!r} names no input", where=str(path), hint="give it `paths`, or `before` and `after`")  # fmt: skip
    names = [one.name for one in result]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate:
        raise DflyError(f"two reports are named {duplicate!r}", where=str(path), hint="each needs a name of its own")
    return result


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as problem:
        raise DflyError(f"cannot be read: {problem.strerror}", where=str(path), hint="check the path") from problem
    except UnicodeDecodeError as problem:
        raise DflyError("is not text", where=str(path), hint=_USAGE) from problem
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        reason = getattr(problem, "problem", None) or "it cannot be read"
        hint = "check quotes, colons and indentation there"
        raise DflyError(f"is not YAML: {reason}", where=where, hint=hint) from problem
    return _mapping(content, path, "the file")


def _mapping(value: Any, path: Path, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DflyError(f"{place} is not a mapping of names to values", where=str(path), hint=_USAGE)
    return {str(name): inner for name, inner in value.items()}


Run = tuple[str, Mapping[str, Any]]


def _listed(content: Mapping[str, Any], path: Path, defaults: Mapping[str, Any]) -> Iterator[Run]:
    listed = content.get("reports") or []
    if not isinstance(listed, list):
        raise DflyError("reports is not a list", where=str(path), hint="write `reports:` and a line `- name: …` for each")  # fmt: skip
    for number, entry in enumerate(listed, 1):
        given = {**defaults, **_mapping(entry, path, f"report {number}")}
        name = str(given.pop("name", f"report-{number:03}"))
        if not _NAME.fullmatch(name):
            hint = "use letters, digits, dots, dashes and underscores, at most 100"
            raise DflyError(f"{name!r} cannot name a folder", where=f"{path}, report {number}", hint=hint)
        yield name, given


def _combined(content: Mapping[str, Any], path: Path, defaults: Mapping[str, Any]) -> Iterator[Run]:
    matrix = _mapping(content.get("matrix") or {}, path, "matrix")
    for name, values in matrix.items():
        if not isinstance(values, list) or not values:
            raise DflyError(f"matrix: {name} is not a list of values", where=str(path), hint=f"write `{name}: [a, b]`")
    combinations = itertools.product(*(enumerate(values, 1) for values in matrix.values())) if matrix else ()
    for number, chosen in enumerate(combinations, 1):
        if number > _MAX_COUNT:
            raise DflyError(f"the matrix has more than {_MAX_COUNT:,} combinations", where=str(path), hint="split it")
        text = "-".join(_name_part(*one) for one in chosen)
        values = dict(zip(matrix, (value for _, value in chosen), strict=True))
        yield f"{number:03}-{text}"[:100].rstrip(".-="), {**defaults, **values}


def _name_part(place: int, value: Any) -> str:
    """Name a value in a folder's name: itself where it can be, else its place in the list."""
    text = Path(value[0] if isinstance(value, list) and len(value) == 1 else str(value)).name
    return text if re.fullmatch(r"[\w.]{1,40}", text) else str(place)


def _absolute(given: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return parameters with their paths taken from the folder of the file."""
    result = dict(given)
    for name in _PATHS:
        if name in result:
            listed = [result[name]] if isinstance(result[name], str) else result[name]
            if not isinstance(listed, list):
                raise DflyError(f"{name} is neither a path nor a list of paths", where=str(path))
            result[name] = [_from(path, str(one)) for one in listed]
    files = {name: value for name, value in result.items() if name.startswith("values") and isinstance(value, str)}
    return result | {name: _from(path, value) for name, value in files.items()}


def _from(path: Path, named: str) -> str:
    return named if "://" in named else str((path.parent / named).absolute())
