"""How much one named file may unpack to: archives are untrusted, and a few kilobytes can hold petabytes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from dfly_analysis.errors import SourceError
from dfly_analysis.io.streams import BrokenStreamError, reason_of
from dfly_analysis.units import format_size

MAX_REPORTS = 20  # lines about parts of one file that cannot be read


class ArchiveLimits(NamedTuple):
    """Bounds on what one named file may unpack to."""

    total_bytes: int = 256 << 30  # output of all layers: 200 nodes with about 1 GiB of rotated logs each
    # deflate cannot exceed 1032 bytes of output for each of input; bombs are nested, or reach a hundred times that
    ratio: int = 1100
    ratio_from_bytes: int = 256 << 20  # the ratio is judged only from this much output
    members: int = 200_000  # archive members, those of nested archives included
    depth: int = 6  # layers of compression and archives around a file
    spool_bytes: int = 16 << 30  # of the temporary copy of a zip that is not a file of its own


DEFAULT_LIMITS = ArchiveLimits()


class LimitExceededError(BrokenStreamError):
    """A limit was reached: the named file is not read any further."""

    hint = "unpack it by hand"


@dataclass(eq=False)
class Budget:
    """What all layers of one named file share: the limits, what was used up, and whom to report to."""

    on_problem: Callable[[SourceError], None]  # takes a `SourceError` about a part that cannot be read
    limits: ArchiveLimits = DEFAULT_LIMITS
    input_bytes: int = 0
    output_bytes: int = 0
    members: int = 0
    _reports: int = field(default=0, repr=False)
    _too_deep: bool = field(default=False, repr=False)
    _exceeded: LimitExceededError | None = field(default=None, repr=False)

    def count_input(self, size: int) -> None:
        """Count bytes read from the named file."""
        self.input_bytes += size

    def count_output(self, size: int) -> None:
        """Count bytes that a decompressor handed out."""
        self.output_bytes += size
        limits, output = self.limits, self.output_bytes
        if output > limits.total_bytes:
            self._stop(f"unpacks to more than {format_size(limits.total_bytes)}")
        if output > limits.ratio_from_bytes and output > limits.ratio * max(self.input_bytes, 1):
            self._stop(f"unpacks to more than {limits.ratio} times its size, as archive bombs do")

    def count_member(self) -> None:
        """Count an archive member."""
        self.members += 1
        if self.members > self.limits.members:
            self._stop(f"holds more than {self.limits.members} members")

    @property
    def exceeded(self) -> bool:
        """Return whether a limit was reached."""
        return self._exceeded is not None

    def _stop(self, what: str) -> None:
        self._exceeded = self._exceeded or LimitExceededError(f"{what}; the rest was not read")
        raise self._exceeded

    def report(self, message: str, address: str, hint: str | None = None) -> None:
        """Report a part that cannot be read; of one file at most `MAX_REPORTS` are."""
        self._reports += 1
        if self._reports < MAX_REPORTS:
            self.on_problem(SourceError(message, where=address, hint=hint))
        elif self._reports == MAX_REPORTS:
            self.on_problem(SourceError("more of its parts cannot be read; they are not named", where=address))

    def report_break(self, problem: BaseException, address: str) -> None:
        """Report a broken stream, unless the reader who met the break already knows."""
        if not isinstance(problem, BrokenStreamError):
            problem = BrokenStreamError(f"cannot be read: {reason_of(problem)}")
        if not problem.reported:
            problem.reported = True
            self.report(str(problem), address, problem.hint)

    def report_depth(self, address: str) -> None:
        """Report, once for the whole file, that archives are nested too deep."""
        if not self._too_deep:
            self._too_deep = True
            reason = f"archives are nested more than {self.limits.depth} levels deep"
            self.report(reason, address, LimitExceededError.hint)
