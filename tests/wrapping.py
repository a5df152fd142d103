"""Wraps plain logs into every shape in which they come: what kubelets, shells and log stores make of a program's lines.

Each function of `SHAPES` takes the plain bytes of each writer and returns the wrapped file; `lay` says besides which line
of which writer stands on which line of the file. Shapes not in `NAMING` hold one writer.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle

START = datetime(2026, 5, 2, 10, 0, 0, tzinfo=UTC)
STEP = timedelta(microseconds=1_234_567)
CONTAINER = "client"
PIECE_BYTES = 16384


@dataclass
class Laid:
    """A wrapped file, and where in it each line stands: writer (empty where the shape names none), line, number.

    `own_lines` counts the tool's notices and headers; `lines` are oldest first.
    """

    data: bytes = b""
    lines: list[tuple[str, bytes, int]] = field(default_factory=list)
    own_lines: int = 0


Lay = Callable[[Mapping[str, bytes]], Laid]
SHAPES: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {}
ENVELOPE_OF: dict[str, str | None] = {}
NAMING: set[str] = set()
_LAYS: dict[str, Lay] = {}


def lay(shape: str, files: Mapping[str, bytes]) -> Laid:
    """Wrap files into a shape and say what stands where."""
    return _LAYS[shape](files)


def shape(name: str, wrapper: str | None, *, names: bool = False):
    """Register a shape; `names` says that it names its writers."""

    def register(function: Lay) -> Lay:
        _LAYS[name] = function
        SHAPES[name] = lambda files: function(files).data
        ENVELOPE_OF[name] = wrapper
        if names:
            NAMING.add(name)
        return function

    return register


def stamp(number: int, digits: int = 9) -> str:
    """RFC 3339 time of the line of that number, as Go writes it: without zeros at the end."""
    moment = START + STEP * number
    fraction = f"{moment.microsecond:06d}000"[:digits].rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}Z"


def nanoseconds(number: int) -> int:
    moment = START + STEP * number
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def split_lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def interleaved(files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Take one to four lines of each writer in turn, until there are none."""
    waiting = {writer: iter(split_lines(data)) for writer, data in files.items()}
    for burst in cycle((1, 3, 2, 4)):
        for writer, lines in list(waiting.items()):
            for _ in range(burst):
                line = next(lines, None)
                if line is None:
                    del waiting[writer]
                    break
                yield writer, line
        if not waiting:
            return


def by_line(
    rows: Iterable[tuple[str, bytes, list[bytes]]],
    *,
    before: Iterable[bytes] = (),
    after: Iterable[bytes] = (),
    turned: bool = False,
) -> Laid:
    """Lay out physical lines: writer, line, and the one or more lines it is wrapped into; `turned` is newest first."""
    laid = Laid(own_lines=len([*before, *after]))
    out = [*before]
    listed = list(rows)
    for writer, line, wrapped in reversed(listed) if turned else listed:
        laid.lines.append((writer, line, len(out) + 1))
        out.extend(wrapped)
    out.extend(after)
    laid.data = b"".join(line + b"\n" for line in out)
    if turned:
        laid.lines.reverse()
    return laid


def pieces(line: bytes, most: int = PIECE_BYTES) -> list[bytes]:
    """Cut a line as a runtime does, never inside a character."""
    found, start = [], 0
    while len(line) - start > most:
        stop = start + most
        while line[stop] & 0xC0 == 0x80:
            stop -= 1
        found.append(line[start:stop])
        start = stop
    return [*found, line[start:]]


def _only(files: Mapping[str, bytes]) -> list[bytes]:
    (data,) = files.values()
    return split_lines(data)


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@shape("cri", "cri")
def wrap_cri(files: Mapping[str, bytes], most: int = PIECE_BYTES) -> Laid:
    rows = []
    for number, line in enumerate(_only(files)):
        *parts, last = pieces(line, most)
        wrapped = [f"{stamp(number)} stdout P ".encode() + part for part in parts]
        rows.append(("", line, [*wrapped, f"{stamp(number)} stdout F ".encode() + last]))
    return by_line(rows)


