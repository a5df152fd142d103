"""The compiled reader of compact and zap JSON lines, where the package was built with one."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.catalog.log_events import EventKind, starts_in_order
from dfly_analysis.catalog.regex_compiler import TEXT_FIELDS, steps_of_events
from dfly_analysis.logs.arrow import Coded, no_strings

GRAMMARS = {"compact": 0, "json": 1}
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
TEXTS = ("span", "source", "host_id", "peer_id", "job_id", *TEXT_FIELDS)
UNIQUE_TEXTS = frozenset({"cost", "pieces", "error", "detail"})
"""Texts that rarely repeat: `arrow_schema` has them as they are."""
_ARRAYS = (
    ("line", np.int32), ("time_ns", np.int64), ("level", np.int8), ("raw_start", np.int64), ("raw_length", np.int32),
    ("message_offset", np.int32), ("message_data", np.uint8), ("piece_number", np.int64), ("size_bytes", np.int64),
    ("piece_bytes", np.int64), ("start", np.int16), ("event", np.int8),
)  # fmt: skip
TIMELESS = -(2**63)
_FEW_BYTES = 4096
_OF_THREAD = threading.local()
_RESTS = (("rest_start", np.int64), ("rest_end", np.int64), ("rest_line", np.int32), ("rest_time_ns", np.int64))


class _Texts(ctypes.Structure):
    _fields_ = (
        ("codes", ctypes.c_void_p),
        ("start", ctypes.c_void_p),
        ("length", ctypes.c_void_p),
        ("count", ctypes.c_int64),
    )


class _Block(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("start_count", ctypes.c_int64),
        ("start_data", ctypes.c_void_p),
        ("start_offset", ctypes.c_void_p),
        ("start_index", ctypes.c_void_p),
        ("pattern", ctypes.c_void_p),
        ("steps", ctypes.c_void_p),
        ("sets", ctypes.c_void_p),
        ("literals", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name, _ in _ARRAYS),
        ("texts", _Texts * len(TEXTS)),
        *((name, ctypes.c_void_p) for name, _ in _RESTS),
        *(
            (name, ctypes.c_int64)
            for name in ("telling", "records", "rests", "lines", "passed_over", "earliest_ns", "latest_ns")
        ),
    )


class Columns(NamedTuple):
    """What the compiled reader took out of a block; its arrays hold until the same thread reads another one.

    Attributes
    ----------
    line : array of int32
        Line of each record in the block, from 0.
    time_ns : array of int64
        Nanoseconds since 1970, in the zone the text is written in.
    level : array of int8
        Place in `LEVELS`.
    raw_start, raw_length : arrays
        Where in the block the record's line stands.
    message : pyarrow.StringArray
    piece_number, size_bytes, piece_bytes : arrays of int64
        -1 where there is none.
    start : array of int16
        Place in `kind_of_start()` of how the message begins, -1 for none.
    event : array of int8
        1 where the record is that event and its fields are taken, 0 where it is none, -1 where Python must look.
    texts : dict of str to Coded
        Columns of `TEXTS` that repeat.
    unique : dict of str to pyarrow.StringArray
        Those of `UNIQUE_TEXTS`.
    rests : list of (int, int, int, int)
        Start, end and first line of what the careful reader must read, and the time of the record before, `TIMELESS` where there
        is none.
    lines, passed_over : int
        Lines of the block, and those that were asked to be only counted.
    span_ns : tuple of (int, int) or None
        Earliest and latest time of the lines passed over, in the zone the text is written in.
    """

    line: npt.NDArray[np.int32]
    time_ns: npt.NDArray[np.int64]
    level: npt.NDArray[np.int8]
    raw_start: npt.NDArray[np.int64]
    raw_length: npt.NDArray[np.int32]
    message: pa.StringArray
    piece_number: npt.NDArray[np.int64]
    size_bytes: npt.NDArray[np.int64]
    piece_bytes: npt.NDArray[np.int64]
    start: npt.NDArray[np.int16]
    event: npt.NDArray[np.int8]
    texts: dict[str, Coded]
    unique: dict[str, pa.StringArray]
    rests: list[tuple[int, int, int, int]]
    lines: int
    passed_over: int
    span_ns: tuple[int, int] | None


@cache
def _path() -> str | None:
    """Return where the compiled reader is; None where the package has none or ``DFLY_ANALYSIS_ENGINE=python`` says so."""
    if os.environ.get("DFLY_ANALYSIS_ENGINE") == "python":
        return None
    for path, built in _built("_core.*"):
        built.dfly_has_newer.restype = ctypes.c_int64
        newer = _built("_core_newer.*") if built.dfly_has_newer() else iter(())
        return next((path for path, _ in newer), path)  # the same for newer processors
    return None


def _built(pattern: str) -> Iterator[tuple[str, ctypes.CDLL]]:
    for path in sorted(Path(__file__).parent.glob(pattern)):
        try:
            yield str(path), ctypes.CDLL(str(path))
        except OSError:  # built for another machine
            continue


@cache
def library() -> ctypes.CDLL:
    """Return the compiled reader; only to be called where there is one.

    Raises
    ------
    RuntimeError
    """
    path = _path()
    if path is None:
        raise RuntimeError("this package was built without its compiled reader")
    found = ctypes.CDLL(path)
    found.dfly_read_block.restype = found.dfly_count_lines.restype = ctypes.c_int64
    return found


@cache
def small_calls() -> ctypes.PyDLL:
    """Return the same for calls of microseconds: between two of them no other thread takes Python's lock away."""
    found = ctypes.PyDLL(_path())
    found.dfly_spread_codes.restype = found.dfly_spread_numbers.restype = ctypes.c_int64
    found.dfly_gather.restype = found.dfly_spread_texts.restype = None
    return found


