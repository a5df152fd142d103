"""Finds what layers will go through: from the registry to a seed, from a seed to a node, out of the node's own cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dfly_analysis.catalog.piece_length_rules import piece_attempts
from dfly_analysis.catalog.releases import releases
from dfly_analysis.catalog.sizing_guide import unpack_speeds
from dfly_analysis.estimates import DEFAULT_RETRY_CORRELATION, measured_retry_correlation
from dfly_analysis.recommendation.plans.manifest import Layer
from dfly_analysis.recommendation.plans.transfer_times import Link
from dfly_analysis.units import format_duration, format_rate, format_share

if TYPE_CHECKING:
    import pandas as pd

    from dfly_analysis.config import Settings
    from dfly_analysis.dataset import Dataset

_TIMEOUTS = ("download.pieceTimeout", "storage.writePieceTimeout")
_SLOTS = "download.concurrentPieceCount"
_USUAL_SLOTS = 8  # default of the client from v1.0.36 on
PULLED_AT_ONCE = 3  # containerd's max_concurrent_downloads
# Published: a file of 6.17 GB out of the local cache in 19.7 s (d7y.io, integration with Hugging Face).
NODE_BPS = 313e6
_BUSY_QUANTILE = 0.95


@dataclass(frozen=True)
class Links:
    """The ways of a layer.

    Attributes
    ----------
    source : Link
        From the registry to the seeds.
    origin : Link
        From the registry to a node.
    seed : Link
        From the seeds to a node.
    node : Link
        Out of the node's cache.
    unpack_bps : float or None
        Where the user named it.
    pulled_at_once : int
    assumptions : tuple of str
    """

    source: Link
    origin: Link
    seed: Link
    node: Link
    unpack_bps: float | None
    pulled_at_once: int
    assumptions: tuple[str, ...]

    def unpack_s(self, layers: Sequence[Layer]) -> float | None:
        """Return how long the layers are unpacked, one after another; None where a size is not known."""
        total = 0.0
        for layer in layers:
            if layer.size_bytes is None:
                return None
            total += layer.size_bytes / (self.unpack_bps or _usual_unpack_bps(layer.compression))
        return total


def _usual_unpack_bps(compression: str) -> float:
    """Return what one core unpacks of compressed bytes a second; what is not known is taken for gzip."""
    speeds = unpack_speeds()
    return speeds[compression if compression in speeds else "gzip"].value


def find_links(
    settings: Settings, dataset: Dataset | None, fits: Mapping[str, Any] | None, rates: Mapping[str, float | None]
) -> Links:
    """Find the ways of a layer from settings, logs and named bandwidths; arguments as `plan_preheat`."""
    known = dataset.settings if dataset is not None else settings
    notes: list[str] = []
    source = _link("seedClient", "source", known, dataset, fits, rates.get("registry"), notes)
    origin = _link("client", "source", known, None, fits, rates.get("registry") or source.bandwidth_bps, [])
    origin = replace(origin, _model_cache=source._model_cache)  # noqa: SLF001 - the same law, asked once
    seed = _link("client", "parent", known, dataset, fits, rates.get("seed"), notes)
    node_bps = rates.get("node") or NODE_BPS
    if not rates.get("node"):
        notes.append(
            f"the node's cache gives {format_rate(NODE_BPS)}, as published for a file of 6.17 GB; name yours with --node-rate"
        )
    if not rates.get("unpack"):
        shown = ", ".join(f"{name} at {format_rate(_usual_unpack_bps(name))}" for name in ("gzip", "zstd"))
        notes.append(f"unpacking is assumed, not measured: {shown} of compressed bytes; name yours with --unpack-rate")
    notes.append("a node that finds nothing preheated has the registry's bandwidth to itself")
    notes.append(f"a node pulls {PULLED_AT_ONCE} layers at once, as containerd does by default")
    node = Link(None, node_bps, _USUAL_SLOTS, None, source.client)
    return Links(source, origin, seed, node, rates.get("unpack"), PULLED_AT_ONCE, tuple(notes))


def _link(
    role: str, way: str, settings: Settings, dataset: Dataset | None, fits: Mapping[str, Any] | None,
    bandwidth_bps: float | None, notes: list[str],
) -> Link:  # fmt: skip
    names = (f"piece_from_{way}_{role}", f"piece_from_{way}")
    name = next((one for one in names if fits and fits.get(one)), None)
    duration_model = fits[name] if fits and name else None
    client = settings.versions.get(role) or settings.versions.get("seedClient")
    where = "from the registry" if way == "source" else "from a seed to a node"
    timeout_s = min((one for key in _TIMEOUTS if (one := settings.get(key, role).seconds) is not None), default=None)
    number = settings.get(_SLOTS, role).number
    slots = max(1, int(number)) if number else _USUAL_SLOTS
    if way == "source":
        notes += _setting_notes(client, timeout_s, slots, known=number is not None)
    if duration_model is not None:
        notes.append(
            f"{where}: times of a piece are those of {duration_model.n} attempts in the logs, {format_share(duration_model.n_censored / duration_model.n)} of them cut short"
        )
        if bandwidth_bps is None and dataset is not None:
            bandwidth_bps = busy_rate_bps(dataset.pieces, way)
            if bandwidth_bps is not None:
                notes.append(
                    f"{where}: no more than {format_rate(bandwidth_bps)} all together, the highest rate seen; name it where the link bears more"
                )
    elif bandwidth_bps is not None:
        notes.append(
            f"{where}: {format_rate(bandwidth_bps)}, shared evenly; no logs, so no spread of times and no interval"
        )
    else:
        notes.append(f"{where}: nothing is known, so no time; give logs with --from, or a bandwidth")
    retry_correlation = (
        measured_retry_correlation(fits) if fits and way == "source" else None
    ) or DEFAULT_RETRY_CORRELATION
    return Link(
        duration_model, bandwidth_bps, slots, timeout_s, client, piece_attempts(client).passes, retry_correlation
    )


def _setting_notes(client: str | None, timeout_s: float | None, slots: int, *, known: bool) -> list[str]:
    result = []
    if client is None:
        result.append(
            f"the client's release is not named: pieces are cut as {releases('client')[-1]} does; name it with --client or --chart"
        )
    limit = format_duration(timeout_s) if timeout_s is not None else "not known, so no failure by timeout can be told"
    source = "in force" if known else "assumed"
    result.append(f"the limit of a piece on a seed is {limit}; {slots} pieces of a layer in flight ({source})")
    return result


def busy_rate_bps(pieces: pd.DataFrame, way: str) -> float | None:
    """Return the rate that all hosts together reached in their busiest twentieth of the time, bytes per second.

    Parameters
    ----------
    pieces : DataFrame
        Attempts; those that finished count, each with an even rate between start and end.
    way : {"source", "parent"}

    Returns
    -------
    float or None
        None where no finished attempt has its times.
    """
    import numpy as np

    usable = (pieces["origin"] == way).fillna(value=False) & (pieces["outcome"] == "ok")
    rows = pieces.loc[usable, ["duration_s", "size_bytes", "ended"]]
    rows = rows[(rows["duration_s"] > 0) & rows["size_bytes"].notna() & rows["ended"].notna()]
    if rows.empty:
        return None
    end = rows["ended"].astype("int64").to_numpy() / 1e9
    time = rows["duration_s"].to_numpy(dtype=float)
    rate = rows["size_bytes"].to_numpy(dtype=float) / time
    moments = np.concatenate([end - time, end])
    order = np.argsort(moments, kind="stable")
    level = np.cumsum(np.concatenate([rate, -rate])[order])[:-1]
    width = np.diff(moments[order])
    busy = (level > 0) & (width > 0)
    ranked = np.argsort(level[busy])
    share = np.cumsum(width[busy][ranked])
    if not len(share):
        return None
    place = int(np.searchsorted(share, _BUSY_QUANTILE * share[-1]))
    return float(level[busy][ranked][min(place, len(ranked) - 1)])