@shape("docker-json", "docker-json")
def wrap_docker_json(files: Mapping[str, bytes], most: int = PIECE_BYTES) -> Laid:
    rows = []
    for number, line in enumerate(_only(files)):
        *parts, last = [part.decode() for part in pieces(line, most)]
        texts = [*parts, last + "\n"]
        wrapped = [{"log": text, "stream": "stdout", "time": stamp(number)} for text in texts]
        rows.append(("", line, [json.dumps(one, separators=(",", ":")).encode() for one in wrapped]))
    return by_line(rows)


@shape("docker-json-attributes", "docker-json")
def wrap_docker_json_attributes(files: Mapping[str, bytes]) -> Laid:
    lines = _only(files)
    rows = [
        {"log": line.decode() + "\n", "stream": "stderr", "attrs": {"tag": "d7y"}, "time": stamp(number)}
        for number, line in enumerate(lines)
    ]
    return by_line(("", line, [_compact(row)]) for line, row in zip(lines, rows, strict=True))


@shape("kubectl-prefix", "kubectl-prefix", names=True)
def wrap_kubectl_prefix(files: Mapping[str, bytes]) -> Laid:
    rows = [(name, line, [f"[pod/{name}/{CONTAINER}] ".encode() + line]) for name, line in interleaved(files)]
    return by_line(rows, before=[b'Defaulted container "client" out of: client, wait (init)'])


@shape("kubectl-timestamps", "timestamps")
def wrap_kubectl_timestamps(files: Mapping[str, bytes]) -> Laid:
    rows = [("", line, [f"{stamp(number)} ".encode() + line]) for number, line in enumerate(_only(files))]
    return by_line(rows, after=[b"error: unexpected EOF"])


@shape("kubectl-prefix-timestamps", "kubectl-prefix", names=True)
def wrap_kubectl_prefix_timestamps(files: Mapping[str, bytes]) -> Laid:
    return by_line(
        (name, line, [f"[pod/{name}/{CONTAINER}] {stamp(number)} ".encode() + line])
        for number, (name, line) in enumerate(interleaved(files))
    )


@shape("kubectl-notices", "kubectl")
def wrap_kubectl_notices(files: Mapping[str, bytes]) -> Laid:
    rows = [("", line, [line]) for line in _only(files)]
    before = [b"Found 3 pods, using pod/client-0", b'Defaulted container "client" out of: client, wait (init)']
    return by_line(rows, before=before, after=[b"error: unexpected EOF"])


@shape("stern", "stern", names=True)
def wrap_stern(files: Mapping[str, bytes]) -> Laid:
    rows = [(name, line, [f"{name} {CONTAINER} ".encode() + line]) for name, line in interleaved(files)]
    return by_line(
        rows,
        before=[f"+ {name} › {CONTAINER}".encode() for name in files],
        after=[f"- {name} › {CONTAINER}".encode() for name in files],
    )


@shape("stern-colours-timestamps", "stern", names=True)
def wrap_stern_colours(files: Mapping[str, bytes]) -> Laid:
    return by_line(
        (name, line, [f"\x1b[36;1m{name}\x1b[0m \x1b[36m{CONTAINER}\x1b[0m {stamp(number)} ".encode() + line])
        for number, (name, line) in enumerate(interleaved(files))
    )


@shape("stern-namespaces", "stern-namespaces", names=True)
def wrap_stern_namespaces(files: Mapping[str, bytes]) -> Laid:
    return by_line((name, line, [f"d7y {name} {CONTAINER} ".encode() + line]) for name, line in interleaved(files))


@shape("stern-json", "stern-json", names=True)
def wrap_stern_json(files: Mapping[str, bytes]) -> Laid:
    rest = {"nodeName": "node-1", "namespace": "d7y"}
    return by_line(
        (name, line, [_compact({"message": line.decode(), **rest, "podName": name, "containerName": CONTAINER})])
        for name, line in interleaved(files)
    )


@shape("compose", "compose", names=True)
def wrap_compose(files: Mapping[str, bytes]) -> Laid:
    width = max(map(len, files))
    rows = [(name, line, [f"{name:{width}}  | ".encode() + line]) for name, line in interleaved(files)]
    return by_line(
        rows,
        before=[b"Attaching to " + ", ".join(files).encode()],
        after=[f"{name} exited with code 0".encode() for name in files],
    )


