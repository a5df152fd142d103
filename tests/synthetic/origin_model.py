"""The registry's law: how long one request takes and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Origin:
    """What is planted at the registry.

    Attributes
    ----------
    rate_bps, rate_sigma : float
        Each request draws a rate of its own: log-normal with this median (bytes a second) and sigma.
    reset_per_s : float
        Hazard of a connection reset, per second of transfer.
    truncated_share : float
        Probability that a body ends early, at a uniform share of its length.
    stall_share, stall_mean_s : float
        Probability of a stall within a transfer, and its exponential mean in seconds.
    refusal : str, optional
        Kind of refusal at the stat request: ``token`` (401) or ``registry`` (503).
    refusal_from_s, refusal_until_s : float
        Window of the refusals, seconds after the first preheat job.
    link_bps : float
        What each host's link to the registry carries, bytes a second; its transfers share it. Without bound by default.
    """

    rate_bps: float
    rate_sigma: float = 0.2
    reset_per_s: float = 0.0
    truncated_share: float = 0.0
    stall_share: float = 0.0
    stall_mean_s: float = 0.0
    refusal: str | None = None
    refusal_from_s: float = 0.0
    refusal_until_s: float = float("inf")
    link_bps: float = float("inf")

    def refuses(self, since_first_job_s: float) -> bool:
        """Say whether a stat request at this moment is refused."""
        return self.refusal is not None and self.refusal_from_s <= since_first_job_s < self.refusal_until_s

    def planted(self) -> dict[str, float | str]:
        """Return what differs from a perfect registry, for the truth file."""
        found: dict[str, float | str] = {"rate_bps": self.rate_bps, "rate_sigma": self.rate_sigma}
        for name in ("reset_per_s", "truncated_share", "stall_share", "stall_mean_s"):
            if value := getattr(self, name):
                found[name] = value
        if self.link_bps != float("inf"):
            found["link_bps"] = self.link_bps
        if self.refusal:
            found |= {"refusal": self.refusal, "refusal_from_s": self.refusal_from_s}
        return found


@dataclass(frozen=True)
class Limits:
    """Limits in force for one request, seconds; the write limit starts with the response's header."""

    piece_timeout_s: float
    write_timeout_s: float = float("inf")


@dataclass(frozen=True)
class Request:
    """One request's fate: seconds it took, and ``ok`` or the kind of failure."""

    duration_s: float
    outcome: str


@dataclass(frozen=True)
class Drawn:
    """What chance has decided of one request.

    Attributes
    ----------
    alone_s : float
        Seconds until its end were nothing to cut it and it had the link for itself.
    end : str
        ``ok`` or ``truncated``: how it ends then.
    cut_s, cut : float, str
        When something else ends it, and what.
    rate_bps : float
        Its own rate.
    """

    alone_s: float
    end: str
    cut_s: float
    cut: str
    rate_bps: float


def draw_request(rng: np.random.Generator, origin: Origin, size_bytes: int, limits: Limits) -> Request:
    """Draw how one request for a piece goes that has its link for itself.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance; always the same number of draws, whatever happens.
    origin : Origin
        What is planted.
    size_bytes : int
        Bytes asked for.
    limits : Limits
        Limits in force.

    Returns
    -------
    Request
        ``ok``, ``timeout``, ``write_timeout``, ``reset`` or ``truncated``: whichever comes first.
    """
    drawn = draw_alone(rng, origin, size_bytes, limits)
    return Request(*min((drawn.alone_s, drawn.end), (drawn.cut_s, drawn.cut)))


def draw_alone(rng: np.random.Generator, origin: Origin, size_bytes: int, limits: Limits) -> Drawn:
    """Draw what chance decides of one request; see `draw_request`."""
    first_byte_s = 0.002 + float(rng.exponential(0.002))
    rate_bps = origin.rate_bps * float(np.exp(origin.rate_sigma * rng.standard_normal()))
    transfer_s = size_bytes / rate_bps
    stalled, stall_s = rng.random() < origin.stall_share, float(rng.exponential(1.0)) * origin.stall_mean_s
    transfer_s += stall_s if stalled else 0.0
    ends_early, ends_at, reset_at_s = rng.random(), float(rng.uniform(0.05, 0.95)), float(rng.exponential(1.0))
    truncated = bool(ends_early < origin.truncated_share)
    fates = [(limits.piece_timeout_s, "timeout"), (first_byte_s + limits.write_timeout_s, "write_timeout")]
    if origin.reset_per_s:
        fates.append((first_byte_s + reset_at_s / origin.reset_per_s, "reset"))
    end_s = first_byte_s + (transfer_s * ends_at if truncated else transfer_s)
    return Drawn(end_s, "truncated" if truncated else "ok", *min(fates), rate_bps)
