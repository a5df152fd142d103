"""Registry time: how long the registry itself takes over a piece, separated from what the hosts add to it."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dfly_analysis.estimates import Fit, Interval
from dfly_analysis.messages import Message, message
from dfly_analysis.models.censored_data import Attempts
from dfly_analysis.models.duration import DurationFit
from dfly_analysis.models.model_selection import fit_duration
from dfly_analysis.models.slow_periods import find_slow_periods
from dfly_analysis.quantities import interval_text, known_value
from dfly_analysis.units import format_share, format_size

NAME = "registry_time"
# Answers nearer than this are alike.
_MIN_APART = 0.05
_COMPARED_QUANTILE = 0.99
_MOSTLY = 0.5


@dataclass(frozen=True, kw_only=True, repr=False)
class RegistryFit(Fit):
    """How long the registry itself takes over a piece, where periods of attempts differ beyond chance.

    Two cases bound it: the hosts caused all the extra time of slow periods (``quick``, the fit of the other periods), or the registry
    caused all of it that is not proven to be the hosts' (``slow``). Where most is proven, the value is that of the first case, else the
    one halfway between both, in logs; the interval holds those of both. What all hosts add at all times cannot be separated from the
    registry's time. ``n``, ``params`` and so on are those of ``quick``; ``clients`` is the fit of the clients' own time.

    ``goodness`` has ``slow_share`` of the attempts, and ``proven_share`` of the slowness: another host took no longer than usual
    meanwhile. ``hosts`` are those with slow periods, the slowest first.
    """

    quick: DurationFit
    slow: DurationFit
    clients: DurationFit
    hosts: tuple[str, ...]

    @property
    def of_hosts(self) -> bool:
        """Return whether most of the slowness is proven to be the hosts'."""
        return self.goodness["proven_share"] > _MOSTLY

    @property
    def attempts(self) -> Attempts:
        return self.quick.attempts

    def seen_s(self, size_bytes: float) -> float | None:
        """Return the longest time seen, as `DurationFit.seen_s`."""
        return self.clients.seen_s(size_bytes)

    def quantile(self, size_bytes: float, p: float, level: float = 0.95) -> Interval:
        """Return the time (s) within which the registry alone sends a share ``p`` of pieces, as `DurationFit.quantile`."""
        one, other = self.quick.quantile(size_bytes, p, level), self.slow.quantile(size_bytes, p, level)
        value = one.value if self.of_hosts else float(np.sqrt(one.value * other.value))
        return Interval(value, min(one.low, other.low, value), max(one.high, other.high, value))

    def common_quantiles(self, level: float = 0.95) -> list[dict[str, float]]:
        """Return `quantile` at the commonest sizes, as `DurationFit.common_quantiles` does."""
        rows = self.quick.common_quantiles(level)
        found = [self.quantile(row["size_bytes"], row["p"], level) for row in rows]
        return [{**row, "value_s": one.value, "low_s": one.low, "high_s": one.high} for row, one in zip(rows, found, strict=True)]  # fmt: skip


def fit_registry(pieces: pd.DataFrame, clients: object) -> RegistryFit | None:
    """Separate the registry's own time from the hosts', given the fit of all attempts at the source; None where all periods are alike."""
    found = find_slow_periods(pieces) if isinstance(clients, DurationFit) else None
    if found is None or not isinstance(clients, DurationFit):
        return None
    quick = fit_duration(pieces.iloc[found.row[found.quick]], name=NAME)
    if not isinstance(quick, DurationFit):
        return None
    size_bytes = float(quick.attempts.common_sizes(1)[0])
    one, other = (fit.quantile(size_bytes, _COMPARED_QUANTILE).value for fit in (quick, clients))
    if other <= one * (1.0 + _MIN_APART):
        return None
    slow: object = clients
    if found.excluded.any():
        of_source = pieces["origin"].eq("source").to_numpy(dtype=bool, na_value=False).copy()
        of_source[found.row[found.excluded]] = False
        slow = fit_duration(pieces[of_source], name=NAME)
    result = RegistryFit(
        name=NAME, model=quick.model, params=quick.params, n=quick.n, n_censored=quick.n_censored,
        goodness={"slow_share": found.share, "proven_share": found.proven_share}, window=quick.window,
        extrapolates_beyond_s=quick.extrapolates_beyond_s, quick=quick, slow=slow if isinstance(slow, DurationFit) else clients,
        clients=clients, hosts=found.hosts,
    )  # fmt: skip
    return replace(result, notes=_notes(result))


def _notes(fit: RegistryFit) -> tuple[Message, ...]:
    size_bytes = float(fit.attempts.common_sizes(1)[0])
    own, theirs = (one.quantile(size_bytes, _COMPARED_QUANTILE) for one in (fit, fit.clients))
    values = {
        "share": format_share(_COMPARED_QUANTILE),
        "size": format_size(size_bytes),
        "own": interval_text(own, "s"),
    }
    figures = message("how long {share} of pieces of {size} take the registry itself: {own}", **values)
    if own.is_known:
        figures = message(
            "{share} of pieces of {size} take the registry itself at most {own}, and the clients {theirs}",
            **values, theirs=known_value(theirs, "s"),
        )  # fmt: skip
    slow = message(
        "{share} of the attempts are in periods that took longer than the others, most of all on {host}",
        share=format_share(fit.goodness["slow_share"]), host=fit.hosts[0],
    )  # fmt: skip
    if fit.of_hosts:
        return figures, message(
            "{slow}; another host was as fast as usual at the same time, so the hosts or their links were slow, not the registry",
            slow=slow,
        )
    return figures, message(
        "{slow}; the logs do not show whether the hosts or the registry were slow, so the range holds both cases",
        slow=slow,
    )