@shape("grep", "grep", names=True)
def wrap_grep(files: Mapping[str, bytes]) -> Laid:
    return by_line(
        (name, line, [f"logs/{name}/dfdaemon/dfdaemon.log:".encode() + line])
        for name, data in files.items()
        for line in split_lines(data)
    )


@shape("grep-context", "grep", names=True)
def wrap_grep_context(files: Mapping[str, bytes]) -> Laid:
    laid = Laid()
    out: list[bytes] = []
    for name, data in files.items():
        if out:
            out.append(b"--")
            laid.own_lines += 1
        for number, line in enumerate(split_lines(data)):
            mark = ":-"[number % 3 == 1]
            out.append(f"{name}/dfdaemon.log.1{mark}{number + 1}{mark}".encode() + line)
            laid.lines.append((name, line, len(out)))
    laid.data = b"".join(line + b"\n" for line in out)
    return laid


@shape("grep-numbers", "grep-numbers")
def wrap_grep_numbers(files: Mapping[str, bytes]) -> Laid:
    return by_line(("", line, [f"{number + 7}:".encode() + line]) for number, line in enumerate(_only(files)))


@shape("grep-cri", "grep", names=True)
def wrap_grep_cri(files: Mapping[str, bytes]) -> Laid:
    return by_line(
        (name, line, [f"/var/log/pods/d7y_{name}_1-2-3/{CONTAINER}/0.log:{stamp(number)} stdout F ".encode() + line])
        for name, data in files.items()
        for number, line in enumerate(split_lines(data))
    )


@shape("journal", "syslog", names=True)
def wrap_journal(files: Mapping[str, bytes]) -> Laid:
    rows = []
    for number, (name, line) in enumerate(interleaved(files)):
        head = f"{START + STEP * number:%b %d %H:%M:%S} {name} dfdaemon[123]: ".encode()
        rows.append((name, line, [head + part for part in pieces(line, 49152)]))
    return by_line(
        rows, before=[b"-- Logs begin at Sat 2026-05-02 09:00:00 UTC, end at Sat 2026-05-02 11:00:00 UTC. --"]
    )


@shape("syslog-iso", "syslog", names=True)
def wrap_syslog(files: Mapping[str, bytes]) -> Laid:
    return by_line(
        (name, line, [f"{stamp(number, 6)[:-1]}+00:00 {name} dfdaemon: ".encode() + line.replace(b"\t", b"#011")])
        for number, (name, line) in enumerate(interleaved(files))
    )


@shape("syslog-5424", "syslog-5424", names=True)
def wrap_syslog_5424(files: Mapping[str, bytes]) -> Laid:
    return by_line(
        (name, line, [f"<14>1 {stamp(number)} {name} dfdaemon 123 - - ".encode() + line])
        for number, (name, line) in enumerate(interleaved(files))
    )


