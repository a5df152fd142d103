"""Reads the progress output of dfget and its siblings: how far a download came, at what rate, and how long it says is left."""

import re
from typing import NamedTuple

from dfly_analysis.units import parse_size

SOURCE = "progress"  # in the column `source` of such records
_SAMPLE = re.compile(
    r"(?P<done>\d{1,15}(?:\.\d{1,9})?) ?(?P<unit>%|[KMGT]?i?B)(?: ?/ ?(?P<total>\d{1,15}(?:\.\d{1,9})? ?[KMGT]?i?B))? "
    r"?\((?P<rate>\d{1,15}(?:\.\d{1,9})? ?[KMGT]?i?B)/s, ?(?P<left>\d{1,9}(?:\.\d{1,9})?)(?P<time>s|m|h)"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class Sample(NamedTuple):
    """One state of a progress bar: share done, rate (bytes/s), time left (s)."""

    share: float
    rate_bps: int
    left_s: float


def read_sample(line: str) -> Sample | None:
    """Return the state that a line of progress output shows, None where it is another tool's."""
    match = _SAMPLE.search(line)
    if match is None or (match["unit"] != "%" and not match["total"]):
        return None
    done = float(match["done"])
    share = (
        done / 100
        if match["unit"] == "%"
        else parse_size(match["done"] + match["unit"]) / max(parse_size(match["total"]), 1)
    )
    return Sample(share, parse_size(match["rate"]), float(match["left"]) * _SECONDS[match["time"]])


def still_samples(samples: list[Sample]) -> int:
    """Return how many samples at the end show no progress: the same share, and no rate or as much time left as before."""
    n = 0
    for before, after in zip(reversed(samples[:-1]), reversed(samples[1:]), strict=True):
        if after.share != before.share or (after.rate_bps and after.left_s < before.left_s):
            break
        n += 1
    return n
