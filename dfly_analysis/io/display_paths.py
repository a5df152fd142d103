"""Addresses as they are shown and stored: whatever a file is called, its address is printable UTF-8."""

from __future__ import annotations

import re

NAME_CAP = 1024
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")
_REPLACEMENT = "\ufffd"


def clean(name: str) -> str:
    """Return a name without control characters, marks that turn writing round, and bytes that are no text.

    Parameters
    ----------
    name : str
        As the file system, the archive or the store has it.

    Returns
    -------
    str
        At most `NAME_CAP` characters.
    """
    name = _UNPRINTABLE.sub(_REPLACEMENT, name)
    half = NAME_CAP // 2
    return name if len(name) <= NAME_CAP else f"{name[: half - 1]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"