@shape("journal-json", "journal-json", names=True)
def wrap_journal_json(files: Mapping[str, bytes]) -> Laid:
    rows = []
    for number, (name, line) in enumerate(interleaved(files)):
        common = {"__REALTIME_TIMESTAMP": str(nanoseconds(number) // 1000), "_HOSTNAME": name, "SYSLOG_IDENTIFIER": "d"}
        *parts, last = pieces(line, 49152)
        wrapped = [{**common, "MESSAGE": part.decode(), "_LINE_BREAK": "line-max"} for part in parts]
        message: object = list(last) if number % 4 == 3 and last else last.decode()
        rows.append((name, line, [_compact(one) for one in [*wrapped, {**common, "MESSAGE": message}]]))
    return by_line(rows)


@shape("logcli", "logcli", names=True)
def wrap_logcli(files: Mapping[str, bytes]) -> Laid:
    """logcli trims the lines: what is indented loses its indentation."""
    rows = []
    for number, (name, line) in enumerate(interleaved(files)):
        labels = f'{{container="{CONTAINER}", pod="{name}"}}'
        trimmed = line.decode().strip().encode()
        rows.append((name, trimmed, [f"{stamp(number, 0)} {labels:50} ".encode() + trimmed]))
    return by_line(rows, before=[b'2026/05/02 10:00:00 Common labels: {app="dragonfly"}'], turned=True)


@shape("logcli-jsonl", "loki-jsonl", names=True)
def wrap_logcli_jsonl(files: Mapping[str, bytes]) -> Laid:
    rows = []
    for number, (name, line) in enumerate(interleaved(files)):
        row = {"labels": {"container": CONTAINER, "pod": name}, "line": line.decode(), "timestamp": stamp(number)}
        rows.append((name, line, [_compact(row)]))
    return by_line(rows, turned=True)


@shape("logcli-jsonl-forward", "loki-jsonl", names=True)
def wrap_logcli_jsonl_forward(files: Mapping[str, bytes]) -> Laid:
    return by_line(
        (name, line, [_compact({"labels": {"pod": name}, "line": line.decode(), "timestamp": stamp(number)})])
        for number, (name, line) in enumerate(interleaved(files))
    )


@shape("logcli-raw", "newest-first")
def wrap_logcli_raw(files: Mapping[str, bytes]) -> Laid:
    return by_line((("", line, [line]) for line in _only(files)), turned=True)


@shape("loki-docker", "loki-jsonl", names=True)
def wrap_loki_docker(files: Mapping[str, bytes]) -> Laid:
    rows = []
    for number, (name, line) in enumerate(interleaved(files)):
        inner = _compact({"log": line.decode() + "\n", "stream": "stdout", "time": stamp(number)}).decode()
        rows.append((name, line, [_compact({"labels": {"pod": name}, "line": inner, "timestamp": stamp(number)})]))
    return by_line(rows, turned=True)


@shape("grafana-text", "grafana-text")
def wrap_grafana_text(files: Mapping[str, bytes]) -> Laid:
    rows = []
    for number, line in enumerate(_only(files)):
        moment = START + STEP * number
        head = f"{nanoseconds(number) // 10**6}\t{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z\t"
        rows.append(("", line, [head.encode() + line]))
    return by_line(
        rows, before=[b'Common labels: {"app":"d7y"}', b'Line limit: "1000 (2 displayed)"', b"", b""], turned=True
    )


def _table(
    header: list[str], rows: list[tuple[str, bytes, list[str]]], delimiter: str = ",", first: bytes = b""
) -> Laid:
    laid = Laid(own_lines=1 + first.count(b"\n"))
    made = io.StringIO()
    out = csv.writer(made, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    out.writerow(header)
    number = laid.own_lines + 1
    for writer, line, row in reversed(rows):
        out.writerow(row)
        laid.lines.append((writer, line, number))
        number += 1
    laid.lines.reverse()
    laid.data = first + made.getvalue().encode()
    return laid


@shape("grafana-csv", "csv")
def wrap_grafana_csv(files: Mapping[str, bytes]) -> Laid:
    rows = [
        ("", line, [f"{START + STEP * number:%Y-%m-%d %H:%M:%S}", line.decode()])
        for number, line in enumerate(_only(files))
    ]
    return _table(["Time", "Line"], rows)


@shape("grafana-csv-labels", "csv", names=True)
def wrap_grafana_csv_labels(files: Mapping[str, bytes]) -> Laid:
    rows = []
    for number, (name, line) in enumerate(interleaved(files)):
        labels = json.dumps({"pod": name, "container": CONTAINER})
        rows.append((name, line, [str(nanoseconds(number)), stamp(number, 3), line.decode(), labels]))
    return _table(["tsNs", "Date", "Line", "labels"], rows)


@shape("grafana-csv-excel", "csv", names=True)
def wrap_grafana_csv_excel(files: Mapping[str, bytes]) -> Laid:
    """What Grafana writes for Excel: UTF-16 with tabs."""
    rows = [
        (name, line, [stamp(number), name, line.decode()]) for number, (name, line) in enumerate(interleaved(files))
    ]
    laid = _table(["Time", "pod", "Line"], rows, "\t")
    laid.data = b"\xff\xfe" + laid.data.decode().encode("utf-16-le")
    return laid


@shape("grafana-json", "grafana-json", names=True)
def wrap_grafana_json(files: Mapping[str, bytes]) -> Laid:
    laid = Laid()
    rows = []
    for number, (name, line) in enumerate(interleaved(files)):
        rows.append(
            {"line": line.decode(), "timestamp": str(nanoseconds(number)), "fields": {"pod": name, "job": "d7y"}}
        )
        laid.lines.append((name, line, 1))
    laid.data = _compact(rows[::-1])
    return laid


@shape("loki-api", "loki-api", names=True)
def wrap_loki_api(files: Mapping[str, bytes]) -> Laid:
    """Two streams a writer, by level, whose lines have to be put together again."""
    laid = Laid()
    streams: dict[tuple[str, str], list[list[str]]] = {}
    for number, (name, line) in enumerate(interleaved(files)):
        streams.setdefault((name, "error" if b"ERROR" in line else "info"), []).append(
            [str(nanoseconds(number)), line.decode()]
        )
        laid.lines.append((name, line, 1))
    result = [
        {"stream": {"pod": name, "level": level}, "values": values[::-1]} for (name, level), values in streams.items()
    ]
    laid.data = _compact({"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}})
    return laid


@shape("elastic", "elastic", names=True)
def wrap_elastic(files: Mapping[str, bytes]) -> Laid:
    return by_line(
        (
            name,
            line,
            [
                _compact(
                    {"@timestamp": stamp(number, 3), "message": line.decode(), "kubernetes": {"pod": {"name": name}}}
                )
            ],
        )
        for number, (name, line) in enumerate(interleaved(files))
    )


@shape("elastic-search", "elastic-search", names=True)
def wrap_elastic_search(files: Mapping[str, bytes]) -> Laid:
    laid = Laid()
    hits = []
    for number, (name, line) in enumerate(interleaved(files)):
        source = {"@timestamp": stamp(number), "log": line.decode() + "\n", "kubernetes": {"pod_name": name}}
        hits.append({"_index": "d7y", "_source": source})
        laid.lines.append((name, line, 1))
    laid.data = _compact({"took": 1, "hits": {"total": {"value": len(hits)}, "hits": hits[::-1]}})
    return laid


def _bare(files: Mapping[str, bytes], change: Callable[[bytes], bytes]) -> Laid:
    laid = by_line(("", line, [line]) for line in _only(files))
    laid.data = change(laid.data)
    return laid


@shape("crlf", None)
def wrap_crlf(files: Mapping[str, bytes]) -> Laid:
    return _bare(files, lambda data: data.replace(b"\n", b"\r\n"))


@shape("utf-8-mark", None)
def wrap_utf_8_mark(files: Mapping[str, bytes]) -> Laid:
    return _bare(files, lambda data: b"\xef\xbb\xbf" + data)


@shape("utf-16-crlf", None)
def wrap_utf_16(files: Mapping[str, bytes]) -> Laid:
    """What PowerShell writes behind ``>``."""
    return _bare(files, lambda data: b"\xff\xfe" + data.decode().replace("\n", "\r\n").encode("utf-16-le"))


@shape("utf-16-big", None)
def wrap_utf_16_big(files: Mapping[str, bytes]) -> Laid:
    return _bare(files, lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"))


@shape("colours", None)
def wrap_colours(files: Mapping[str, bytes]) -> Laid:
    return _coloured(files, "\x1b")


@shape("colours-without-escape", None)
def wrap_colours_without_escape(files: Mapping[str, bytes]) -> Laid:
    return _coloured(files, "")


def _coloured(files: Mapping[str, bytes], escape: str) -> Laid:
    start, end = f"{escape}[2m".encode(), f"{escape}[0m".encode()
    return by_line(("", line, [start + line[:20] + end + line[20:]]) for line in _only(files))


@shape("nul-bytes", None)
def wrap_nul_bytes(files: Mapping[str, bytes]) -> Laid:
    """What a log looks like that was truncated while it was written to."""
    return _bare(files, lambda data: b"\0" * 100 + data)
