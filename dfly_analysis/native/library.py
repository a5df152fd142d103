"""Loads the native library, where there is one and it is the one this package was written for."""

import ctypes
import os
import warnings
from functools import cache
from typing import NamedTuple

from dfly_analysis.native import build
from dfly_analysis.native.interface import ABI_VERSION, FUNCTIONS, layout


class Library(NamedTuple):
    """The library in two forms."""

    calls: ctypes.CDLL  # other threads run meanwhile
    short_calls: ctypes.PyDLL  # for calls of microseconds: between two of them no other thread takes Python's lock away


@cache
def load_library() -> Library | None:
    """Return the library, built again where its sources have changed; None where ``DFLY_ANALYSIS_ENGINE=python`` says so, and, with one `RuntimeWarning`, where there is none or it does not fit."""
    if os.environ.get("DFLY_ANALYSIS_ENGINE") == "python":
        return None
    problem = _build_if_stale()
    if problem is None and build.LIBRARY.exists():
        try:
            return _checked()
        except (OSError, ValueError) as reason:
            problem = str(reason)
    if problem:
        text = f"the native reader is not used, logs are read more slowly: {problem} (install the package again)"
        warnings.warn(text, RuntimeWarning, stacklevel=2)
    return None


def _build_if_stale() -> str | None:
    """Build what is missing or stale from the sources beside it; return why that failed, None also where nothing can be built."""
    if build.is_current(build.LIBRARY):
        return None
    can_build = os.environ.get("DFLY_ANALYSIS_COMPILE") != "no" and bool(build.compiler())
    if not can_build:
        return f"{build.LIBRARY} is older than its sources" if build.LIBRARY.exists() else None
    failure = build.compile_library(build.LIBRARY)
    return failure and f"{build.LIBRARY} cannot be built: {failure}"


def _checked() -> Library:
    """Load the library."""
    loaded = Library(ctypes.CDLL(str(build.LIBRARY)), ctypes.PyDLL(str(build.LIBRARY)))
    own = layout()
    try:
        version = ctypes.c_int64.in_dll(loaded.calls, "dfly_abi_version").value
        found = list((ctypes.c_int64 * len(own)).in_dll(loaded.calls, "dfly_layout"))
        for name, result in FUNCTIONS.items():
            for form in loaded:
                getattr(form, name).restype = result
    except (AttributeError, ValueError) as missing:
        raise ValueError(f"{build.LIBRARY} lacks a symbol: {missing}") from missing
    if version != ABI_VERSION:
        raise ValueError(f"{build.LIBRARY} has version {version} of the interface, not {ABI_VERSION}")
    if found != own:
        raise ValueError(f"{build.LIBRARY} has structures of another layout")
    return loaded
