"""What the native reader points to lives as long as its call."""

import ctypes
import weakref
from types import SimpleNamespace

import pytest

from dfly_analysis.readers.logs import native_parser


def test_patterns_live_until_the_call_ends(monkeypatch):
    """Another thread may replace the cached patterns while the reader is at work."""
    alive = []
    native_parser._patterns.cache_clear()
    arrays = [weakref.ref(array) for array in native_parser._patterns()[1]]

    def read_block(_block: object, _grammar: ctypes.c_int64) -> int:
        native_parser._patterns.cache_clear()
        alive.extend(array() is not None for array in arrays)
        return 0

    calls = SimpleNamespace(dfly_read_block=read_block)
    monkeypatch.setattr(native_parser, "library", lambda: SimpleNamespace(calls=calls))
    with pytest.raises(MemoryError):
        native_parser.read_columns(b"a line\n", "compact", lines=1)
    assert alive == [True] * len(arrays)
