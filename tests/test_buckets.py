"""What is written bucket by bucket is what a load into memory shows, in the same types."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reading_cases import generated, settings_of

from dfly_analysis import beside
from dfly_analysis.loading import Reading, load, spilling
from dfly_analysis.loading.writing import write_tables

KEYS = ["peer_id", "piece_number", "attempt"]


@pytest.mark.parametrize("bucket_bytes", [1 << 30, 20_000])
@pytest.mark.parametrize(("case", "client"), [("mixture", "v1.5.1"), ("killed", "v0.1.118"), ("healthy", "v1.0.26")])
def test_written_tables_are_those_of_a_load(tmp_path, monkeypatch, case, client, bucket_bytes):
    """One bucket or many, and half of these in a fork: the rows of pieces and tasks are the same, and what pandas reads back has the same types."""
    monkeypatch.setattr(spilling, "BUCKET_BYTES", bucket_bytes)
    monkeypatch.setattr(spilling, "_HELD_ROWS", 300)  # so that there are many files of what is put aside
    monkeypatch.setattr(beside._Allowed, "now", bucket_bytes == 20_000)
    run, _ = generated(case, client)
    sizes = sum(path.stat().st_size for path in Path(run).rglob("*") if path.is_file())
    assert (spilling.buckets_for(sizes) > 1) == (bucket_bytes < 1 << 30)
    written = write_tables([run], tmp_path, Reading(), settings=settings_of(client))
    assert_same(tmp_path, written, load(run, settings=settings_of(client)))


def assert_same(folder, written, dataset):
    for name, keys in (("pieces", KEYS), ("tasks", ["peer_id"])):
        read = pd.read_parquet(folder / f"{name}.parquet").sort_values(keys, ignore_index=True)
        shown = getattr(dataset, name).sort_values(keys, ignore_index=True)
        assert len(read) == written.tables[f"{name}.parquet"] > 0
        pd.testing.assert_frame_equal(read, shown, check_exact=True)
    assert written.lacks == dataset.lacks


def test_records_that_name_a_peer_alone_are_put_to_its_task(tmp_path, monkeypatch):
    """Whichever bucket that is, and whichever file says so."""
    monkeypatch.setattr(spilling, "BUCKET_BYTES", 20_000)
    monkeypatch.setattr(spilling, "_HELD_ROWS", 300)
    run, _ = generated("mixture", "v1.5.1")
    lines = [line for path in sorted(Path(run).rglob("dfdaemon.log")) for line in path.read_text("utf-8").splitlines()]
    named = [place for place, line in enumerate(lines) if 'peer_id="' in line and " task_id=" in line]
    assert len(named) > 100
    for place in named[::7]:
        lines[place] = re.sub(r' task_id="[^"]*"', "", lines[place])
    (tmp_path / "dfdaemon.log").write_text("\n".join(lines) + "\n", "utf-8")
    given = [tmp_path / "dfdaemon.log"]
    written = write_tables(given, tmp_path / "out", Reading(), settings=settings_of("v1.5.1"))
    assert_same(tmp_path / "out", written, load(given, settings=settings_of("v1.5.1")))


def test_readers_of_arrow_see_ordinary_texts(tmp_path):
    """Texts are handed over as dictionaries, but nobody who reads the file has to know."""
    run, _ = generated("mixture", "v1.5.1")
    write_tables([run], tmp_path, Reading(), settings=settings_of("v1.5.1"))
    for name in ("pieces", "tasks"):
        kinds = {field.name: field.type for field in pq.read_schema(tmp_path / f"{name}.parquet")}
        assert kinds["peer_id"] == kinds["outcome"] == pa.large_string()
        assert kinds["started"] == pa.timestamp("ns", "UTC")


def test_records_alone(tmp_path):
    """Without rebuilding the records are the same, and tables that an earlier run rebuilt do not stay beside them."""
    run, _ = generated("healthy", "v1.5.1")
    whole = write_tables([run], tmp_path / "whole", Reading())
    write_tables([run], tmp_path / "records", Reading())
    alone = write_tables([run], tmp_path / "records", Reading(), rebuild=False)
    assert {name: rows for name, rows in whole.tables.items() if name in alone.tables} == alone.tables
    assert not {"pieces.parquet", "tasks.parquet", "jobs.parquet"}.intersection(alone.tables)
    assert sorted(path.name for path in (tmp_path / "records").iterdir()) == [
        "coverage.parquet", "events.parquet", "pods.parquet", "runs.parquet"
    ]  # fmt: skip
    kept, again = (pq.read_table(tmp_path / name / "events.parquet") for name in ("whole", "records"))
    assert again.equals(kept)