def is_available() -> bool:
    """Return whether there is a compiled reader; without one everything is read by the careful reader, more slowly."""
    return _path() is not None


class _Knowledge(NamedTuple):
    """What the compiled reader knows of events: how they begin, and the steps of their patterns."""

    start_data: npt.NDArray[np.uint8]
    start_offset: npt.NDArray[np.int32]
    start_index: npt.NDArray[np.int32]
    pattern: npt.NDArray[np.int32]
    steps: npt.NDArray[np.int32]
    sets: npt.NDArray[np.uint8]
    literals: npt.NDArray[np.uint8]


@cache
def _knowledge() -> _Knowledge:
    texts = [start.encode() for start, _ in starts_in_order()]
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int32)
    first = np.array([text[0] for text in texts])
    made = steps_of_events()
    sets = np.zeros((len(made["sets"]), 256), np.uint8)
    for number, members in enumerate(made["sets"]):
        sets[number, members] = 1
    return _Knowledge(
        np.frombuffer(b"".join(texts), np.uint8), offsets, np.searchsorted(first, np.arange(257)).astype(np.int32),
        np.array([made["places"][kind.id] for kind in kind_of_start()], np.int32), np.array(made["steps"], np.int32), sets,
        np.frombuffer(made["literals"].encode() or b"\0", np.uint8),
    )  # fmt: skip


def kind_of_start() -> tuple[EventKind, ...]:
    """Return the kind of event of each start, in the order in which the reader numbers them."""
    return tuple(kind for _, kind in starts_in_order())


