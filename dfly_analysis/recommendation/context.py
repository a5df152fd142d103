"""The input of every rule: the dataset, its findings and fits, and the layer that recommendations are for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.piece_length_rules import piece_length_bytes, piece_rules
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.config.setting import Setting
from dfly_analysis.dataset import Dataset
from dfly_analysis.dataset.dataset import FAILED
from dfly_analysis.estimates import DEFAULT_RETRY_CORRELATION, Interval, NotFitted, measured_retry_correlation
from dfly_analysis.findings import Diagnosis
from dfly_analysis.messages import Message, message
from dfly_analysis.models import CapacityFit, DurationFit, LayerShape

CLIENT_ROLES = ("seedClient", "client")
TITLES = {"seedClient": message("seed client"), "client": message("client")}
PIECE, WRITE = "download.pieceTimeout", "storage.writePieceTimeout"
COLLECTOR = "scheduler.gc.pieceDownloadTimeout"
COLLECT_DURATIONS = message(
    "client logs with piece start and finish lines (level debug from client v1.4.1), or metrics of clients from v1.5.4 on"
)

# The fit asks for more; timeouts were seen, but there is no fit; the target is met; nothing timed out; only the disagreement of distributions
# asks for more; more than is sensible would be needed; no fit; the role fetched nothing that the timeout covers; no value is known.
Verdict = Literal["raise", "thumb", "meets", "no_timeout", "step", "ceiling", "not_fitted", "idle", "unknown_value"]


def round_gib(size_bytes: float, steps: Sequence[tuple[float, int]]) -> int:
    """Round up to a multiple of the step, GiB, of the first bound that is not exceeded."""
    gib = size_bytes / 2**30
    step = next(step for most, step in steps if gib <= most)
    return max(1, math.ceil(gib / step - 1e-9) * step) * 2**30


@dataclass(frozen=True)
class TimeoutRequirement:
    """What timeouts did to one role (those of message streams do not count), what a piece timeout has to be, and what to do about it."""

    role: str
    key: str
    current: Setting
    verdict: Verdict
    failed_tasks: int
    attempts: int
    timed_out: int
    reached_s: float | None  # the longest timeout that pieces reached
    any_timeout: bool  # whether any piece timed out at all, as far as pieces, tasks and findings show
    origin: str | None = None  # ``source`` or ``parent``: the one whose distribution asks for most
    duration_fit: DurationFit | NotFitted | None = None
    needed: Interval | None = None  # seconds; without an upper end where that lies beyond what was seen
    proposed_s: float | None = None
    limited_by: Literal["", "step", "ceiling"] = ""
    """Why the proposal is the next step and not the upper end of what is needed."""

    @property
    def planned_s(self) -> float | None:
        """The timeout once the recommendation is followed, seconds, or None where it is not known."""
        return self.proposed_s if self.proposed_s is not None else self.current.seconds

    @property
    def in_force_s(self) -> float | None:
        """The timeout in force, else the one that pieces reached, seconds."""
        return self.current.seconds if self.current.seconds is not None else self.reached_s


@dataclass(frozen=True)
class ReducedConcurrency:
    """How many pieces of a layer may be in flight."""

    role: str
    reason: Literal["timeout", "resets", "refused"]
    """No sensible timeout suffices for more, resets of long connections, refused requests."""
    seen: int  # the most pieces of one layer in flight in this run
    slots: int
    low: int
    high: int
    times: float  # factor on the time of a piece
    timeout_s: float | None = None  # the piece timeout it was computed for
    link_bps: float | None = None  # the bandwidth that the pieces share
    refused_load: tuple[int, int] | None = None  # requests in flight when the registry began to refuse, and at most


@dataclass(frozen=True)
class RecommendationContext:
    """The input of the rules; requirements of timeouts and reduced concurrency are computed once for all of them."""

    dataset: Dataset
    diagnosis: Diagnosis
    fits: Mapping[str, Any] = field(hash=False)
    size_bytes: int  # of the requested layer
    target: float  # the share of such layers that may fail
    needs: Mapping[tuple[str, str], TimeoutRequirement] = field(default_factory=dict, hash=False)
    reduced_concurrency: Mapping[str, ReducedConcurrency] = field(default_factory=dict, hash=False)
    compression_ratio: float | None = None

    @property
    def client_version(self) -> str | None:
        """The release of the seed client, or of the client where the seed's is not known."""
        return self.version("seedClient") or self.version("client")

    @property
    def release_note(self) -> Message | None:
        """The note that this release is not known, and which one counts instead."""
        return self.dataset.settings.release_note("seedClient" if self.version("seedClient") else "client")

    @property
    def piece_bytes(self) -> int:
        """The piece length of the requested layer; by the newest rule where no release is known."""
        return min(piece_length_bytes(self.size_bytes, self.client_version), self.size_bytes)

    @property
    def n_pieces(self) -> int:
        return math.ceil(self.size_bytes / self.piece_bytes)

    @property
    def capacity(self) -> CapacityFit | NotFitted:
        reason = message("the throughput of the registry is not fitted")
        missing = NotFitted("source_capacity", reason, COLLECT_DURATIONS)
        found: CapacityFit | NotFitted = self.fits.get("source_capacity", missing)
        return found

    def version(self, role: str) -> str | None:
        return self.dataset.settings.versions.get(role)

    def released(self, role: str, since: str) -> bool:
        """Return whether a role runs that release or a later one, or an unknown one."""
        version = self.version(role)
        return version is None or parse_version(version).release >= parse_version(since).release

    def reads(self, key: str, role: str) -> bool:
        """Return whether the role's release reads a key; where the release is not known, whether something sets it."""
        version, known = self.version(role), defaults_of(role, key)
        if version is None or known is None:
            return self.dataset.settings.get(key, role).value is not None
        return known.is_read(version)

    def setting(self, key: str, role: str) -> Setting:
        """Return the value in force for a role: what its files, or most of them, set."""
        return self.dataset.settings.get(key, role)

    def concurrency(self, role: str) -> Setting:
        """Return the setting that limits the pieces of a layer that a role fetches from the source at a time."""
        return self.dataset.settings.pieces_in_flight(role)

    def pieces_in_flight(self, role: str) -> int | None:
        """Return how many pieces of one layer a role fetches at a time once the recommendations are followed, or None."""
        number = self.concurrency(role).number
        if number and role in self.reduced_concurrency:
            number = min(number, self.reduced_concurrency[role].slots)
        return max(1, min(int(number), self.n_pieces)) if number else None

    def bandwidth_bps(self, role: str, timeout_s: float) -> float | None:
        """Return the bandwidth that a piece timeout demands for one layer of the requested size, bytes per second."""
        in_flight = self.pieces_in_flight(role)
        return in_flight * self.piece_bytes / timeout_s if in_flight else None

    def layer(self, role: str) -> LayerShape:
        version = self.version(role) or self.client_version
        return LayerShape.of_client(self.size_bytes, self.concurrency(role).number, version, self.piece_bytes)

    def measured_retry_correlation(self, origin: str | None) -> Interval | None:
        """Return the share of failures that repeat in the next pass, where tasks from the source show it."""
        return None if origin == "parent" else measured_retry_correlation(self.fits)

    def retry_failure_correlation(self, origin: str | None) -> Interval:
        """Return the share of failures assumed to repeat in the next pass: measured, else a cautious default."""
        return self.measured_retry_correlation(origin) or DEFAULT_RETRY_CORRELATION

    def retries(self, role: str) -> int:
        number = self.setting("backend.maxRetries", role).number
        return int(number) if number is not None else piece_rules(self.version(role)).retries_before_body

    def duration_fit(self, origin: str, role: str) -> DurationFit | NotFitted:
        """Return the distribution of piece times from ``source`` or ``parent``: the role's own where there is one."""
        shared = f"piece_from_{origin}"
        own = self.fits.get(f"{shared}_{role}")
        found = own if isinstance(own, DurationFit) else self.fits.get(shared)
        if isinstance(found, DurationFit | NotFitted):
            return found
        return NotFitted(shared, message("no distribution of piece times is fitted"), COLLECT_DURATIONS)

    def present(self, *finding_ids: str) -> tuple[str, ...]:
        found = ((name, self.diagnosis.get(name)) for name in finding_ids)
        return tuple(name for name, finding in found if finding is not None and finding.verdict == "present")

    def one(self, query: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        return self.dataset.rows(query, parameters)[0]

    def failed_tasks(self, cause: str | None = None, role: str | None = None) -> int:
        given = {"cause": cause, "role": role}
        condition = " AND ".join([FAILED, *(f"{name} = ?" for name, value in given.items() if value)])
        query = f"SELECT count(*) FROM tasks WHERE {condition}"  # noqa: S608 - the package's own names
        return int(self.one(query, [value for value in given.values() if value])[0])

    def fetched_from(self, role: str, origin: str) -> bool:
        """Return whether hosts of a role are seen to fetch from ``source`` or ``parent``."""
        query = f"""
            SELECT EXISTS (FROM pieces WHERE role = $1 AND origin = $2)
                OR EXISTS (FROM tasks WHERE role = $1 AND (origin IN ($2, 'both') OR bytes_from_{origin} > 0))"""
        return bool(self.one(query, [role, origin])[0])

    def beyond_sizes_seen(self, origin: str) -> int | None:
        """Return the largest piece tried from an origin where the requested ones are larger, bytes; else None."""
        largest = self.one("SELECT max(size_bytes) FROM pieces WHERE origin = ?", [origin])[0]
        return largest if largest is not None and self.piece_bytes > 1.05 * largest else None

    def gauge_by_host(self, metric: str, role: str) -> dict[str, int]:
        """Return a gauge of Prometheus by host; the newest where a process was restarted."""
        query = """
            SELECT host, n FROM runs
            WHERE kind = 'gauge' AND metric = ? AND role = ? AND n IS NOT NULL AND host IS NOT NULL
            ORDER BY started NULLS LAST"""
        return dict(self.dataset.rows(query, [metric, role]))
