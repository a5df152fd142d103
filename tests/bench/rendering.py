"""Renders many log lines at once: formats filled column by column, put in the order of time, a few of them broken."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np

PIECE, SIZE, COST, STAMP = "\x7fp", "\x7fs", "\x7fc", "\x7ft"
"""Stand in a text for what differs from line to line: piece number, piece length, cost, time."""

SECOND_NS = 1_000_000_000
NUMBERS = [b"%d" % number for number in range(5001)]
_PANIC = (
    b"thread 'tokio-runtime-worker' panicked at dragonfly-client/src/resource/piece.rs:512:26:\n"
    b"called `Option::unwrap()` on a `None` value\n"
    b"note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n"
)
_CONTINUATIONS = (
    b"    caused by: upstream closed the stream before the response was complete\n",
    b"<html><head><title>502 Bad Gateway</title></head>\n<body>nginx</body></html>\n",
    b"\n",
)
_STAMPS = {"nanoseconds": (b"T", 9, b"+00:00"), "microseconds": (b"T", 6, b"Z"), "zap": (b" ", 3, b"")}


@dataclass(frozen=True)
class Line:
    """A line's format with `%b` for each of its slots, in their order."""

    template: bytes
    slots: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Line:
        """Make the format of a text that holds marks."""
        pieces = re.split("(\x7f.)", text)
        template = "%b".join(piece.replace("%", "%%") for piece in pieces[::2]) + "\n"
        return cls(template.encode(), tuple(pieces[1::2]))


@dataclass
class Wave:
    """Lines of some tasks that run side by side, in any order until they are rendered."""

    style: str
    times: list[np.ndarray] = field(default_factory=list)
    groups: list[tuple[Line, dict[str, Sequence[bytes]]]] = field(default_factory=list)

    def add(self, line: Line, times_ns: np.ndarray, columns: dict[str, Sequence[bytes]]) -> None:
        """Add a line for each time; `columns` fill its slots but the time."""
        self.times.append(times_ns)
        self.groups.append((line, columns))

    def add_one(self, line: Line, time_ns: int) -> None:
        """Add a line whose only slot is its time."""
        self.add(line, np.array([time_ns]), {})

    def render(self, rng: np.random.Generator, broken_share: float) -> list[bytes]:
        """Return the lines, earliest first."""
        times = np.concatenate(self.times)
        texts = stamps(times, self.style)
        lines: list[bytes] = []
        at = 0
        for (line, columns), group in zip(self.groups, self.times, strict=True):
            filled = {**columns, STAMP: texts[at : at + len(group)]}
            lines += map(line.template.__mod__, zip(*(filled[slot] for slot in line.slots), strict=True))
            at += len(group)
        ordered = list(itemgetter(*np.argsort(times, kind="stable").tolist(), 0)(lines))[:-1]
        _break(ordered, rng, broken_share)
        return ordered


def stamps(times_ns: np.ndarray, style: str) -> list[bytes]:
    """Write times as a program does: `nanoseconds` and `microseconds` as the client, `zap` as the scheduler."""
    between, digits, suffix = _STAMPS[style]
    seconds, fraction = np.divmod(times_ns, SECOND_NS)
    fraction //= 10 ** (9 - digits)
    unique, place = np.unique(seconds, return_inverse=True)
    texts = np.datetime_as_string(unique.astype("datetime64[s]")).astype("S19")
    width = 20 + digits + len(suffix)
    matrix = np.empty((len(times_ns), width), np.uint8)
    matrix[:, :19] = texts[place].view(np.uint8).reshape(-1, 19)
    matrix[:, 10] = between[0]
    matrix[:, 19] = ord(".")
    for column in range(19 + digits, 19, -1):
        matrix[:, column] = fraction % 10 + ord("0")
        fraction //= 10
    matrix[:, 20 + digits :] = np.frombuffer(suffix, np.uint8)
    return matrix.view(f"S{width}").ravel().tolist()


def costs(durations_ns: np.ndarray) -> list[bytes]:
    """Write durations as Go does: `17.5ms`, `2.25s`, trailing zeros left out."""
    texts = []
    for nanoseconds in durations_ns.tolist():
        value, unit = (nanoseconds / 1e9, b"s") if nanoseconds >= SECOND_NS else (nanoseconds / 1e6, b"ms")
        texts.append((b"%.6f" % value).rstrip(b"0").rstrip(b".") + unit)
    return texts


def _break(lines: list[bytes], rng: np.random.Generator, share: float) -> None:
    for at in rng.integers(len(lines), size=rng.binomial(len(lines), share)).tolist():
        kind = rng.random()
        whole = lines[at]
        if kind < 0.35:  # what a full disk or a killed process leaves behind, the next line on a line of its own
            lines[at] = whole[: int(rng.integers(1, len(whole)))] + b"\n"
        elif kind < 0.5:  # or glued to it
            lines[at] = whole[: int(rng.integers(1, len(whole)))]
        elif kind < 0.7:
            lines[at] = whole + rng.bytes(int(rng.integers(8, 200))).replace(b"\n", b"\0") + b"\n"
        elif kind < 0.98:
            lines[at] = whole + _CONTINUATIONS[int(rng.integers(len(_CONTINUATIONS)))]
        else:
            lines[at] = whole + _PANIC
