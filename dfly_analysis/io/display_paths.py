"""Printable addresses of files, whatever their names are."""

from __future__ import annotations

import re

NAME_CAP = 1024
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")
_REPLACEMENT = "\ufffd"


def clean(name: str) -> str:
    """Return a name without control characters, bidirectional marks and undecodable bytes.

    Parameters
    ----------
    name : str
        From a file system, an archive or an object store.

    Returns
    -------
    str
        At most `NAME_CAP` characters.
    """
    name = _UNPRINTABLE.sub(_REPLACEMENT, name)
    half = NAME_CAP // 2
    return name if len(name) <= NAME_CAP else f"{name[: half - 1]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"
