"""Fuzzes one entry point with atheris: `python -m tests.fuzz.fuzz_reading TARGET [libFuzzer's options] [CORPUS…]`."""

from __future__ import annotations

import gzip
import importlib
import pkgutil
import random
import sys
import zlib

import atheris

_INSTRUMENTED = (
    "dfly_analysis.readers.logs",
    "dfly_analysis.io",
    "dfly_analysis.readers.jobs",
    "dfly_analysis.readers.benchmarks",
    "dfly_analysis.readers.prometheus",
    "dfly_analysis.config",
    "dfly_analysis.dataset",
)
_ALONE = (
    "dfly_analysis.redaction",
    "dfly_analysis.units",
    "dfly_analysis.catalog.envelopes",
    "dfly_analysis.catalog.log_events",
    "dfly_analysis.catalog.error_signatures",
)


def _instrumented() -> None:
    """Import with coverage what the entry points run, also what they import only when it is needed."""
    with atheris.instrument_imports(include=["dfly_analysis"]):
        for name in (*_ALONE, *_INSTRUMENTED):
            module = importlib.import_module(name)
            for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
                if "._core" not in found.name:  # the compiled reader is no module of Python's
                    importlib.import_module(found.name)


_instrumented()

from tests.fuzz import seeds, targets  # noqa: E402 - what is imported first decides what is instrumented

_LINES: list[bytes] = []


def mutate_lines(data: bytes, most: int, seed: int) -> bytes:
    """Change lines as a whole: repeat, drop, swap, cut, glue, put a known line or word in; else as libFuzzer does."""
    draw = random.Random(seed)
    lines = data.split(b"\n")
    for _ in range(draw.choice((1, 1, 2, 4))):
        place, line = draw.randrange(len(lines)), draw.choice(_LINES)
        way = draw.randrange(12)
        if way < 3:
            lines.insert(place, line)
        elif way == 3 and len(lines) > 1:
            del lines[place]
        elif way == 4:
            lines[place] = lines[place][: draw.randrange(len(lines[place]) + 1)] + line[draw.randrange(len(line) + 1) :]
        elif way == 5:
            lines[place] *= draw.choice((2, 3))
        elif way == 6:
            lines.insert(place, lines[draw.randrange(len(lines))])
        elif way == 7:
            at = draw.randrange(len(lines[place]) + 1)
            lines[place] = lines[place][:at] + draw.choice(seeds.words()) + lines[place][at:]
        elif way == 8:
            lines[place] = lines[place][: draw.randrange(len(lines[place]) + 1)]
        elif way == 9:
            at = draw.randrange(len(lines[place]) + 1)
            lines[place] += lines[place][at : at + 20] * draw.choice((1, 10, 500))
        else:
            lines[place] = atheris.Mutate(lines[place] or b"x", max(len(lines[place]) + 30, 40))
    return b"\n".join(lines)[:most]


def _unpacked(data: bytes) -> bytes | None:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None


def mutate_packed(data: bytes, most: int, seed: int) -> bytes:
    """Pack anew, unpack and change what is inside, or change bytes anywhere."""
    draw = random.Random(seed)
    way = draw.randrange(8)
    if way == 0 and len(data) < most // 2:
        return draw.choice(list(seeds.PACKERS.values()))(data)[:most]
    if way == 1 and (inner := _unpacked(data)) is not None:
        return gzip.compress(atheris.Mutate(inner or b"x", max(2 * len(inner), 64)))[:most]
    if way == 2:
        return seeds.zipped(data[: most // 2], draw.choice(("../x", "/x", "a/" * 40, "x.gz", "a\\..\\b", "é", "a\n")))[
            :most
        ]
    if way == 3:
        return seeds.tarred(data[: most // 2], draw.choice(("../x", "/x", "a/" * 40, "x.zst", "é", "a\n")))[:most]
    if way == 4:
        return (data + data)[:most]
    return atheris.Mutate(data, most)


def main() -> None:
    """Fuzz until libFuzzer's options say that it is enough, or something broke."""
    target = sys.argv.pop(1)
    _LINES.extend(line.encode() for line in seeds.lines())
    mutators = {"sources": mutate_packed, "logs": mutate_lines, "sniffing": mutate_lines, "folder": mutate_lines}
    kwargs = {"custom_mutator": mutators[target]} if target in mutators else {}
    atheris.Setup(sys.argv, lambda data: targets.run(target, data), **kwargs)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
