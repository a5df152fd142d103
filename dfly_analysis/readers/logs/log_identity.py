"""Whose log it is: component, host and role, from what the records say and from where the file lies; and the log's row of coverage."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dfly_analysis.arrow_values import arrow_array
from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.readers.logs.blocks import Counts
from dfly_analysis.readers.logs.event_schema import arrow_schema, coded, codes_and_texts, codes_of

_HOST_ID = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*+:[0-9a-fA-F:.]*+)-(?P<host>.+?)(?P<seed>-seed)?$")
_UUID = re.compile(r"-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?=-seed$|$)")
_GO_PEER = re.compile(r"^(?P<address>[0-9a-fA-F.:]+)-\d+-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?P<seed>_Seed)?$")
"""A peer of the Go client has a process id in the place of the host's name."""
_GO_MANAGER = r"^(?:manager/|handlers/|gin@|gin$|middlewares/|searcher/|recovery/interceptors|.*manager_server)"
_GO_CLIENT = r"(?:.*/)?(?:peer/(?:peertask_|piece_|traffic_)|daemon/|transport/|upload/upload_|storage/(?:local_|storage_manager))"
_GO_SCHEDULER = r"^(?:scheduler/|scheduling/|standard/|announcer/|service/service_v|resource/|.*scheduler_server)"
"""Sources of Go programs; compiled for their logs alone."""
PROGRAM_FOLDERS = frozenset({"dfdaemon", "scheduler", "manager", "daemon", "dfget", "dfcache", "dfstore", "log", "logs", "dragonfly", "var"})  # fmt: skip
"""Folders that say nothing of a host."""
_ARCHIVE = r"\.(?:tar|tgz|tzst|zip|gz|zst|xz|bz2)"
_ENDING = r"\.(?:log|txt)(?:\.\d+)?(?:\.(?:gz|zst|xz|bz2))?$"


class Writer(NamedTuple):
    """Whose records they are where a record itself does not say."""

    component: str
    host: str | None
    role: str


@lru_cache(maxsize=8_192)  # each block of a log names the same again
def split_host(host_id: str | None) -> tuple[str | None, str | None]:
    """Return host name and role of ``<address>-<host name>[-<UUID>][-seed]``, a host or peer id, None where not known."""
    if not host_id:
        return None, None
    if go := _GO_PEER.match(host_id):
        return go["address"], "seedClient" if go["seed"] else "client"
    match = _HOST_ID.match(_UUID.sub("", host_id))
    if not match:
        return host_id, "seedClient" if host_id.endswith("-seed") else "client"
    return match["host"], "seedClient" if match["seed"] else "client"


def find_writers(
    table: pa.Table, addresses: Sequence[str], main: LogFormat | None, file: npt.NDArray[np.int64], named: str = ""
) -> list[Writer]:
    """Return who wrote each of some files; a client's host is the one most of its records name, else what the envelope says, else the file's folder or name."""
    sources, host_ids = (_counted(table, name, file, len(addresses)) for name in ("source", "host_id"))
    writers = []
    for address, own_sources, own_hosts in zip(addresses, sources, host_ids, strict=True):
        component = _component(own_sources, f"{address}/{named}" if named else address, main)
        hosts: Counter[tuple[str | None, str | None]] = Counter()
        for host_id, count in own_hosts.items() if component == "client" else ():
            hosts[split_host(host_id)] += count
        if hosts:
            host, role = hosts.most_common(1)[0][0]
        else:
            host, role = _from_name(named, component) if named else _host_of_path(address, component)
        writers.append(Writer(component, host, role or component))
    return writers


