"""Python's side of interface.h: the structures and functions of the native library, for ctypes."""

import ctypes
from collections.abc import Iterator, Mapping
from typing import Any

from dfly_analysis.catalog.regex_compiler import NUMBER_FIELDS, TEXT_FIELDS

ABI_VERSION = 2  # to be raised when the meaning of a call or a member changes, but neither its size nor its place
GRAMMARS = ("compact", "json")  # what `dfly_read_block` reads, by number
TEXTS = ("span", "source", "host_id", "peer_id", "job_id", *TEXT_FIELDS)  # columns of texts, by number
UNIQUE_TEXTS = ("cost", "pieces", "error", "detail")  # texts that rarely repeat, the last of `TEXTS`
NO_TIME = -(2**63)
_POINTER, _INT64 = ctypes.c_void_p, ctypes.c_int64


def _members(kind: Any, *names: str) -> Iterator[tuple[str, Any]]:
    return ((name, kind) for name in names)


class Texts(ctypes.Structure):
    """A column of texts."""

    _fields_ = (("codes", _POINTER), ("start", _POINTER), ("length", _POINTER), ("count", _INT64))


class Patterns(ctypes.Structure):
    """What `dfly_analysis.catalog.regex_compiler.Program` holds."""

    _fields_ = (("steps", _POINTER), ("sets", _POINTER), ("literals", _POINTER))


class Block(ctypes.Structure):
    """A block of whole lines and the columns it is read to."""

    _fields_ = (
        ("data", _POINTER),
        *_members(_INT64, "size", "start_count"),
        *_members(_POINTER, "start_data", "start_offset", "start_index", "pattern"),
        ("patterns", Patterns),
        *_members(_POINTER, "line", "time_ns", "level", "raw_start", "raw_length", "message_offset", "message_data"),
        *_members(_POINTER, *NUMBER_FIELDS, "start", "event"),
        ("texts", Texts * len(TEXTS)),
        *_members(_POINTER, "fallback_start", "fallback_end", "fallback_line", "fallback_time_ns"),
        *_members(_INT64, "relevant_only", "records", "fallbacks", "lines", "skipped", "earliest_ns", "latest_ns"),
    )


STRUCTURES = (Texts, Patterns, Block)
FUNCTIONS: Mapping[str, Any] = {"dfly_read_block": _INT64, "dfly_count_lines": _INT64, "dfly_gather": None}
"""Functions of the library, and what each returns."""


def layout() -> list[int]:
    """Return of each structure its size and where each member begins, as abi.c does."""
    numbers = []
    for structure in STRUCTURES:
        numbers.append(ctypes.sizeof(structure))
        numbers += [getattr(structure, name).offset for name, *_ in structure._fields_]
    return numbers
