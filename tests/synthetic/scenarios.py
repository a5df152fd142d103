"""What can be planted in a synthetic run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dfly_analysis.errors import DflyError, suggest_similar
from tests.synthetic.origin_model import Origin

_ALL = ("v0.1.118", "v1.0.26", "v1.5.1")
_WITH_WRITE_TIMEOUT = ("v1.0.26", "v1.5.1")
CAUSES: Mapping[str, str] = MappingProxyType(
    {
        "timeout": "timeout_too_short",
        "write_timeout": "timeout_too_short",
        "reset": "network_instability",
        "truncated": "network_instability",
        "token": "auth",
        "registry": "origin_registry",
        "disk": "disk_full",
        "disk_at_start": "disk_full",
        "killed": "resource_limit",
        "scheduler": "scheduler_unavailable",
        "throttled": "rate_limited",
        "deadline": "timeout_too_short",
    }
)
_DEATHS = {"evicted": "disk_full", "panic": "client_bug"}


@dataclass(frozen=True)
class Case:
    """One kind of planted trouble.

    Attributes
    ----------
    name, planted : str
        Its name, and one sentence for the truth file.
    origin : Origin
        The registry's law.
    piece_timeout_s, write_timeout_s : float
        ``download.pieceTimeout`` and ``storage.writePieceTimeout`` of seeds and clients, seconds.
    schedule_timeout_s : float
        ``scheduler.scheduleTimeout``, seconds.
    concurrent_pieces : int
        ``download.concurrentPieceCount``: slots of one task.
    volume_bytes : int, optional
        Size of each seed's volume; None where it never fills.
    kills : int
        How often a seed's process is killed while it downloads.
    scheduler_frozen : bool
        Whether the scheduler is silent while clients pull; the last client may not go back to source.
    layer_sizes_bytes : tuple of int, optional
        Exact sizes of the layers of each image, in place of drawn ones.
    images : int
        Images where the caller asks for no other number.
    pulls : int
        Layers each client pulls.
    clients : tuple of str
        Client versions that can show it.
    calm : Origin, optional
        The registry's law outside of `trouble_s` and for all seeds but `bad_seed`.
    trouble_s : tuple of float, optional
        When `origin` is in force, seconds after the first job; `calm` before and after.
    bad_seed : int, optional
        The only seed that `origin` is in force for; `calm` for all other hosts.
    pods : {"running", "oom", "evicted", "panic"}, optional
        What Kubernetes says of the seeds; None where nobody asked it.
    manager_gives_up : bool
        Whether the manager stops asking before the jobs end, and calls them failed.
    job_timeout_ns : int, optional
        Deadline of each job where it is not the default; less than a second ends each layer before it begins.
    pulls_by_digest : bool
        Whether clients compute another task id than the preheat, and so go to the registry.
    wrong_key : str, optional
        A line that somebody wrote into the download section of each client's configuration.
    parent_rate_bps : float
        Median rate of a piece from a parent, bytes a second.
    copy_s : float
        How long each pull copies its output, seconds.
    corrupt_seed : int, optional
        The seed that first serves pieces that do not match their digest.
    stale_scheduler : bool
        Whether clients announce themselves to an address that no list names.
    """

    name: str
    planted: str
    origin: Origin
    piece_timeout_s: float = 30.0
    write_timeout_s: float = 360.0
    schedule_timeout_s: float = 10800.0
    concurrent_pieces: int = 8
    volume_bytes: int | None = None
    kills: int = 0
    scheduler_frozen: bool = False
    layer_sizes_bytes: tuple[int, ...] | None = None
    images: int = 4
    pulls: int = 4
    clients: tuple[str, ...] = _ALL
    calm: Origin | None = None
    trouble_s: tuple[float, float] | None = None
    bad_seed: int | None = None
    pods: str | None = None
    manager_gives_up: bool = False
    job_timeout_ns: int | None = None
    pulls_by_digest: bool = False
    wrong_key: str | None = None
    parent_rate_bps: float = 50e6
    copy_s: float = 0.0
    corrupt_seed: int | None = None
    stale_scheduler: bool = False

    def cause_of(self, kind: str) -> str:
        """Return the cause of a kind of failure."""
        why = _DEATHS.get(self.pods or "") if kind == "killed" else None
        return why or CAUSES[kind]

    def origin_at(self, since_first_job_s: float, host: str) -> Origin:
        """Return the registry's law for a host at a moment."""
        if self.calm is None:
            return self.origin
        begin_s, end_s = self.trouble_s or (float("-inf"), float("inf"))
        meant = self.bad_seed is None or host == f"seed-client-{self.bad_seed}"
        return self.origin if meant and begin_s <= since_first_job_s < end_s else self.calm


