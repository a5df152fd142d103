"""Whatever a secret looks like and in whichever file it stands, it is in no output of any command."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from benchmark_cases import ASCII
from click.testing import CliRunner
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import TASK, generated, job, line, read, write_tree, zap
from test_redaction import SECRETS
from wrapping import SHAPES

from dfly_analysis.cli import main
from dfly_analysis.dataset import cache, load

CANARY = "c4n4ry5up3rs3cr3t"
WRAPPERS = ("cri", "docker-json", "kubectl-prefix-timestamps", "stern-json", "grafana-csv", "loki-docker", "journal-json", "colours-without-escape")  # fmt: skip


def planted(shape: str, place: int) -> list[str]:
    """Return lines that hold a secret where texts are kept: in an error, a field, a continuation, a scheduler's record."""
    text = shape.format(*[CANARY] * 2)
    return [
        line(place, f"download failed: error decoding response body: {text}", level="ERROR"), f"  more {text}",
        line(place + 0.1, f"finished piece {TASK}-{place} from source url={text}"), line(place + 0.2, f"get https://r.example/v2/a?{text}", level=" WARN"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Write a run with each secret in each kind of file, broken ones too, and values with secrets."""
    top = tmp_path_factory.mktemp("canaries")
    run, _ = generated("slow-source", "v1.5.1", images=1)
    files = {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    lines = [found for place, shape in enumerate(SECRETS) for found in planted(shape, place)]
    plain = "\n".join(lines).encode() + b"\n"
    zapped = "\n".join(zap(place, json.dumps(shape.format(*[CANARY] * 2))[1:-1], level="error") for place, shape in enumerate(SECRETS))  # fmt: skip
    secret = job(error=f"401 with token={CANARY}: error decoding response body")
    secret["args"] |= {"headers": {"Authorization": f"Bearer {CANARY}"}, "password": CANARY, "url": f"https://u:{CANARY}@r.example/v2/a/manifests/1"}  # fmt: skip
    rendered = {"host": {"hostname": "h"}, "download": {"pieceTimeout": "7s"}, "proxy": {"registryMirror": {"addr": f"https://u:{CANARY}@r.example"}}, "server": {"token": CANARY}}  # fmt: skip
    files |= {f"wrapped-{name}/x.log": SHAPES[name]({"host-9": plain}) for name in WRAPPERS}
    files |= {
        "plain/dfdaemon.log": plain, "packed/dfdaemon.log.gz": gzip.compress(plain), "cut/dfdaemon.log.gz": gzip.compress(plain)[:-40],
        "scheduler-9/scheduler/core.log": zapped.encode(), "jobs-9.json": json.dumps([secret]).encode(), "broken/jobs.json": json.dumps([secret]).encode()[:-9],
        "h/dfdaemon.yaml": yaml.safe_dump(rendered).encode(), "metrics.txt": f'# HELP x y\ndragonfly_client_version{{git_version="1.5.1",token="{CANARY}"}} 1\n'.encode(),
        "bench.txt": ASCII.encode(), "attempts.csv": f"size_bytes,duration_s,label,settings\n1MiB,2,token={CANARY},password={CANARY}\n".encode(),
        "notes.txt": f"token={CANARY}\n".encode(),
    }  # fmt: skip
    values = {"manager": {"config": {"auth": {"jwt": {"key": CANARY}}}}, "mysql": {"auth": {"password": CANARY}},
              "seedClient": {"config": {"backend": {"requestHeader": {"Authorization": CANARY}}}}}  # fmt: skip
    (top / "values.yaml").write_text(yaml.safe_dump(values), "utf-8")
    return write_tree(top / "in", files), top / "values.yaml"


def leaks(said: dict[str, str]) -> dict[str, str]:
    return {name: text[max(0, text.find(CANARY) - 100) :][:140] for name, text in said.items() if CANARY in text}


def files_in(folder) -> dict[str, str]:
    """Return what every file of a folder says, Parquet as its cells and its metadata."""
    said = {}
    for path in sorted(found for found in folder.rglob("*") if found.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            parquet = pq.ParquetFile(path)
            said[name] = pd.read_parquet(path).to_csv() + str(parquet.metadata.metadata)
        else:
            said[name] = path.read_bytes().decode("utf-8", "replace")
    return said


def test_commands_that_print_let_no_secret_out(tree):
    """In any format, on stdout and on stderr; a password in the address of a server is not repeated either."""
    source, values = tree
    said = {}
    for name in ("inspect", "diagnose", "recommend"):
        asked = [] if name == "inspect" else ["--values", str(values), "--chart", "1.7.4"]
        for kind in ("table", "json") if name == "diagnose" else ("json",):
            done = CliRunner().invoke(main, [name, str(source), *asked, "--format", kind])
            said[f"{name} {kind}"] = done.stdout + done.stderr
            assert done.exit_code == 0, done.output
    asked = ["diagnose", str(source), "--prometheus", f"http://u:{CANARY}@127.0.0.1:9"]
    said["server"] = CliRunner().invoke(main, asked).output
    assert "127.0.0.1:9" in said["server"]
    assert "error_decoding_response_body" in said["diagnose json"]
    assert "broken/jobs.json" in said["inspect json"]
    assert leaks(said) == {}


def test_files_that_are_written_hold_no_secret(tree, tmp_path, monkeypatch):
    """Tables, parts and what stands in their metadata, coverage.json, redacted copies, the cache."""
    source, values = tree
    monkeypatch.setattr(cache, "SMALLEST_BYTES", 1)
    load(source, cache=cache.Cache(tmp_path / "out/cache"))
    for arguments in (
        ["load", str(source), "--values", str(values), "-o", str(tmp_path / "out/tables")],
        ["redact", str(source), "-o", str(tmp_path / "out/clean")],
        ["recommend", str(source), "--values", str(values), "--chart", "1.7.4", "--overlay", str(tmp_path / "out/overlay.yaml")],
    ):  # fmt: skip
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
        assert CANARY not in done.output
    said = files_in(tmp_path / "out")
    assert len(said) > 60
    assert "error decoding response body" in said["clean" + str(source / "plain/dfdaemon.log")]
    assert leaks(said) == {}


@given(st.sampled_from(SECRETS), st.sampled_from(sorted(SHAPES)), st.text("abcXYZ019-_.", min_size=4, max_size=20))
@settings(max_examples=examples(60))
def test_no_secret_survives_its_wrapper(shape, wrapper, drawn):
    """Escaped by JSON, quoted in CSV, cut by a runtime, coloured: it is in no column."""
    secret = f"q{drawn}q"
    lines = [found.replace(CANARY, secret) for found in planted(shape, 1)]
    part = read(SHAPES[wrapper]({"h": ("\n".join(lines) + "\n").encode()}))
    assert len(part.events) == 3
    assert secret not in part.events.to_csv()
    assert secret not in str(part.coverage)
