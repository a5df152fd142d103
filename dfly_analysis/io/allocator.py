"""How the process holds its memory while files are read."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Names of the settings for ``mallopt`` of the GNU C library, from its malloc.h."""
_LARGEST_HELD_BYTES = 32 << 20
_HELD_BYTES = 1 << 30


def keep_pages() -> None:
    """Keep for the next block the memory that a block of a log gave back.

    A log is read in thousands of blocks, each with arrays of megabytes. Given back to the system and asked for anew, their
    pages have to be emptied each time, which is a fifth of the work. For programs, not for a library: it holds for all
    of the process. Does nothing where the C library is another.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_ARENA_MAX, 1)  # what one thread gave back serves the others too; set before there are any
    import pyarrow as pa

    if mallopt(_MMAP_THRESHOLD, _LARGEST_HELD_BYTES) and mallopt(_TRIM_THRESHOLD, _HELD_BYTES):
        pa.set_memory_pool(pa.system_memory_pool())


def give_back() -> None:
    """Give memory that is held for nothing back to the system, as far as the libraries can.

    After a large log was read, or pieces were rebuilt from it, that is as much as what is kept. It takes milliseconds.
    """
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
