"""Whose log it is: component, host and role, from what the records say and from where the file lies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.logs.arrow import coded, codes_of, strings

_HOST_ID = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)-(?P<host>.+?)(?P<seed>-seed)?$")
_UUID = re.compile(r"-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?=-seed$|$)")
_GO_MANAGER = r"^(?:manager/|handlers/|gin@|gin$|middlewares/|searcher/|recovery/interceptors|.*manager_server)"
_GO_CLIENT = r"(?:.*/)?(?:peer/(?:peertask_|piece_|traffic_)|daemon/|transport/|upload/upload_|storage/(?:local_|storage_manager))"
_GO_SCHEDULER = r"^(?:scheduler/|scheduling/|standard/|announcer/|service/service_v|resource/|.*scheduler_server)"
"""Sources of Go programs; compiled for their logs alone."""
_OWN_FOLDERS = frozenset(
    {"dfdaemon", "scheduler", "manager", "daemon", "dfget", "dfcache", "dfstore", "log", "logs", "dragonfly", "var"}
)
_ARCHIVE = r"\.(?:tar|tgz|tzst|zip|gz|zst|xz|bz2)"
_ENDING = r"\.(?:log|txt)(?:\.\d+)?(?:\.(?:gz|zst|xz|bz2))?$"


class Writer(NamedTuple):
    """Whose records they are where a record itself does not say.

    Attributes
    ----------
    component : {"client", "scheduler", "manager"}
    host : str or None
    role : str
    """

    component: str
    host: str | None
    role: str


@lru_cache(maxsize=8_192)  # each block of a log names the same again
def split_host(host_id: str | None) -> tuple[str | None, str | None]:
    """Return host name and role of a host or peer id, each None where it cannot be told.

    Host ids are ``<address>-<host name>[-seed]``, peer ids have a UUID between name and suffix.
    """
    if not host_id:
        return None, None
    match = _HOST_ID.match(_UUID.sub("", host_id))
    if not match:
        return host_id, "seedClient" if host_id.endswith("-seed") else "client"
    return match["host"], "seedClient" if match["seed"] else "client"


def find_writer(table: pa.Table, address: str, named: str, main: LogFormat | None) -> Writer:
    """Find the writer of a file from its first block.

    Parameters
    ----------
    table : pyarrow.Table
        Records with ``source`` and ``host_id``.
    address : str
    named : str
        What a wrapper calls it, or empty.
    main : LogFormat or None

    Returns
    -------
    Writer
        A client's host is the one most of its records name; else what the wrapper says; else the file's folder or name.
    """
    component = _component(_texts(table, "source"), f"{address}/{named}" if named else address, main)
    if component == "client":
        hosts: Counter[tuple[str | None, str | None]] = Counter()
        for host_id, count in _counted(table, "host_id"):
            hosts[split_host(host_id)] += count
        if hosts:
            host, role = hosts.most_common(1)[0][0]
            return Writer(component, host, role or "client")
    return Writer(component, *(_from_name(named, component) if named else _from_address(address, component)))


def add_writer(table: pa.Table, writer: Writer, address: str) -> pa.Table:
    """Return the table with ``component``, ``role``, ``host`` and ``log_path``: a record's own ids go before the file's."""
    host_codes, host_values = _codes(table, "host_id")
    peer_codes, peer_values = _codes(table, "peer_id")
    pairs = [split_host(value) for value in [*host_values, *peer_values]]
    default = len(pairs)
    own = np.where(
        host_codes >= 0, host_codes, np.where(peer_codes >= 0, peer_codes + len(host_values), default)
    ).astype(np.int64)
    hosts = [*(pair[0] or writer.host for pair in pairs), writer.host]
    roles = [*(pair[1] or writer.role for pair in pairs), writer.role]
    constant = np.zeros(len(table), np.int32)
    added = {
        "component": coded(constant, strings([writer.component])), "role": _dictionary(own, roles),
        "host": _dictionary(own, hosts), "log_path": coded(constant, strings([address])),
    }  # fmt: skip
    for name, array in added.items():
        table = table.append_column(name, array)
    return table


def _dictionary(places: np.ndarray, values: Sequence[str | None]) -> pa.DictionaryArray:
    unique = list(dict.fromkeys(value for value in values if value is not None))
    code = {value: place for place, value in enumerate(unique)}
    codes = np.array([code.get(value, -1) if value is not None else -1 for value in values], np.int32)[places]
    return coded(codes, strings(unique))


def _codes(table: pa.Table, name: str) -> tuple[np.ndarray, list[str]]:
    column = table.column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else strings([]).dictionary_encode()
    return codes_of(column), column.dictionary.to_pylist()


def _counted(table: pa.Table, name: str) -> list[tuple[str, int]]:
    """Return each value and how often it stands, in the order of first standing."""
    codes, values = _codes(table, name)
    found, first, counts = np.unique(codes[codes >= 0], return_index=True, return_counts=True)
    return [(values[found[place]], int(counts[place])) for place in np.argsort(first)]


def _texts(table: pa.Table, name: str) -> list[str]:
    return [value for value, _ in _counted(table, name)]


def _component(sources: Iterable[str], address: str, main: LogFormat | None) -> str:
    if main is None or main.component == "client":
        return "client"
    folders = re.split(r"[/!\\]", address.lower())
    for name in ("scheduler", "manager"):
        if name in folders[:-1]:
            return name
    listed = list(sources)
    client, manager, scheduler = (
        sum(bool(re.match(pattern, source)) for source in listed)
        for pattern in (_GO_CLIENT, _GO_MANAGER, _GO_SCHEDULER)
    )
    if client * 2 > len(listed):
        return "client"
    is_manager = manager > scheduler
    return "manager" if is_manager or "manager" in folders[-1] else "scheduler"


def _from_name(named: str, component: str) -> tuple[str, str]:
    if component != "client":
        return named, component
    return named, "seedClient" if "seed" in named.lower() else "client"


def _from_address(address: str, component: str) -> tuple[str | None, str]:
    parts = [part for part in re.split(r"[/!\\]", address) if part]
    folders = [part for part in parts[:-1] if part.lower() not in _OWN_FOLDERS and not re.search(_ARCHIVE, part)]
    name = folders[-1] if folders and address != "-" else re.sub(_ENDING, "", parts[-1]) if parts else None
    if name is None:
        return None, component if component != "client" else "client"
    return _from_name(name, component)
