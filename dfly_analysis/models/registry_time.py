"""The registry's own time of a piece, separated from what the hosts add to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from dfly_analysis.estimates import Interval, Param
from dfly_analysis.models.censored_data import Attempts
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.model_selection import fit_duration
from dfly_analysis.models.slow_periods import find_slow_periods
from dfly_analysis.units import format_duration, format_size

NAME = "registry_time"
# Readings that lie nearer than this say the same.
_MIN_APART = 0.05
_COMPARED_QUANTILE = 0.99
_MOSTLY = 0.5


@dataclass(frozen=True)
class RegistryFit:
    """How long the registry itself takes over a piece, where stretches of attempts differ beyond chance.

    Two readings of the same attempts bound it: the hosts took all that slow stretches took longer (``quick``, the fit of the other
    stretches), or the registry took all of it that is not proven to be the hosts' (``slow``). Where most is proven, the value is the
    first reading's, else the one halfway between both, in logs; the interval holds those of both. What all hosts add at all times, no
    reading of their logs can separate from the registry's time.

    Attributes
    ----------
    name, law, params, n, n_censored, window, extrapolates_beyond_s
        Of the first reading, as of `dfly_analysis.estimates.Fit`.
    goodness : mapping of str to float
        ``slow_share`` of the attempts, and ``proven_share`` of the slowness: another host took no longer than usual meanwhile.
    quick, slow, clients : DurationFit
        The readings, and the fit of the clients' own time.
    hosts : tuple of str
        With slow stretches, the slowest first.
    notes : tuple of str
    """

    name: str
    law: str
    params: tuple[Param, ...]
    n: int
    n_censored: int
    goodness: Mapping[str, float]
    window: tuple[str, str] | None
    extrapolates_beyond_s: float | None
    quick: DurationFit
    slow: DurationFit
    clients: DurationFit
    hosts: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def of_hosts(self) -> bool:
        """Return whether most of the slowness is proven to be the hosts'."""
        return self.goodness["proven_share"] > _MOSTLY

    @property
    def attempts(self) -> Attempts:
        """Return the attempts of the first reading."""
        return self.quick.attempts

    def quantile(self, size_bytes: float, p: float, level: float = 0.95) -> Interval:
        """Return the time (s) within which the registry alone would have sent a share ``p`` of pieces, as `DurationFit.quantile`."""
        one, other = self.quick.quantile(size_bytes, p, level), self.slow.quantile(size_bytes, p, level)
        value = one.value if self.of_hosts else float(np.sqrt(one.value * other.value))
        return Interval(value, min(one.low, other.low, value), max(one.high, other.high, value))

    def common_quantiles(self, level: float = 0.95) -> list[dict[str, float]]:
        """Return `quantile` at the commonest sizes, as `DurationFit.common_quantiles` does."""
        result = []
        for row in self.quick.common_quantiles(level):
            found = self.quantile(row["size_bytes"], row["p"], level)
            result.append({**row, "value_s": found.value, "low_s": found.low, "high_s": found.high})
        return result


def fit_registry(pieces: pd.DataFrame, clients: object) -> RegistryFit | None:
    """Separate the registry's own time from the hosts', as far as the attempts let.

    Parameters
    ----------
    pieces : DataFrame
        Of `dfly_analysis.schema.PIECES`. Not changed.
    clients : DurationFit
        Of all attempts at the source; of anything else there is no answer.

    Returns
    -------
    RegistryFit or None
        None where all stretches of attempts are alike: then the registry's time is the clients'.
    """
    if not isinstance(clients, DurationFit):
        return None
    found = find_slow_periods(pieces)
    if found is None:
        return None
    quick = fit_duration(pieces.iloc[found.row[found.quick]], name=NAME)
    if not isinstance(quick, DurationFit) or not _differ(quick, clients):
        return None
    slow: object = clients
    if found.excluded.any():
        of_source = pieces["origin"].eq("source").to_numpy(dtype=bool, na_value=False).copy()
        of_source[found.row[found.excluded]] = False
        slow = fit_duration(pieces[of_source], name=NAME)
    result = RegistryFit(
        name=NAME, law=quick.law, params=quick.params, n=quick.n, n_censored=quick.n_censored,
        goodness={"slow_share": found.share, "proven_share": found.proven_share}, window=quick.window,
        extrapolates_beyond_s=quick.extrapolates_beyond_s, quick=quick, slow=slow if isinstance(slow, DurationFit) else clients,
        clients=clients, hosts=found.hosts,
    )  # fmt: skip
    return replace(result, notes=_notes(result))


def _differ(quick: DurationFit, clients: DurationFit) -> bool:
    size_bytes = float(quick.attempts.common_sizes(1)[0])
    one, other = (fit.quantile(size_bytes, _COMPARED_QUANTILE).value for fit in (quick, clients))
    return other > one * (1.0 + _MIN_APART)


def _notes(fit: RegistryFit) -> tuple[str, ...]:
    size_bytes = float(fit.attempts.common_sizes(1)[0])
    own, theirs = (one.quantile(size_bytes, _COMPARED_QUANTILE) for one in (fit, fit.clients))
    figures = (
        f"{_COMPARED_QUANTILE:.0%} of pieces of {format_size(size_bytes)} take the registry itself at most {format_duration(own.value)} "
        f"({format_duration(own.low)} to {format_duration(own.high)}), and the clients {format_duration(theirs.value)}"
    )
    share = f"{fit.goodness['slow_share']:.0%} of the attempts are of stretches that took longer than the others, most of all on {fit.hosts[0]}"
    if fit.of_hosts:
        return (
            figures,
            f"{share}; another host took no longer than usual at the same moments, so the hosts or their links were slow, not the registry",
        )
    return (
        figures,
        f"{share}; whether the hosts or the registry were slow cannot be told, so the interval holds both readings",
    )
