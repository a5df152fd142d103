"""How much one named file may cost: archives are untrusted, and a few kilobytes can hold petabytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from dfly_analysis.errors import SourceError
from dfly_analysis.io.streams import BrokenStreamError, reason_of
from dfly_analysis.units import format_size

MOST_SAID = 20


class Caps(NamedTuple):
    """Bounds on what one named file may unpack to.

    Attributes
    ----------
    total_bytes : int
        What all layers together may hand out. 256 GiB is a collected cluster: 200 nodes with their rotated logs of
        about 1 GiB; it is some five minutes of decompression, nothing of it is kept.
    ratio : int
        Bytes out for each byte in. Deflate cannot exceed 1032, so one layer of gzip around a log whose truncated
        start is all zero bytes passes; bombs are nested, or use formats that reach a hundred times that.
    ratio_from_bytes : int
        The ratio is judged only once so much was handed out.
    members : int
        Archive members, those of nested archives included.
    depth : int
        Layers of compression and archives around a file.
    spool_bytes : int
        A zip that does not lie on the disk as a file of its own is copied to a temporary file of at most this size.
    """

    total_bytes: int = 256 << 30
    ratio: int = 1100
    ratio_from_bytes: int = 256 << 20
    members: int = 200_000
    depth: int = 6
    spool_bytes: int = 16 << 30


CAPS = Caps()


class CapExceededError(BrokenStreamError):
    """One of the caps was reached: the named file is not read any further."""

    way_out = "unpack it by hand"


@dataclass(eq=False)
class Reading:
    """What all layers of one named file share: whom to tell, and what was spent.

    Attributes
    ----------
    tell : callable
        Takes a `SourceError` about a part that cannot be read.
    caps : Caps
    threads : bool
        Whether decompression may run ahead in a thread; not where a read may wait for ever (a pipe).
    remote : bool
        Whether each read is a request to a server, so that plain bytes are worth fetching ahead too.
    consumed_bytes, produced_bytes, members : int
        Taken from the named file, handed out by decompression, archive members met.
    """

    tell: Callable[[SourceError], None]
    caps: Caps = CAPS
    threads: bool = True
    remote: bool = False
    consumed_bytes: int = 0
    produced_bytes: int = 0
    members: int = 0
    said: int = 0
    deep: bool = False
    _exceeded: CapExceededError | None = field(default=None, repr=False)

    def take(self, size_bytes: int) -> None:
        """Count bytes read from the named file."""
        self.consumed_bytes += size_bytes

    def give(self, size_bytes: int) -> None:
        """Count bytes that a decompressor handed out.

        Raises
        ------
        CapExceededError
        """
        self.produced_bytes += size_bytes
        caps, produced = self.caps, self.produced_bytes
        if produced > caps.total_bytes:
            self._stop(f"unpacks to more than {format_size(caps.total_bytes)}")
        if produced > caps.ratio_from_bytes and produced > caps.ratio * max(self.consumed_bytes, 1):
            self._stop(f"unpacks to more than {caps.ratio} times its size, as archive bombs do")

    def meet_member(self) -> None:
        """Count an archive member.

        Raises
        ------
        CapExceededError
        """
        self.members += 1
        if self.members > self.caps.members:
            self._stop(f"holds more than {self.caps.members} members")

    @property
    def exceeded(self) -> bool:
        """Say whether a cap was reached and somebody knows; a thread may have reached it before its reader has."""
        return self._exceeded is not None and self._exceeded.told

    def _stop(self, what: str) -> None:
        self._exceeded = self._exceeded or CapExceededError(f"{what}; the rest was not read")
        raise self._exceeded

    def say(self, message: str, address: str, hint: str | None = None) -> None:
        """Tell of a part that cannot be read, but not a thousand times of one file."""
        self.said += 1
        if self.said < MOST_SAID:
            self.tell(SourceError(message, where=address, hint=hint))
        elif self.said == MOST_SAID:
            self.tell(SourceError("more of its parts cannot be read; they are not named", where=address))

    def say_broken(self, problem: BaseException, address: str) -> None:
        """Tell of a break, unless the reader of the stream that met it already knows."""
        if not isinstance(problem, BrokenStreamError):
            problem = BrokenStreamError(f"cannot be read: {reason_of(problem)}")
        if not problem.told:
            problem.told = True
            self.say(str(problem), address, problem.way_out)

    def say_too_deep(self, address: str) -> None:
        """Tell, once for the whole file, that archives are nested too deep."""
        if not self.deep:
            self.deep = True
            self.say(f"archives stand in archives more than {self.caps.depth} deep", address, "unpack it by hand")
