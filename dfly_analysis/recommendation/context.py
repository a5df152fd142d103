"""What every rule is given: the dataset and what was found and fitted in it, and the layer that advice is asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dfly_analysis.catalog.defaults import defaults_of
from dfly_analysis.catalog.piece_length_rules import piece_attempts, piece_length_bytes
from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.config import Setting, Settings
from dfly_analysis.dataset import Dataset
from dfly_analysis.estimates import Interval, NotFitted
from dfly_analysis.findings import Diagnosis
from dfly_analysis.models import DEFAULT_RETRY_CORRELATION, DurationFit, LayerShape, measured_retry_correlation

if TYPE_CHECKING:
    from dfly_analysis.recommendation.concurrency import ReducedConcurrency
    from dfly_analysis.recommendation.required_timeout import TimeoutRequirement

CLIENT_ROLES = ("seedClient", "client")


@dataclass(frozen=True)
class RecommendationContext:
    """One question put to the rules.

    Attributes
    ----------
    dataset : Dataset
    diagnosis : Diagnosis
    fits : mapping of str to fit
        As `dfly_analysis.models.fit_all` names them.
    size_bytes : int
        Of the layer asked for.
    target : float
        Share of such layers that may fail, 0 to 1.
    needs : mapping of (role, key) to TimeoutRequirement
        What each timeout has to be, computed once for all rules.
    reduced_concurrency : mapping of str to ReducedConcurrency
        By role, how many pieces may be in flight where fewer than now are advised; computed from the needs.
    compression_ratio : float or None
        Bytes of files that a compressed byte of a layer holds, where somebody named it.
    """

    dataset: Dataset
    diagnosis: Diagnosis
    fits: Mapping[str, Any] = field(hash=False)
    size_bytes: int
    target: float
    needs: Mapping[tuple[str, str], TimeoutRequirement] = field(default_factory=dict, hash=False)
    reduced_concurrency: Mapping[str, ReducedConcurrency] = field(default_factory=dict, hash=False)
    compression_ratio: float | None = None

    @property
    def settings(self) -> Settings:
        """Return the settings in force when the dataset was logged."""
        return self.dataset.settings

    @property
    def client_version(self) -> str | None:
        """Return the release of the seed client, or of the client where the seed's is not known."""
        return self.version("seedClient") or self.version("client")

    @property
    def piece_bytes(self) -> int:
        """Return the length of the pieces of the layer asked for; by the newest rule where no release is known."""
        return min(piece_length_bytes(self.size_bytes, self.client_version), self.size_bytes)

    @property
    def n_pieces(self) -> int:
        """Return how many pieces the layer asked for has."""
        return math.ceil(self.size_bytes / self.piece_bytes)

    def version(self, role: str) -> str | None:
        """Return the release of a role's component, or None."""
        return self.settings.versions.get(role)

    def released(self, role: str, since: str, *, unknown: bool = True) -> bool:
        """Return whether a role runs that release or a later one; ``unknown`` where its release is not known."""
        version = self.version(role)
        return unknown if version is None else parse_version(version).release >= parse_version(since).release

    def reads(self, key: str, role: str) -> bool:
        """Return whether the role's release reads a key; where the release is not known, whether something sets it."""
        version, known = self.version(role), defaults_of(role, key)
        if version is None or known is None:
            return self.settings.get(key, role).value is not None
        era = known.at(version)
        return era is not None and era.ignored is None

    def setting(self, key: str, role: str) -> Setting:
        """Return the value in force for a role: what its files agree on, or what most of them say."""
        return self.settings.get(key, role)

    def pieces_in_flight(self, role: str) -> int | None:
        """Return how many pieces of one layer a role fetches at a time once the advice is followed, or None where it is not known."""
        number = self.setting("download.concurrentPieceCount", role).number
        if number and role in self.reduced_concurrency:
            number = min(number, self.reduced_concurrency[role].slots)
        return max(1, min(int(number), self.n_pieces)) if number else None

    def layer(self, role: str) -> LayerShape:
        """Return the layer asked for as a role's release fetches it."""
        version, number = (
            self.version(role) or self.client_version,
            self.setting("download.concurrentPieceCount", role).number,
        )
        return LayerShape.of_client(self.size_bytes, number, version, self.piece_bytes)

    def measured_retry_correlation(self, origin: str | None) -> Interval | None:
        """Return the share of failures that repeat in the next pass, where this run shows it: its tasks from the source do."""
        return None if origin == "parent" else measured_retry_correlation(self.fits)

    def retry_failure_correlation(self, origin: str | None) -> Interval:
        """Return the share of failures taken to repeat in the next pass: measured, else a caution."""
        return self.measured_retry_correlation(origin) or DEFAULT_RETRY_CORRELATION

    def retries(self, role: str) -> int:
        """Return how often a request is tried anew before its body."""
        number = self.setting("backend.maxRetries", role).number
        return int(number) if number is not None else piece_attempts(self.version(role)).retries_before_body

    def duration_fit(self, origin: str, role: str) -> DurationFit | NotFitted:
        """Return the law of a piece from ``source`` or ``parent``: the role's own where there is one."""
        shared = f"piece_from_{origin}"
        own = self.fits.get(f"{shared}_{role}")
        found = own if isinstance(own, DurationFit) else self.fits.get(shared)
        if isinstance(found, DurationFit | NotFitted):
            return found
        return NotFitted(shared, "no law of a piece's time was fitted", "client logs with piece start and finish lines")

    def present(self, *finding_ids: str) -> tuple[str, ...]:
        """Return those of some findings that were seen."""
        found = ((name, self.diagnosis.get(name)) for name in finding_ids)
        return tuple(name for name, finding in found if finding is not None and finding.verdict == "present")