def _scratch(name: str, size: int, kind: type[np.generic]) -> npt.NDArray[Any]:
    """Return an array for the compiled reader to fill, the same one in each block: fresh pages cost more than the filling."""
    held: dict[str, npt.NDArray[Any]] = _OF_THREAD.__dict__
    array = held.get(name)
    if array is None or len(array) < size:
        array = held[name] = np.empty(size + size // 4, kind)
    return array


def read_columns(data: bytes, grammar: str, *, telling: bool = False, lines: int | None = None) -> Columns:
    """Read a block of whole lines.

    Parameters
    ----------
    data : bytes
    grammar : {"compact", "json"}
    telling : bool
        Whether records below WARN that are no known event are only counted.
    lines : int, optional
        How many lines there are, where that is known.

    Returns
    -------
    Columns
        Of the lines that are plain records; the others are in `Columns.rests`.

    Raises
    ------
    MemoryError
    """
    most = (count_lines(data) if lines is None else lines) + 1
    sizes = {"message_offset": most + 1, "message_data": len(data) + 8}
    arrays = {name: _scratch(name, sizes.get(name, most), kind) for name, kind in (*_ARRAYS, *_RESTS)}
    texts = [
        (
            _scratch(f"{name} codes", most, np.int32),
            _scratch(f"{name} start", most, np.int64),
            _scratch(f"{name} length", most, np.int32),
        )
        for name in TEXTS
    ]
    source = np.frombuffer(data, np.uint8)
    known = _knowledge()
    block = _Block(
        data=source.ctypes.data, size=len(data), start_count=len(known.pattern), telling=telling,
        **{name: array.ctypes.data for name, array in (*known._asdict().items(), *arrays.items())},
    )  # fmt: skip
    for place, (codes, start, length) in enumerate(texts):
        block.texts[place] = _Texts(codes.ctypes.data, start.ctypes.data, length.ctypes.data, 0)
    if not library().dfly_read_block(ctypes.byref(block), ctypes.c_int64(GRAMMARS[grammar])):
        raise MemoryError
    return _columns(data, block, arrays, texts)


def count_lines(data: bytes) -> int:
    """Return the number of line ends."""
    if not is_available() or len(data) < _FEW_BYTES:
        return data.count(b"\n")
    return int(library().dfly_count_lines(data, ctypes.c_int64(len(data))))


def _columns(data: bytes, block: _Block, arrays: dict[str, npt.NDArray[Any]], texts: list[Any]) -> Columns:
    n = block.records
    used = {name: arrays[name][:n] for name, _ in _ARRAYS if not name.startswith("message")}
    offsets, text = arrays["message_offset"][: n + 1], arrays["message_data"][: arrays["message_offset"][n]]
    message = pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(text))
    rests = zip(*(arrays[name][: block.rests].tolist() for name, _ in _RESTS), strict=True)
    told = {name: (texts[place], block.texts[place].count) for place, name in enumerate(TEXTS)}
    return Columns(
        message=message, rests=list(rests), lines=block.lines, passed_over=block.passed_over,
        span_ns=(block.earliest_ns, block.latest_ns) if block.passed_over else None,
        texts={name: _coded(data, *own, n) for name, own in told.items() if name not in UNIQUE_TEXTS},
        unique={name: _unique(data, *told[name], n) for name in UNIQUE_TEXTS}, **used,
    )  # fmt: skip


def _coded(data: bytes, arrays: Any, count: int, n: int) -> Coded:
    codes, start, length = arrays
    return Coded(codes[:n], gather(data, start[:count], length[:count]) if count else no_strings())


def _unique(data: bytes, arrays: Any, count: int, n: int) -> pa.StringArray:
    if not count:
        return pa.nulls(n, pa.string())
    rows, start, length = (array[:count] for array in arrays)
    lengths, is_there = np.zeros(n + 1, np.int32), np.zeros(n, np.bool_)
    lengths[rows + 1], is_there[rows] = length, True
    valid = pa.py_buffer(np.packbits(is_there, bitorder="little"))
    offsets = pa.py_buffer(np.cumsum(lengths, dtype=np.int32))
    return pa.StringArray.from_buffers(n, offsets, gather(data, start, length).buffers()[2], valid)


def address_of(array: npt.NDArray[np.generic]) -> ctypes.c_void_p:
    """Return where an array begins, to hand it to the library: several times as fast as numpy's own ``ctypes``."""
    return ctypes.c_void_p(array.__array_interface__["data"][0])


def gather(data: bytes, start: npt.NDArray[np.int64], length: npt.NDArray[np.int32]) -> pa.StringArray:
    """Return the texts that begin at those places of the data and are so long; they must be UTF-8."""
    offset = np.empty(len(start) + 1, np.int32)
    out = np.empty(int(length.sum(dtype=np.int64)), np.uint8)
    small_calls().dfly_gather(
        data, address_of(start), address_of(length), ctypes.c_int64(len(start)),
        address_of(offset), address_of(out),
    )  # fmt: skip
    return pa.StringArray.from_buffers(len(start), pa.py_buffer(offset), pa.py_buffer(out))
