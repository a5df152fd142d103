"""Sample lines changed at random, for every target: `python -m tests.fuzz.mutations [MINUTES] [TARGET…]` tries new ones until the time is over."""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections.abc import Callable
from functools import cache

from tests.fuzz import seeds
from tests.fuzz.composed import TIMES, composed_log
from tests.fuzz.targets import TARGETS, run

_DIGIT_RUNS = "0123456789-:.TZ+ "
_MOST = 4
_LOGS, _COMPOSED = ("logs", "diagnosis"), 0.5
_SHOWN = 400


@cache
def samples(target: str) -> tuple[bytes, ...]:
    """Return what the fuzzing of a target begins with."""
    return tuple(seeds.begin_with(target))


@cache
def _tokens() -> tuple[bytes, ...]:
    return (*seeds.words(), *(one.encode() for one in TIMES))


def mutated(target: str, source: random.Random) -> bytes:
    """Return one sample of a target, or two joined, with a few changes; of logs often lines that are composed anew."""
    if target in _LOGS and source.random() < _COMPOSED:
        return composed_log(source)
    data = source.choice(samples(target))
    if source.random() < 0.25:
        data += source.choice(samples(target))
    for _ in range(source.randint(1, _MOST)):
        data = source.choice(_CHANGES)(data, source)
    return data


def _cut(data: bytes, source: random.Random) -> tuple[int, int]:
    first, second = sorted(source.randrange(len(data) + 1) for _ in range(2))
    return (first, second) if source.random() < 0.3 else (first, min(len(data), first + source.randint(1, 12)))


def _insert(data: bytes, source: random.Random) -> bytes:
    at = source.randrange(len(data) + 1)
    return data[:at] + source.choice(_tokens()) + data[at:]


def _drop(data: bytes, source: random.Random) -> bytes:
    first, second = _cut(data, source)
    return data[:first] + data[second:]


def _repeat(data: bytes, source: random.Random) -> bytes:
    first, second = _cut(data, source)
    return data[:second] + data[first:second] * source.choice([1, 1, 2, 30]) + data[second:]


def _replace(data: bytes, source: random.Random) -> bytes:
    first, second = _cut(data, source)
    return data[:first] + source.choice(_tokens()) + data[second:]


def _change_byte(data: bytes, source: random.Random) -> bytes:
    if not data:
        return data
    at = source.randrange(len(data))
    near = source.choice(
        [
            source.randrange(256),
            data[at] ^ 1 << source.randrange(8),
            ord(source.choice("0123456789aezT:=\"'\\{}[] \n\t")),
            0xE9,
        ]
    )
    return data[:at] + bytes([near]) + data[at + 1 :]


def _change_time(data: bytes, source: random.Random) -> bytes:
    """Replace what looks like a time."""
    starts = [
        at for at in range(len(data) - 10) if data[at : at + 4].isdigit() and data[at + 4 : at + 5] in (b"-", b"/")
    ]
    if not starts:
        return _insert(data, source)
    first = end = source.choice(starts)
    while end < len(data) and chr(data[end]) in _DIGIT_RUNS:
        end += 1
    return data[:first] + source.choice(TIMES).encode() + (b" " if data[end - 1 : end] == b" " else b"") + data[end:]


def _join(data: bytes, source: random.Random) -> bytes:
    lines = data.split(b"\n")
    source.shuffle(lines)
    return b"\n".join(lines)


_CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _insert,
    _drop,
    _repeat,
    _replace,
    _change_byte,
    _change_byte,
    _change_time,
    _join,
)


def main() -> int:
    """Try mutations of each target in turn until the time is over; print what breaks."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    targets = sys.argv[2:] or sorted(TARGETS)
    begun, number, found = time.monotonic(), 0, 0
    first = int(begun * 1000)
    while time.monotonic() - begun < 60 * minutes:
        target, seed = targets[number % len(targets)], first + number
        data = mutated(target, random.Random(seed))
        number += 1
        try:
            run(target, data)
        except Exception:  # noqa: BLE001 - whatever it is, it is a finding
            found += 1
            print(f"{target} {seed} {data[:_SHOWN]!r}\n{traceback.format_exc(limit=-3)}", flush=True)
    print(f"{number} inputs, {found} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
