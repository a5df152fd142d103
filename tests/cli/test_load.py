"""The command load."""

from __future__ import annotations

import json

import pandas as pd

from cli.cases import invoke
from dfly_analysis.readers.logs.event_schema import DETAILS
from dfly_analysis.schema import ALL


def test_load_writes_tables_that_read_back_in_their_types(run, tmp_path):
    """Each table as Parquet obeys its schema, and the coverage adds up by file."""
    done = invoke("load", run, "-o", tmp_path / "out")
    assert done.exit_code == 0
    for table in ALL:
        frame = pd.read_parquet(tmp_path / "out" / f"{table.name}.parquet")
        repeated = frame.select_dtypes("category").columns
        assert set(repeated) <= {column.name for column in table.columns if column.dtype == "str"} | set(DETAILS)
        frame = table.check(frame.astype(dict.fromkeys(repeated, "str")))
        assert f"{table.name}.parquet\t{len(frame)} rows" in done.stdout
    assert len(pd.read_parquet(tmp_path / "out" / "pieces.parquet")) > 100
    coverage = json.loads((tmp_path / "out" / "coverage.json").read_text("utf-8"))
    assert coverage["schema_version"] == 1
    assert coverage["files"] == len(coverage["by_file"])
    assert coverage["lines"] == sum(row["lines"] for row in coverage["by_file"])
    assert coverage["problems"] == []