def add_writers(
    table: pa.Table, writers: Sequence[Writer], addresses: Sequence[str], file: npt.NDArray[np.int64]
) -> pa.Table:
    """Return the table in the columns of `arrow_schema`: component, role and host by a record's own ids, else by its file."""
    host_codes, host_values = codes_and_texts(table, "host_id")
    peer_codes, peer_values = codes_and_texts(table, "peer_id")
    pairs = [split_host(value) for value in [*host_values, *peer_values]]
    of_ids = np.where(host_codes >= 0, host_codes, np.where(peer_codes >= 0, peer_codes + len(host_values), -1))
    added = {
        "component": _dictionary(file, [writer.component for writer in writers]),
        "role": _own_or_default(of_ids, [pair[1] for pair in pairs], file, [writer.role for writer in writers]),
        "host": _own_or_default(of_ids, [pair[0] for pair in pairs], file, [writer.host for writer in writers]),
        "log_path": _dictionary(file, addresses),
    }
    for name, array in added.items():
        table = table.append_column(name, array)
    return table.select(arrow_schema().names)


def _own_or_default(
    of_ids: npt.NDArray[np.int64], own: Sequence[str | None], file: npt.NDArray[np.int64], default: Sequence[str | None]
) -> pa.DictionaryArray:
    """Return the texts that the records' ids give, else those of their files."""
    is_given = np.array([value is not None for value in own] + [False])[of_ids]
    return _dictionary(np.where(is_given, of_ids, len(own) + file), [*own, *default])


def _dictionary(places: npt.NDArray[np.int64], values: Sequence[str | None]) -> pa.DictionaryArray:
    encoded = arrow_array(values, pa.string()).dictionary_encode()
    return coded(codes_of(encoded)[places], encoded.dictionary)


def _counted(table: pa.Table, name: str, file: npt.NDArray[np.int64], n_files: int) -> list[dict[str, int]]:
    """Return of each file the texts of a column and how often they stand in it, in the order of first standing."""
    codes, texts = codes_and_texts(table, name)
    known = codes >= 0
    keys, first, counts = np.unique(file[known] * len(texts) + codes[known], return_index=True, return_counts=True)
    found: list[dict[str, int]] = [{} for _ in range(n_files)]
    for at in np.argsort(first).tolist():
        of_file, code = divmod(int(keys[at]), len(texts))
        found[of_file][texts[code]] = int(counts[at])
    return found


def _component(sources: Iterable[str], address: str, main: LogFormat | None) -> str:
    """Return the component that writes records from these source files, in a file of that path and format."""
    if main is None or main.component == "client":
        return "client"
    folders = re.split(r"[/!\\]", address.lower())
    for name in ("scheduler", "manager"):
        if name in folders[:-1]:
            return name
    patterns, listed = (_GO_CLIENT, _GO_MANAGER, _GO_SCHEDULER), list(sources)
    client, manager, scheduler = (sum(bool(re.match(one, source)) for source in listed) for one in patterns)
    if client * 2 > len(listed):
        return "client"
    return "manager" if manager > scheduler or "manager" in folders[-1] else "scheduler"


def _from_name(named: str, component: str) -> tuple[str, str]:
    if component != "client":
        return named, component
    return named, "seedClient" if "seed" in named.lower() else "client"


def _host_of_path(address: str, component: str) -> tuple[str | None, str]:
    """Return host and role that the path of a log names."""
    parts = [part for part in re.split(r"[/!\\]", address) if part]
    folders = [part for part in parts[:-1] if part.lower() not in PROGRAM_FOLDERS and not re.search(_ARCHIVE, part)]
    name = folders[-1] if folders and address != "-" else re.sub(_ENDING, "", parts[-1]) if parts else None
    return (None, component) if name is None else _from_name(name, component)


def coverage_row(
    address: str, writer: Writer, counts: Counts, *, own_lines: int = 0, note: str | None = None
) -> dict[str, Any]:
    """Return a log's row of `dfly_analysis.schema.COVERAGE`; lines of its envelope's own count as continuation."""
    formats = sorted(counts.formats.items(), key=lambda item: (-item[1], item[0]))
    first, last = (np.datetime64(time_ns, "ns") for time_ns in counts.span_ns) if counts.span_ns else (None, None)
    return {
        "path": address, "kind": "log", "format": formats[0][0] if formats else None, "component": writer.component, "host": writer.host,
        "lines": counts.lines + own_lines, "parsed": counts.parsed, "continuation": counts.continuation + own_lines,
        "rejected": counts.lines - counts.parsed - counts.continuation, "first": first, "last": last, "note": note,
    }  # fmt: skip
