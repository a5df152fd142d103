"""Points in time as benchmark tools write them."""

from __future__ import annotations

from datetime import UTC, datetime

_YEARS = range(1970, 2201)  # what a table's nanoseconds hold, and nothing measured is outside it


def parse_timestamp(text: object) -> datetime | None:
    """Read an ISO time; without a zone it is UTC.

    Parameters
    ----------
    text : object
        A text; anything else, and Go's zero time, is None.

    Returns
    -------
    datetime.datetime or None

    Raises
    ------
    ValueError
        Where a text is no time.
    """
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as problem:
        raise ValueError(f"{text!r} is not a time") from problem
    return (time if time.tzinfo else time.replace(tzinfo=UTC)) if time.year in _YEARS else None
