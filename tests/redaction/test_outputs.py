"""No canary, of any family in any kind of file, is in anything that a command writes."""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq
import pytest
from cli.cases import invoke
from reading_cases import write_tree
from secret_cases import files, leaks, one_line, several_lines

from dfly_analysis.dataset import cache, load
from dfly_analysis.redaction import MARK, without_secrets

CANARIES = [*one_line(), *several_lines()]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Write every canary into every kind of file."""
    return write_tree(tmp_path_factory.mktemp("canaries") / "in", files(CANARIES))


def written(folder) -> dict[str, str]:
    """Return what every file of a folder says, Parquet as its cells and its metadata."""
    said = {}
    for path in sorted(found for found in folder.rglob("*") if found.is_file()):
        said[str(path)] = path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".parquet":
            said[str(path)] = pd.read_parquet(path).to_csv() + str(pq.ParquetFile(path).metadata.metadata)
    return said


def test_no_canary_is_in_tables_or_cache(tree, tmp_path, monkeypatch):
    """Tables of `load`, coverage, cached parts, and what is printed."""
    monkeypatch.setattr(cache, "SMALLEST_BYTES", 1)
    load(tree, cache=cache.Cache(tmp_path / "cache"))
    done = invoke("load", tree, "-o", tmp_path / "tables")
    assert done.exit_code == 0, done.output
    said = written(tmp_path)
    assert any(path.endswith("events.parquet") or "events" in path for path in said)
    assert leaks(CANARIES, {**said, "printed": done.output}) == []


def test_no_canary_is_in_a_report(tree, tmp_path):
    """Page, notebook, manifest, JSON, overlay, alerts, and what is printed."""
    done = invoke("report", tree, "-o", tmp_path)
    assert done.exit_code == 0, done.output
    assert leaks(CANARIES, {**written(tmp_path), "printed": done.output}) == []


def test_no_canary_is_printed(tree):
    """By any command that shows lines."""
    for name in ("inspect", "diagnose", "recommend"):
        done = invoke(name, tree, "--format", "json")
        assert leaks(CANARIES, {name: done.output}) == []


def test_structure_tells_what_text_does_not():
    """Data of Secrets, variables, arguments and fields of JSON."""
    secret = "c4n4ry"
    content = {
        "kind": "Secret", "data": {"x": secret}, "spec": {"env": [{"name": "MYSQL_PWD", "value": secret}, {"name": "A_SALT", "value": secret}]},
        "args": ["--requirepass", secret, "-u", f"bob:{secret}"], "password": f'{secret} " [', "nested": f"password: |\n  {secret}",
    }  # fmt: skip
    clean = without_secrets(content)
    assert secret not in str(clean)
    assert clean["args"][0::2] == ["--requirepass", "-u"]
    assert clean["data"] == {"x": MARK}
