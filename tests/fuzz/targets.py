"""Entry points that take untrusted bytes. Each returns, or raises what is no `DflyError`: that is a finding."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pyarrow as pa

import dfly_analysis as dfly
from dfly_analysis.config.rendered_manifests import read_rendered
from dfly_analysis.dataset import load
from dfly_analysis.errors import DflyError
from dfly_analysis.io import Opened, open_sources
from dfly_analysis.readers import benchmarks, jobs, pods, prometheus
from dfly_analysis.readers.fragments import fragment_table, read_fragments
from dfly_analysis.readers.jobs import read_jobs
from dfly_analysis.readers.logs import LogReader, native_parser, sniff
from dfly_analysis.readers.logs.event_schema import arrow_schema
from dfly_analysis.readers.logs.small_files import SmallLog, parse_small_logs, plain_format
from dfly_analysis.redaction import redact
from tests.fuzz.seeds import SEPARATOR

_ADDRESS = "seed-client-0/dfdaemon/dfdaemon.log"
_ZONES = ("UTC", "Asia/Shanghai", "America/New_York")


def _tables(data: bytes, tz: str, *, relevant_only: bool = False) -> tuple[LogReader, pa.Table]:
    reader = LogReader(Opened(_ADDRESS, io.BytesIO(data)), tz, relevant_only=relevant_only)
    tables = list(reader.tables())
    return reader, pa.concat_tables(tables) if tables else arrow_schema().empty_table()


def check_log(data: bytes) -> None:
    """A log, wrapped or not: every way of reading it gives the same, and every line is counted."""
    tz = _ZONES[len(data) % len(_ZONES)]
    fast, table = _tables(data, tz)
    _, relevant = _tables(data, tz, relevant_only=True)
    with mock.patch.object(native_parser, "is_available", return_value=False):
        careful, other = _tables(data, tz)
        _check_equal(relevant, _tables(data, tz, relevant_only=True)[1])
    assert fast.coverage == careful.coverage, (fast.coverage, careful.coverage)
    _check_equal(table, other)
    if data.endswith(b"\n") and (log_format := plain_format(data)):
        together, coverage = parse_small_logs([SmallLog(_ADDRESS, data)], log_format, tz)
        _check_equal(table, together)
        assert coverage == [fast.coverage]
    counted = fast.coverage
    assert counted["parsed"] + counted["continuation"] + counted["rejected"] == counted["lines"]
    assert counted["rejected"] >= 0
    if len(table):
        numbers = table.column("log_line").to_numpy()
        assert numbers.min() >= 1
        assert numbers.max() <= data.count(b"\n") + 1
        if len(data) % 16 == 0:
            table.to_pandas()


def _check_equal(one: pa.Table, other: pa.Table) -> None:
    for name in one.column_names:
        assert one.column(name).to_pylist() == other.column(name).to_pylist(), name


def check_sniffing(data: bytes) -> None:
    """The first bytes of a file: something is said of them."""
    sniff(data)
    text = data.decode("utf-8", "replace")
    for one in (jobs, benchmarks, pods, prometheus):
        one.recognises(text)


def check_redaction(data: bytes) -> None:
    """Any text: redaction ends, and is done once and for all."""
    clean = redact(data.decode("utf-8", "replace"))
    assert redact(clean) == clean


def check_jobs(data: bytes) -> None:
    """A text taken for job JSON, whatever it is: rows that a table can hold."""
    rows = read_jobs(data.decode("utf-8", "replace"), "a/jobs.json", on_problem=lambda _: None)
    _check_cells(rows)


def check_bench(data: bytes) -> None:
    """A text taken for a benchmark's output."""
    _check_cells(benchmarks.read_bench(data.decode("utf-8", "replace"), "a/bench.txt", on_problem=lambda _: None))


def check_metrics(data: bytes) -> None:
    """A text taken for a Prometheus dump."""
    _check_cells([dict(row) for row in prometheus.read_metrics(data.decode("utf-8", "replace"), "a/metrics.txt").rows])


def check_settings(data: bytes) -> None:
    """A text taken for a component's rendered configuration."""
    read_rendered(data.decode("utf-8", "replace"), "a/dfdaemon.yaml")


def check_pods(data: bytes) -> None:
    """A text taken for what kubectl prints of pods, events and nodes."""
    _check_cells(pods.read_pods(data.decode("utf-8", "replace"), "a/pods.json", on_problem=lambda _: None))


def check_fragments(data: bytes) -> None:
    """A text that somebody pasted: fragments, and what is explained of them."""
    text = data.decode("utf-8", "replace")
    fragment_table(read_fragments(text), "-", _ZONES[len(data) % len(_ZONES)])
    dfly.explain(text)


def check_diagnosis(data: bytes) -> None:
    """A log, and what every later stage makes of it."""
    with tempfile.TemporaryDirectory(prefix="dfly-fuzz-", dir=_memory()) as top:
        path = Path(top) / "seed-client-0" / "dfdaemon.log"
        path.parent.mkdir()
        path.write_bytes(data)
        dataset = dfly.load(top, tz=_ZONES[len(data) % len(_ZONES)])
        findings = dfly.diagnose(dataset)
        dfly.recommend(dataset, findings, {}, size="20GiB")


def _check_cells(rows: list[dict]) -> None:
    for row in rows:
        for name, value in row.items():
            if isinstance(value, int):
                assert abs(value) < 2**63, name
            if isinstance(value, str):
                value.encode()


def check_sources(data: bytes) -> None:
    """A file of these bytes, compressed or an archive or neither: every stream in it ends."""
    with tempfile.TemporaryDirectory(prefix="dfly-fuzz-", dir=_memory()) as top:
        path = Path(top) / "x"
        path.write_bytes(data)
        for opened in open_sources([path], on_problem=lambda _: None):
            opened.head()
            for block in opened.blocks():
                del block
        assert sorted(Path(top).rglob("*")) == [path]


def check_folder(data: bytes) -> None:
    """A folder of up to three files: a dataset, or a `DflyError`."""
    names = ("a/dfdaemon.log", "b/scheduler/x", "c/jobs.json")
    with tempfile.TemporaryDirectory(prefix="dfly-fuzz-", dir=_memory()) as top:
        for name, content in zip(names, data.split(SEPARATOR), strict=False):
            path = Path(top) / name
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
        load(top)


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


TARGETS: dict[str, Callable[[bytes], None]] = {
    "logs": check_log, "sniffing": check_sniffing, "redaction": check_redaction, "jobs": check_jobs, "bench": check_bench,
    "metrics": check_metrics, "settings": check_settings, "sources": check_sources, "folder": check_folder, "pods": check_pods,
    "fragments": check_fragments, "diagnosis": check_diagnosis,
}  # fmt: skip


def run(target: str, data: bytes) -> None:
    """Feed bytes to an entry point; an error of this package is an answer, anything else goes up."""
    try:
        TARGETS[target](data)
    except DflyError:
        return