_CASES = (
    Case("healthy", "nothing", Origin(8e6)),
    Case(
        "slow-source",
        "a slow registry: each request gets a rate of its own, the pieceTimeout of 6 s is too short for the tail",
        Origin(1.6e6, 0.5),
        piece_timeout_s=6.0,
    ),
    Case("resets", "connections are reset at 0.05 per second", Origin(4e6, 0.3, reset_per_s=0.05)),
    Case("truncated", "two per cent of the bodies end early", Origin(6e6, 0.3, truncated_share=0.02)),
    Case("disk-full", "the seeds' volumes hold 500 MB", Origin(8e6), volume_bytes=500_000_000),
    Case(
        "token-expired",
        "the token expires 15 s after the first job",
        Origin(6e6, refusal="token", refusal_from_s=15.0),
    ),
    Case(
        "registry-503",
        "the registry answers 503 from 15 s to 35 s after the first job",
        Origin(6e6, refusal="registry", refusal_from_s=15.0, refusal_until_s=35.0),
    ),
    Case("killed", "three times a seed's process is killed and starts anew", Origin(4e6), kills=3),
    Case(
        "scheduler-frozen",
        "the scheduler is silent while clients pull; the last client may not go back to source",
        Origin(8e6),
        schedule_timeout_s=6.0,
        scheduler_frozen=True,
    ),
    Case(
        "write-timeout",
        "a slow registry; the storage.writePieceTimeout of 6 s is too short for the tail",
        Origin(1.6e6, 0.5),
        piece_timeout_s=40.0,
        write_timeout_s=6.0,
        clients=_WITH_WRITE_TIMEOUT,
    ),
    Case(
        "stalls",
        "eight per cent of the transfers stall, 12 s on average; pieceTimeout 8 s",
        Origin(6e6, 0.25, stall_share=0.08, stall_mean_s=12.0),
        piece_timeout_s=8.0,
    ),
    Case(
        "mixture",
        "a slow registry, a pieceTimeout of 6 s, and resets at 0.03 per second",
        Origin(1.6e6, 0.5, reset_per_s=0.03),
        piece_timeout_s=6.0,
    ),
    Case(
        "twenty",
        "one layer of 20 GiB, 48 pieces in flight, 2.4 MB/s a request, pieceTimeout 40 s",
        Origin(2.4e6, 0.3),
        piece_timeout_s=40.0,
        concurrent_pieces=48,
        layer_sizes_bytes=(20 * 1024**3,),
        images=1,
        pulls=0,
    ),
)
CASES: Mapping[str, Case] = MappingProxyType({case.name: case for case in _CASES})
_CALM = Origin(8e6)
# What differs from the cases above is not how lines look, but who suffers, when, and what others say of it.
_VARIANTS = (
    Case("throttled", "the registry answers 429 from 15 s to 40 s after the first job", Origin(6e6, refusal="throttled", refusal_from_s=15.0, refusal_until_s=40.0)),
    Case("bad-host", "connections of one seed are reset at 0.3 per second", Origin(4e6, 0.3, reset_per_s=0.3), calm=_CALM, bad_seed=1),
    Case("slow-host", "one seed has a tenth of the others' rate and still brings all layers", Origin(8e5), calm=_CALM, bad_seed=1, piece_timeout_s=60.0),
    Case("bad-hour", "connections are reset at 0.4 per second between 10 s and 30 s after the first job", Origin(4e6, 0.3, reset_per_s=0.4), calm=_CALM, trouble_s=(10.0, 30.0), images=8),
    Case("oom", "three times a seed runs out of memory; Kubernetes says OOMKilled", Origin(4e6), kills=3, pods="oom"),
    Case("evicted", "a seed's pod is evicted because its node runs short of disk", Origin(4e6), kills=1, pods="evicted"),
    Case("panic", "a seed's process crashes; Kubernetes says exit code 101", Origin(4e6), kills=1, pods="panic"),
    Case("healthy-pods", "nothing; Kubernetes says that all pods run", _CALM, pods="running"),
    Case("false-failure", "nothing, but the manager stops asking before the jobs end", _CALM, manager_gives_up=True),
    Case("nanoseconds", "the jobs' timeout is 3600, which is 3.6 microseconds", _CALM, job_timeout_ns=3600, pulls=0),
    Case("unused", "clients compute another task id than the preheat", _CALM, pulls_by_digest=True),
    Case("wrong-key", "a slow registry, and pieceDownloadTimeout where pieceTimeout was meant", Origin(1.6e6, 0.5), piece_timeout_s=6.0, wrong_key='pieceDownloadTimeout: "600s"'),
)  # fmt: skip
VARIANTS: Mapping[str, Case] = MappingProxyType({case.name: case for case in _VARIANTS})
_COMPLAINTS = (
    Case("stuck", "two per cent of the transfers stand still for minutes at a pieceTimeout of 900 s", Origin(6e6, 0.25, stall_share=0.02, stall_mean_s=300.0), piece_timeout_s=900.0),
    Case("narrow", "each host's link carries 12 MB/s, the pieceTimeout is 4 s: much of what is fetched is thrown away", Origin(6e6, 0.6, link_bps=12e6), piece_timeout_s=4.0),
    Case("slow-registry", "a request gets 1 MB/s, and nothing fails", Origin(1e6, 0.25), piece_timeout_s=300.0),
    Case("slow-parents", "parents send at 1 MB/s", _CALM, parent_rate_bps=1e6),
    Case("slow-disk", "each pull copies its output for 30 s", _CALM, copy_s=30.0),
    Case("few-in-flight", "one piece of a layer at a time", Origin(4e6, 0.2), concurrent_pieces=1, piece_timeout_s=120.0),
    Case("corrupt", "the first seed serves pieces that do not match their digest", _CALM, corrupt_seed=0),
    Case("stale-scheduler", "clients announce themselves to an address that no list names", _CALM, stale_scheduler=True),
)  # fmt: skip
COMPLAINTS: Mapping[str, tuple[str, Case]] = MappingProxyType(
    {
        "stuck": ("stuck", _COMPLAINTS[0]), "narrow": ("retries", _COMPLAINTS[1]), "slow-registry": ("slow_source", _COMPLAINTS[2]),
        "slow-parents": ("slow_parents", _COMPLAINTS[3]), "slow-disk": ("slow_disk", _COMPLAINTS[4]), "few-in-flight": ("too_few_in_flight", _COMPLAINTS[5]),
        "corrupt": ("corrupt_parent", _COMPLAINTS[6]), "stale-scheduler": ("scheduler_address_wrong", _COMPLAINTS[7]),
        "unused": ("preheat_not_used", VARIANTS["unused"]), "scheduler-frozen": ("waiting_for_scheduler", CASES["scheduler-frozen"]),
        "storm": ("back_to_source_storm", CASES["scheduler-frozen"]),
    }
)  # fmt: skip
"""By name: the finding that answers the complaint, and the case that plants it."""
_KNOWN: Mapping[str, Case] = MappingProxyType({**CASES, **VARIANTS, **{case.name: case for case in _COMPLAINTS}})


def find_case(name: str, client: str) -> Case:
    """Find a case that a client version can show.

    Parameters
    ----------
    name : str
        A key of `CASES` or `VARIANTS`.
    client : str
        A client version with synthetic logs.

    Returns
    -------
    Case
        The case.

    Raises
    ------
    DflyError
        Where there is none of that name, or that client cannot show it; nearest names are offered.
    """
    if name not in _KNOWN:
        raise DflyError(
            f"no case {name!r}", hint=f"{suggest_similar(name, _KNOWN)} known are {', '.join(_KNOWN)}".strip()
        )
    case = _KNOWN[name]
    if client not in case.clients:
        raise DflyError(f"client {client} cannot show {name}", hint=f"use {' or '.join(case.clients)}")
    return case
