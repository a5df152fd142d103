"""What the tests of the reading side share: logs as text, opened sources, small generated runs."""

from __future__ import annotations

import atexit
import io
import shutil
import tarfile
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from dfly_analysis.catalog.log_formats import LogFormat
from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import Dataset, load
from dfly_analysis.io import Opened
from dfly_analysis.readers.logs import LogReader
from dfly_analysis.readers.logs.event_schema import arrow_schema
from tests.synthetic import Truth, write_run

TASK = "6a" * 32
HOST_ID = "10.1.0.10-seed-client-0-seed"
PEER = "10.1.0.10-seed-client-0-11111111-2222-3333-4444-555555555555-seed"
BLOB = "http://reg.example/v2/m/blobs/sha256:"
IDS = f'host_id="{HOST_ID}" task_id="{TASK}" peer_id="{PEER}"'


def job(group="group_1", state="SUCCESS", done=("00",), failed=(), **more):
    success = [{"url": f"{BLOB}{name}?ns=1", "hostname": "seed-0", "ip": "10.0.0.5"} for name in done]
    failure = [{"url": f"{BLOB}{name}", "description": f"task {name} failed: boom"} for name in failed]
    states = [
        {
            "task_uuid": "task_1",
            "state": state,
            "error": more.pop("error", ""),
            "results": [{"success_tasks": success or None, "failure_tasks": failure or None}],
        }
    ]
    return {
        "id": 7, "created_at": "2025-11-02T10:00:00Z", "updated_at": "2025-11-02T10:07:30Z", "task_id": group, "type": "preheat", "state": state,
        "args": {"type": "image", "url": "https://reg.example/v2/m/manifests/1", "scope": "single_seed_peer", "timeout": 1800000000000},
        "result": {"group_uuid": group, "state": state, "job_states": states}, **more,
    }  # fmt: skip


def line(
    second: float, message: str, *, level: str = " INFO", ids: str = IDS, spans: str = "download_task:download: "
) -> str:
    """Return a compact line of v1.4.1 and later, so many seconds after ten o'clock."""
    whole, micro = divmod(round(second * 1_000_000), 1_000_000)
    stamp = f"2026-05-02T10:{whole // 60:02d}:{whole % 60:02d}.{micro:06d}Z"
    return f"{stamp} {level} {spans}dragonfly-client/src/resource/task.rs:9: {message} {ids}".rstrip()


def zap(
    second: float, message: str, *, level: str = "info", caller: str = "service/service_v2.go:9", hour: int = 10
) -> str:
    """Return a JSON line of the scheduler about the same peer, in local time without a zone."""
    whole, milli = divmod(round(second * 1000), 1000)
    stamp = f"2026-05-02 {hour}:{whole // 60:02d}:{whole % 60:02d}.{milli:03d}"
    ids = f'"hostID":"{HOST_ID}","taskID":"{TASK}","peerID":"{PEER}"'
    return f'{{"level":"{level}","ts":"{stamp}","caller":"{caller}","msg":"{message}",{ids}}}'


def reported(second: float, number: int, cost: str, *, hour: int = 10) -> str:
    """Return the scheduler's line of a finished piece from the source."""
    text = f"receive DownloadPieceBackToSourceFinishedRequest, piece number: {number}, piece length: 4194304, traffic type: BACK_TO_SOURCE, cost: {cost}, parent id: "
    return zap(second, text, hour=hour)


def opened(text: str | bytes, address: str = "seed-client-0/dfdaemon/dfdaemon.log") -> Opened:
    return Opened(address, io.BytesIO(text if isinstance(text, bytes) else text.encode()))


class LogPart(NamedTuple):
    """Records and the coverage row of one log."""

    events: pd.DataFrame
    coverage: dict[str, Any]


def read_log(opened: Opened, *, tz: str = "UTC", log_format: LogFormat | None = None) -> LogPart:
    """Read one log file as a whole."""
    reader = LogReader(opened, tz, log_format)
    tables = [arrow_schema().empty_table(), *reader.tables()]
    return LogPart(to_frame(pa.concat_tables(tables)), reader.coverage)


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return rows in the columns of `arrow_schema` as a DataFrame; text is ``str``, numbers that may be missing are ``Int64``."""
    columns: dict[str, Any] = {}
    for field in table.schema:
        array = table.column(field.name)
        if pa.types.is_integer(field.type):
            columns[field.name] = array.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        elif pa.types.is_timestamp(field.type):
            columns[field.name] = array.to_pandas()
        else:
            columns[field.name] = array.cast(pa.string()).to_pandas().astype("str")
    return pd.DataFrame(columns)


def read(text: str | bytes, address: str = "seed-client-0/dfdaemon/dfdaemon.log", tz: str = "UTC") -> LogPart:
    return read_log(opened(text, address), tz=tz)


def write_tree(top: Path, files: dict[str, str | bytes]) -> Path:
    """Write files below a folder and return it."""
    for name, content in files.items():
        target = top / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return top


def pack(folder: Path, archive: Path) -> Path:
    """Pack a folder as a gzipped tar whose members begin with the folder's name."""
    with tarfile.open(archive, "w:gz") as made:
        made.add(folder, arcname=folder.name)
    return archive


@cache
def generated(case: str, client: str, seed: int = 3, images: int = 2) -> tuple[Path, Truth]:
    """Write a small run once for all tests and return its folder and its truth."""
    top = Path(mkdtemp(prefix="dfly-reading-"))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    truth = write_run(top, case=case, client=client, seed=seed, images=images, layers_per_image=3)
    return top / "run", truth


@cache
def settings_of(client: str) -> Settings:
    return Settings.resolve(client=client)


@cache
def loaded(case: str, client: str, seed: int = 3) -> Dataset:
    """Load a generated run once for all tests."""
    return load(generated(case, client, seed)[0], settings=settings_of(client))
