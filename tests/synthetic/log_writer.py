"""The lines a run has written so far, each with its moment, host and file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.synthetic.versions import ClientEra, SchedulerEra, ZapLine

BEGIN = datetime(2026, 5, 12, 6, 0, 0, tzinfo=UTC)
_BETWEEN_LINES_NS = 21_000  # lines of one step follow one another, as in real logs
CORE, JOB = "scheduler-0/scheduler/core.log", "scheduler-0/scheduler/job.log"


class Journal:
    """Collects lines; the order within a file is by time, then by arrival.

    Parameters
    ----------
    client, scheduler : ClientEra, SchedulerEra
        Versions that write.
    """

    def __init__(self, client: ClientEra, scheduler: SchedulerEra) -> None:
        self.client = client
        self.scheduler = scheduler
        self._lines: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        self._arrived = 0

    def client_says(self, moment_s: float, host: str, step: str, values: Mapping[str, Any]) -> None:
        """Write the lines of one step of a dfdaemon."""
        for text in self.client.say(step, values):
            self.raw_client(moment_s, host, text)
            moment_s += _BETWEEN_LINES_NS / 1e9

    def raw_client(self, moment_s: float, host: str, text: str) -> None:
        """Write one finished line of a dfdaemon."""
        moment_ns = round(moment_s * 1e9)
        self._put(f"{host}/dfdaemon/dfdaemon.log", moment_ns, f"{_rust_stamp(moment_ns, self.client.stamp)} {text}")

    def scheduler_says(self, moment_s: float, step: str, values: Mapping[str, Any]) -> None:
        """Write the lines of one step of the scheduler into ``core.log``."""
        for line in self.scheduler.say(step):
            self.zap(moment_s, CORE, line, values)

    def zap(self, moment_s: float, path: str, line: ZapLine, values: Mapping[str, Any]) -> None:
        """Write one line of the scheduler into the file named."""
        moment_ns = round(moment_s * 1e9)
        stamp = (BEGIN + timedelta(microseconds=moment_ns // 1000)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        self._put(path, moment_ns, line.render(stamp, values))

    def files(self) -> dict[str, str]:
        """Return the text of each file, by its path in the tree."""
        return {
            path: "".join(f"{text}\n" for _, _, text in sorted(lines)) for path, lines in sorted(self._lines.items())
        }

    def last_s(self) -> float:
        """Return the moment of the last line so far, seconds."""
        return max(lines[0] for path in self._lines.values() for lines in path) / 1e9

    def _put(self, path: str, moment_ns: int, text: str) -> None:
        self._arrived += 1
        self._lines[path].append((moment_ns, self._arrived, text))


def moment(at_s: float) -> datetime:
    """Return the time of day of a moment of the run."""
    return BEGIN + timedelta(seconds=at_s)


def go_duration(duration_s: float) -> str:
    """Print a duration as Go does: ``812.5ms``, ``3.25s``, ``1m2.5s``."""
    if duration_s < 1:
        return f"{_trim(duration_s * 1000, 6)}ms"
    minutes, seconds = divmod(duration_s, 60)
    return f"{int(minutes)}m{_trim(seconds, 9)}s" if minutes else f"{_trim(seconds, 9)}s"


def _rust_stamp(moment_ns: int, stamp: str) -> str:
    seconds, rest_ns = divmod(moment_ns, 1_000_000_000)
    text = (BEGIN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    if stamp == "microseconds":
        return f"{text}.{rest_ns // 1000:06d}Z"
    # chrono drops groups of three zeros at the end
    digits = f"{rest_ns:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{text}.{digits}+00:00" if digits else f"{text}+00:00"


def _trim(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") or "0"
