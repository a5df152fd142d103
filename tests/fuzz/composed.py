"""Lines composed of parts that are each valid or nearly so: times, levels, spans, sources, messages, fields and their values."""

from __future__ import annotations

import json
import random
from functools import cache

from dfly_analysis.catalog.log_events import load_events

TIMES = (
    "2025-03-04 05:06:07.123+08", "2025-03-04 05:06:07.123 +0800 CST", "2025-03-04T05:06:07Z", "2262-04-11T23:47:16.854775807Z",
    "2262-04-11T23:47:16.854775808Z", "2300-01-01T00:00:00Z", "9999-12-31 23:59:59.999", "0000-00-00T00:00:00Z", "0001-01-01T00:00:00Z",
    "1677-09-21T00:12:43.145224192Z", "1969-12-31T23:59:59.999999999Z", "2025-02-30T10:00:00Z", "2025-13-01T00:00:00Z", "2025-11-02 01:30:00.000",
    "2025-03-09 02:30:00.000", "2025-10-26T02:30:00", "2025-06-30T23:59:60Z", "2025-01-01T24:00:00Z", "2025-01-01T10:00:00+99:99",
    "2025-01-01T10:00:00-23:59", "2025-01-01T10:00:00.1234567890123Z", "1746000000", "1746000000.123", "1746000000123", "1746000000123456789",
    "1e18", "-1", "NaN", "", "null", "02/Nov/2025:10:00:00 +0000", "2025/11/02 - 10:00:00", "+12025-01-01T00:00:00Z", "２０２５-01-01T00:00:00Z",
)  # fmt: skip
"""Ends of what nanoseconds hold, hours that a clock shows twice or never, dates and zones that do not exist, other notations."""
_COMMON_TIMES = (
    "2026-05-02T10:00:00.000001Z",
    "2026-05-02T10:00:00.1+08:00",
    "2026-05-02 10:00:00.123",
    "2026-05-02t10:00:00z",
)
_LEVELS = (" INFO", " WARN", "ERROR", " INFO", "ERROR", "DEBUG", "TRACE", "INFO", " ERROR", "FATAL")
_SPANS = (
    "",
    "download_task: ",
    "download_task:download: ",
    "a::b: ",
    "A b: ",
    "1a: ",
    'a{x="1"}: ',
    "a{: ",
    "é: ",
    "a:: ",
    ": ",
)
_SOURCES = (
    "a/b.rs:12: ",
    "a/b.rs:12: ",
    "a/b.rs: ",
    "b.go:1: ",
    "a b.rs:1: ",
    "src/é.rs:1: ",
    "x.rs:1:2: ",
    f"x.rs:{'9' * 20}: ",
    "",
)
_FIELDS = (
    "host_id", "task_id", "peer_id", "piece_id", "url", "content_length", "remote_host_id", "piece_number", "piece_length", "uri", "method",
    "id", "num", "lid", "x", "hostID", "taskID", "peerID", "error", "level", "msg", "token",
)  # fmt: skip
_SIGNS = ("=", "=", "=", "=", ": ", " = ", "")
_VALUES = (
    "2e" + "6a" * 31, "2e5", "2e-1", "1", "007", "1.5", "-3", "0x1f", "1e999", "9" * 25, '""', '"a b"', r'"a\"b"', '"unterminated', r'"\\"', "\\", '"x"y',
    "a=b", "é", "\u2028", "\x85", "\xa0", "\u3000", "a,b", "\0x", "Some(3)", "true", "null", "{}", "[1]", "t-5", '"t-5"', '"t-"', "-", "\t", "",
    "http://u:p@h/x?y=1", '"http://h/x?token=abcdefgh"',
)  # fmt: skip
_ODD = (1, 1.5, None, True, [], {}, "\ud800", 10**30)


@cache
def _messages() -> tuple[str, ...]:
    return (*(text for kind in load_events() for text, _ in kind.samples), "boom", "", "failed: x", "  y")


def composed_log(source: random.Random) -> bytes:
    """Return a few lines, some as tracing writes them, some as zap does."""
    lines = [_zap(source) if source.random() < 0.3 else _tracing(source) for _ in range(source.randint(1, 6))]
    return "\n".join([*lines, ""]).encode("utf-8", "replace")


def _tracing(source: random.Random) -> str:
    pick = source.choice
    time = pick(_COMMON_TIMES) if source.random() < 0.6 else pick(TIMES)
    fields = "".join(
        pick((" ", " ", "  ", "\t", "")) + pick(_FIELDS) + pick(_SIGNS) + pick(_VALUES)
        for _ in range(source.randint(0, 5))
    )
    message = _broken(pick(_messages()), source)
    blank, end = pick((" ", " ", "  ", "\t")), pick(("", "", "", " ", "\r", "  x"))
    return f"{time}{blank}{pick(_LEVELS)} {pick(_SPANS)}{pick(_SOURCES)}{message}{fields}{end}"


def _broken(message: str, source: random.Random) -> str:
    at = source.randrange(len(message) + 1)
    return message[:at] + source.choice(_VALUES) + message[at:] if source.random() < 0.2 else message


def _zap(source: random.Random) -> str:
    pick = source.choice
    record = {"level": pick(("info", "error", "warn", "INFO", "x", 3)), "ts": pick((*TIMES, *_COMMON_TIMES * 4)), "caller": pick(("a/b.go:1", "", "é", 5)), "msg": pick(_messages())}  # fmt: skip
    record |= {pick(_FIELDS): pick((*_VALUES, *_ODD)) for _ in range(source.randint(0, 4))}
    text = json.dumps(record, ensure_ascii=source.random() < 0.5, separators=pick(((",", ":"), (", ", ": "))))
    if source.random() < 0.2:
        text = text.replace('"', pick(('\\"', "'")), 1)
    return text + pick(("", "", "", " ", "}", "x", "\r"))
