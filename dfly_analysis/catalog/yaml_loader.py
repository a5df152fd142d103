"""Reads the catalogue: YAML below ``entries/``, validated by pydantic once and kept as a cache of records after that.

Records are frozen dataclasses, named tuples and typed dictionaries of the standard library. Pydantic validates them as it does its
own models; importing it takes 0.2 s, which a command that finds the cache does not spend.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast, dataclass_transform

from dfly_analysis.errors import CatalogError, DflyError
from dfly_analysis.units import parse_duration, parse_rate, parse_size

if TYPE_CHECKING:
    from pydantic_core import CoreSchema, ErrorDetails

T = TypeVar("T")
ENTRIES = Path(__file__).parent / "entries"
CACHE = Path(__file__).parent / "parsed"
"""Folder of validated records, each file named by a hash of the YAML and of the models: no stale record is ever read."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(model: type[T]) -> type[T]:
    """Make a class a model of entries: a frozen dataclass that pydantic validates, other keys refused."""
    model.__pydantic_config__ = {"extra": "forbid"}  # type: ignore[attr-defined]
    return dataclass(frozen=True)(model)


class Quantity:
    """Marks a number that entries write with its unit: ``Annotated[int, Quantity(parse_size)]``."""

    def __init__(self, parse: Callable[[str], float]) -> None:
        self.parse = parse

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], CoreSchema]) -> CoreSchema:
        """Return pydantic's validation of the text before that of the number."""
        from pydantic_core.core_schema import no_info_before_validator_function

        def read(text: str) -> float:
            try:
                return self.parse(text)
            except DflyError as problem:
                raise EntryError(str(problem)) from problem

        return no_info_before_validator_function(read, handler(source))


SizeBytes = Annotated[int, Quantity(parse_size)]
RateBps = Annotated[float, Quantity(parse_rate)]
Seconds = Annotated[float, Quantity(parse_duration)]


class EntryError(ValueError):
    """A model rejects an entry: what is wrong and what to write, and the path to it in the entry, such as ``"samples", 1``."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


def load_entries(model: type[T], path: str) -> tuple[T, ...]:
    """Return the entries of a folder below ``entries/``, or of a file there without its ending; a CatalogError names file, line and entry of what is wrong."""
    kind: Any = model
    return cast("tuple[T, ...]", _cached(kind, path, many=True))


def load_document(model: type[T], path: str) -> T:
    """Return a file below ``entries/`` that is one record, see `load_entries`."""
    kind: Any = model
    return cast("T", _cached(kind, path, many=False))


@cache
def _cached(model: Any, path: str, *, many: bool) -> Any:
    folder = ENTRIES / path
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else [folder.with_suffix(".yaml")]
    texts = [file.read_bytes() for file in files]
    name = path.replace("/", "-")
    digest = hashlib.sha256(b"\0".join([_models(), *texts])).hexdigest()[:32]
    cached = CACHE / f"{name}.{digest}.pickle"
    with suppress(OSError, EOFError, pickle.UnpicklingError):
        return pickle.loads(cached.read_bytes())  # noqa: S301 - as trustworthy as the code it lies beside
    found = _validated(model, files, texts, many=many)
    with suppress(OSError):  # an installation that cannot be written to works too, only slower
        CACHE.mkdir(exist_ok=True)
        unfinished = cached.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(pickle.dumps(found))
        unfinished.replace(cached)
        for stale in set(CACHE.glob(f"{name}.*.pickle")) - {cached}:
            stale.unlink()
    return found


@cache
def _models() -> bytes:
    """Return the code of the catalogue: a changed model reads no records of the one before."""
    return b"\0".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))


def _validated(model: Any, files: Sequence[Path], texts: Sequence[bytes], *, many: bool) -> Any:
    read = list(zip(files, texts, strict=True))
    entries = [(file, text, *one) for file, text in read for one in _entries(file, text, many=many)]
    found = [validate(model, entry, file, text, place) for file, text, place, entry in entries]
    ids = [getattr(one, "id", None) for one in found]
    for number, (file, text, place, _) in enumerate(entries):
        if ids[number] is not None and ids[number] in ids[:number]:
            where = f"{_address(file)}:{_line(text, (place, 'id'))}"
            raise CatalogError(f"{ids[number]}: this id is used above", where=where, hint="use another id")
    return tuple(found) if many else found[0]


def _entries(file: Path, text: bytes, *, many: bool) -> Iterator[tuple[int | None, Any]]:
    content = parse_yaml(text.decode("utf-8"), _address(file))
    if not many:
        yield None, content
    elif isinstance(content, list):
        yield from enumerate(content)
    else:
        hint = "start each entry with `- ` and its first key"
        raise CatalogError("is not a list of entries", where=f"{_address(file)}:1", hint=hint)


def validate(model: Any, entry: Any, file: Path, text: bytes, place: int | None = None) -> Any:
    """Return an entry of a file's list (or the whole file, without `place`) as its model's record; a CatalogError if it is wrong."""
    from pydantic import ValidationError

    try:
        return _adapter(model).validate_python(entry)
    except ValidationError as problem:
        errors = problem.errors()
        reason = errors[0].get("ctx", {}).get("error")
        inside = reason.path if isinstance(reason, EntryError) else ()
        path = (*errors[0]["loc"], *inside)
        name = entry.get("id") if isinstance(entry, dict) else None
        at = ".".join(str(step) for step in path)
        message = ": ".join(part for part in (name, at, _wording(errors[0])) if part)
        others = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        start = () if place is None else (place,)
        raise CatalogError(f"{message}{others}", where=f"{_address(file)}:{_line(text, (*start, *path))}") from problem


@cache
def _adapter(model: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(model)


def _wording(error: ErrorDetails) -> str:
    if error["type"] in ("missing", "missing_argument"):
        return "is missing; write it"
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return "no such key; remove it, or use the spelling of the other entries"
    message = error["msg"].removeprefix("Value error, ")
    return message if error["type"] == "value_error" else f"{message}, not {error['input']!r}"


def _address(file: Path) -> str:
    return f"catalog/{file.relative_to(ENTRIES).as_posix()}" if file.is_relative_to(ENTRIES) else str(file)


def _line(text: bytes, path: Sequence[Any]) -> int:
    """Return the line of what a path leads to, or of the innermost thing on its way that is there."""
    import yaml

    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key.start_mark.line, value) for key, value in node.value if key.value == str(step)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = [(node.value[step].start_mark.line, node.value[step])]
        else:
            found = []  # pydantic names the members of unions as well
        for at, inner in found[-1:]:
            line, node = at + 1, inner
    return line


def parse_yaml(text: str, address: str) -> Any:
    """Parse YAML, naming the address where it is broken."""
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - the loader is a safe one
    except yaml.YAMLError as problem:
        raise CatalogError(f"not YAML: {problem}", where=address) from problem
