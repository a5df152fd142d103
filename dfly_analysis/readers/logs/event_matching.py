"""Names what a message is: a known event with its fields, and the cause that a warning's or an error's words show."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from dfly_analysis.catalog.error_signatures import cause_of, is_benign
from dfly_analysis.catalog.log_events import name_event
from dfly_analysis.catalog.regex_compiler import FIELDS
from dfly_analysis.readers.logs.arrow_utils import Coded, distinct, strings

_TASK = re.compile(r"\b[0-9a-f]{64}\b(-\d+)?")
_DAEMON_FOLDERS = ("dfdaemon", "daemon", "dfdaemon.log")


def take_event(message: str) -> dict[str, str]:
    """Return ``event_id`` and fields of one message.

    Parameters
    ----------
    message : str

    Returns
    -------
    dict of str to str
        Fields by the names of `dfly_analysis.catalog.regex_compiler.FIELDS`; empty for a message that is no known event.
    """
    named = name_event(message)
    if named is None:
        return {}
    event_id, fields = named
    taken = {"event_id": event_id}
    for name, value in fields.items():
        taken[name if name in FIELDS else "detail"] = value
    if event_id == "process_started":
        folder = taken["detail"].rstrip("/").rsplit("/", 1)[-1]
        taken["event_id"] = event_id if folder in _DAEMON_FOLDERS else "tool_started"
    return taken


def match_causes(messages: Sequence[str]) -> Coded:
    """Return for each message of a warning or error the cause signature it shows, or none."""
    texts, codes = distinct(messages)
    found = [cause_in(text) for text in texts]
    causes = list(dict.fromkeys(cause for cause in found if cause is not None))
    of_text = np.array([-1 if cause is None else causes.index(cause) for cause in found], np.int32)
    return Coded(of_text[codes], strings(causes))


def cause_in(message: str) -> str | None:
    """Return the id of the cause that a warning's or error's message shows, None also where it is benign.

    Ids of tasks and numbers of pieces do not matter to any signature: messages that differ in them alone are one.
    """
    text = _TASK.sub(lambda match: "0" * 64 + ("-0" if match[1] else ""), message)
    if is_benign(text):
        return None
    cause = cause_of(text)
    return cause.id if cause else None
