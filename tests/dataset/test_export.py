"""Tables written part by part are those of `load`, on one machine, on a cluster whose worker dies, in a bucket, after an interruption."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from conftest import BUCKET, fill
from reading_cases import generated, line, pack, settings_of, write_tree
from wrapping import SHAPES

from dfly_analysis.cli import main
from dfly_analysis.dataset import ReadOptions, assemble, dask_backend, export, load, loader
from dfly_analysis.dataset.export import write_tables
from dfly_analysis.dataset.file_reader import read_files
from dfly_analysis.errors import SourceError
from dfly_analysis.io import list_files
from dfly_analysis.io.output_store import open_store
from dfly_analysis.readers.jobs import build_jobs
from dfly_analysis.readers.logs.blocks import read_blocks
from dfly_analysis.schema import COVERAGE, EVENTS, JOBS, PIECES, RUNS, TASKS

TABLES = (EVENTS, PIECES, TASKS, JOBS, RUNS, COVERAGE)
ORDER = {
    "events": ["log_path", "log_line"], "pieces": ["task_id", "peer_id", "log_path", "log_line", "piece_number"], "tasks": ["task_id", "peer_id", "log_path"],
    "jobs": ["job_id"], "runs": ["log_path", "log_line", "label"], "coverage": ["path"],
}  # fmt: skip


def written(folder: Path) -> dict[str, pd.DataFrame]:
    """Read what stands in a folder."""
    frames = {}
    for table in TABLES:
        frame = pd.read_parquet(folder / f"{table.name}.parquet")
        frames[table.name] = frame.astype(dict.fromkeys(frame.select_dtypes("category").columns, "str"))
    return frames


def parts(folder: Path) -> dict[str, pa.Table]:
    """Read the parts and tables of a folder, each for itself."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert all(path.suffix == ".parquet" for path in files), files
    return {path.relative_to(folder).as_posix(): pq.ParquetFile(path).read() for path in files}


def assert_same(got: dict[str, pd.DataFrame], wanted: dict[str, pd.DataFrame]) -> None:
    for name, by in ORDER.items():
        one, two = (frames[name].sort_values(by, kind="stable", ignore_index=True) for frames in (got, wanted))
        pd.testing.assert_frame_equal(one[two.columns], two, obj=name)


def test_loaded_tables_are_not_reconstructed_again(tmp_path, monkeypatch):
    """Only where settings or parts differ from those of the tables beside the parts."""
    run, _ = generated("slow-source", "v1.5.1")
    write_tables([run], tmp_path, ReadOptions(), settings=settings_of("v1.5.1"))
    wanted = load(run, settings=settings_of("v1.5.1"))
    calls = []
    reconstruct = assemble.reconstruction.reconstruct
    monkeypatch.setattr(assemble.reconstruction, "reconstruct", lambda *a: (calls.append(1), reconstruct(*a))[1])
    found = load(tmp_path / "events.parquet", settings=settings_of("v1.5.1"), records="relevant")
    assert not calls
    assert_same({name: getattr(found, name) for name in ORDER}, {name: getattr(wanted, name) for name in ORDER})
    load(tmp_path / "events.parquet", settings=settings_of("v0.1.118"))
    assert calls == [1]
    (tmp_path / "tasks.parquet").unlink()
    load(tmp_path / "events.parquet", settings=settings_of("v1.5.1"))
    assert calls == [1, 1]


@pytest.mark.parametrize("group_files", [1_000, 1])
@pytest.mark.parametrize(
    ("case", "client"), [("slow-source", "v0.1.118"), ("slow-source", "v1.5.1"), ("mixture", "v1.0.26")]
)
def test_written_tables_are_those_of_load(tmp_path, monkeypatch, case, client, group_files):
    """Whether files share parts or have one each; and what was written can be loaded in place of the logs."""
    run, _ = generated(case, client)
    monkeypatch.setattr("dfly_analysis.dataset.file_reader._GROUP_FILES", group_files)
    write_tables([run], tmp_path / "out", ReadOptions(), settings=settings_of(client))
    dataset = load(run, settings=settings_of(client))
    wanted = {table.name: getattr(dataset, table.name) for table in TABLES}
    assert_same(written(tmp_path / "out"), wanted)
    again = load(tmp_path / "out" / "events.parquet", settings=settings_of(client))
    assert_same({table.name: getattr(again, table.name) for table in TABLES}, wanted)


def test_copies_are_left_out_of_written_tables_too(tmp_path):
    """All pods in one file beside their own files: the tables are those of `load`, in which every event counts once."""
    run, _ = generated("slow-source", "v1.5.1")
    tree = shutil.copytree(run, tmp_path / "in")
    logs = {log.relative_to(run).parts[0]: log.read_bytes() for log in sorted(run.glob("*/dfdaemon/dfdaemon.log"))}
    write_tree(tree, {"all.log": SHAPES["kubectl-prefix"](logs)})
    write_tables([tree], tmp_path / "out", ReadOptions(), settings=settings_of("v1.5.1"))
    dataset, once = (load(path, settings=settings_of("v1.5.1")) for path in (tree, run))
    assert len(dataset.events) == len(once.events)
    assert len(dataset.pieces) == len(once.pieces)
    assert_same(written(tmp_path / "out"), {table.name: getattr(dataset, table.name) for table in TABLES})


def test_writing_again_leaves_nothing_of_before(tmp_path):
    """Parts of files that are no longer there go, and so does what a killed run left half written."""
    tree = write_tree(tmp_path / "in", {f"h{number}/d.log": line(number, "x") + "\n" for number in range(3)})
    write_tables([tree], tmp_path / "out", ReadOptions())
    (tmp_path / "out/events.parquet/.part-000001-x.parquet.abc.unfinished").write_bytes(b"PAR1")
    shutil.rmtree(tree / "h0")
    write_tables([tree], tmp_path / "out", ReadOptions())
    assert len(pd.read_parquet(tmp_path / "out/events.parquet")) == 2
    assert len([*(tmp_path / "out/events.parquet").iterdir()]) == 2  # the logs, and the rest


# --- interrupted ---

KILLING = """
import os, signal
from dfly_analysis.dataset.event_parts import PartWriter

whole = getattr(PartWriter, "whole", PartWriter.finish)
PartWriter.whole = whole  # a worker runs this twice

def killed(writer, result):
    try:
        os.close(os.open({marker!r}, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return whole(writer, result)
    os.kill(os.getpid(), signal.{signal})
    return whole(writer, result)

PartWriter.finish = killed
"""
COMMAND = "from dfly_analysis.cli import run; run()"


@pytest.mark.parametrize(("name", "code"), [("SIGKILL", -signal.SIGKILL), ("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interrupted_load_leaves_whole_parts_and_the_next_completes(tmp_path, name, code):
    """Killed or interrupted half-way through writing a part: every part that is seen is whole, and the next run gives all tables."""
    run, _ = generated("slow-source", "v0.1.118")
    out, marker = tmp_path / "out", str(tmp_path / "marker")
    arguments = ["load", str(run), "--client", "v0.1.118", "-o", str(out)]
    script = KILLING.format(marker=marker, signal=name) + COMMAND
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert Path(marker).exists()
    assert "Traceback" not in done.stderr
    seen = [part for part in (open_store(out).names() if out.exists() else []) if not part.endswith("incomplete.json")]
    assert not {"pieces.parquet", "tasks.parquet", "coverage.parquet", "coverage.json"} & set(seen)
    for part in seen:
        pq.ParquetFile(out / part).read()
    assert CliRunner().invoke(main, arguments).exit_code == 0
    write_tables([run], tmp_path / "undisturbed", ReadOptions(), settings=settings_of("v0.1.118"))
    assert_same(written(out), written(tmp_path / "undisturbed"))
    assert not [path for path in out.rglob(".*") if path.is_file()]


def test_an_interrupt_does_not_wait_for_the_rest_of_a_file(tmp_path, monkeypatch):
    """What is half read when the pools are left is read no further."""
    monkeypatch.setattr("dfly_analysis.readers.logs.reader.read_blocks", partial(read_blocks, block_bytes=500))
    (tmp_path / "dfdaemon.log").write_text("".join(line(5, "x") + "\n" for _ in range(20_000)), "utf-8")
    (source,) = list_files([tmp_path / "dfdaemon.log"])
    taken, begun = list[int](), threading.Event()

    def take(table):
        taken.append(len(table))
        begun.set()

    def interrupted():
        with loader.workers() as (files, blocks):
            files.submit(read_files, [source], ReadOptions(), take, blocks)
            assert begun.wait(30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert 0 < sum(taken) < 20_000


def test_the_table_of_no_jobs_has_the_columns_of_jobs(tmp_path):
    """It is written without building any, and read in the types that are built."""
    (tmp_path / "dfdaemon.log").write_text(line(5, "x") + "\n", "utf-8")
    write_tables([tmp_path / "dfdaemon.log"], tmp_path / "out", ReadOptions())
    read = pd.read_parquet(tmp_path / "out" / "jobs.parquet")
    pd.testing.assert_series_equal(read.dtypes, build_jobs([], EVENTS.frame()).dtypes)


def test_a_file_that_vanishes_between_listing_and_reading_is_one_line(tmp_path, monkeypatch):
    """The others are loaded; the problem names the file, also in coverage.json."""
    tree = write_tree(tmp_path / "in", {f"h{number}/d.log": line(number, "x") + "\n" for number in range(3)})
    listed = export.list_files

    def rotated_away(*arguments, **named):
        found = listed(*arguments, **named)
        (tree / "h1/d.log").unlink()
        return found

    monkeypatch.setattr(export, "list_files", rotated_away)
    done = CliRunner().invoke(main, ["load", str(tree), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0
    assert re.fullmatch(r"dfly-analysis: \S+/h1/d\.log: vanished .*\n", done.stderr)
    assert "h1/d.log: " in (tmp_path / "out/coverage.json").read_text("utf-8")
    assert len(pd.read_parquet(tmp_path / "out/events.parquet")) == 2


def test_a_file_that_grows_is_noted(tmp_path):
    """What was there is read, and the coverage says that there was more to come."""
    tree = write_tree(tmp_path / "in", {"h/d.log": line(1, "x") + "\n"})
    (source,) = list_files([tree])
    with (tree / "h/d.log").open("a") as more:
        more.write(line(2, "y") + "\n")
    result = read_files([source], ReadOptions(), lambda _: None)
    assert "grew while it was read" in result.coverage[0]["note"]
    assert result.problems == []


# --- on a cluster ---


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """Start two worker processes, of which one kills itself half-way through writing its first part."""
    import distributed

    folder = tmp_path_factory.mktemp("cluster")
    marker, script = folder / "marker", folder / "killing.py"
    script.write_text(KILLING.format(marker=str(marker), signal="SIGKILL"), "utf-8")
    with distributed.LocalCluster(
        n_workers=2, processes=True, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, preload=[str(script)],
    ) as made:  # fmt: skip
        made.wait_for_workers(2)
        yield made, marker


def test_a_killed_worker_changes_nothing(workers, tmp_path):
    """Two worker processes, one killed while it writes: parts and tables are those of one machine, row for row."""
    made, marker = workers
    run, _ = generated("slow-source", "v1.5.1")
    arguments = ["load", str(run), "--client", "v1.5.1", "-o"]
    done = CliRunner().invoke(main, [*arguments, str(tmp_path / "cluster"), "--cluster", made.scheduler_address])
    assert done.exit_code == 0, done.output
    assert marker.exists()
    assert CliRunner().invoke(main, [*arguments, str(tmp_path / "alone")]).exit_code == 0
    for folder in ("cluster", "alone"):
        (tmp_path / folder / "coverage.json").unlink()
    got, wanted = parts(tmp_path / "cluster"), parts(tmp_path / "alone")
    assert got.keys() == wanted.keys()
    for name, table in wanted.items():
        assert got[name].equals(table), name


def test_a_report_can_be_read_by_a_cluster(workers, tmp_path, monkeypatch):
    """Its workers write tables into the report's folder, and the notebook is given these in place of the logs."""
    made, _ = workers
    run, _ = generated("slow-source", "v1.5.1")
    asked = {}

    def noted(_notebook, parameters, output, **_more):
        asked.update(parameters)
        shown = {"data_quality": {"problems": []}, "verdict": {"headline": ""}}
        shown |= {"recommend": {"recommendations": []}, "diagnose": {"findings": []}}
        output.joinpath("report.json").write_text(json.dumps(shown), "utf-8")
        return output / "report.html"

    monkeypatch.setattr("dfly_analysis.reporting.notebooks.run_notebook", noted)
    done = CliRunner().invoke(
        main, ["report", str(run), "-o", str(tmp_path / "out"), "--no-cache", "--cluster", made.scheduler_address]
    )
    assert done.exit_code == 0, done.output
    assert asked["paths"] == [str(tmp_path / "out" / "tables" / "events.parquet")]
    assert asked["cache"] is False
    got, wanted = load(asked["paths"]), load([run])
    assert got.tasks["outcome"].value_counts().to_dict() == wanted.tasks["outcome"].value_counts().to_dict()


def test_a_worker_killed_from_outside_while_it_reads(workers, tmp_path, monkeypatch):
    """A process is killed as soon as it holds files to read: the others take them."""
    import distributed

    monkeypatch.setattr("dfly_analysis.dataset.file_reader._GROUP_FILES", 1)

    made, _ = workers
    run, _ = generated("mixture", "v1.0.26")
    packed = [pack(run, tmp_path / f"run-{number}.tar.gz") for number in range(4)]
    done = threading.Event()

    def kill_a_busy_worker():
        with distributed.Client(made.scheduler_address, set_as_default=False) as client:
            pids = client.run(os.getpid)
            while not done.is_set():
                for worker, tasks in client.processing().items():
                    if tasks and worker in pids:
                        os.kill(pids[worker], signal.SIGKILL)
                        return worker
        return None

    with ThreadPoolExecutor(1) as thread:
        killed = thread.submit(kill_a_busy_worker)
        try:
            got = write_tables([run, *packed], tmp_path / "cluster", ReadOptions(), cluster=made.scheduler_address)
        finally:
            done.set()
    assert killed.result()
    wanted = write_tables([run, *packed], tmp_path / "alone", ReadOptions())
    assert got.tables == wanted.tables
    assert got.problems == wanted.problems
    assert_same(written(tmp_path / "cluster"), written(tmp_path / "alone"))


def test_an_address_without_a_scheduler_is_one_line(tmp_path, monkeypatch):
    """Nobody listens there, or it is no address: said with the way out."""
    monkeypatch.setattr(dask_backend, "CONNECT_S", 1)
    tree = write_tree(tmp_path / "in", {"h/d.log": line(1, "x") + "\n"})
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        with pytest.raises(SourceError, match="tcp://scheduler:8786") as raised:
            write_tables([tree], tmp_path / "out", ReadOptions(), cluster=address)
        assert "\n" not in str(raised.value)


# --- in a bucket ---


def test_a_bucket_serves_and_receives(bucket, tmp_path):
    """`load s3://…/in -o s3://…/out` gives the tables of the same files on disk."""
    run, _ = generated("mixture", "v1.0.26")
    fill(
        bucket,
        {f"in/{path.relative_to(run)}": path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()},
    )
    options = ["--client", "v1.0.26", "-o"]
    done = CliRunner().invoke(main, ["load", f"s3://{BUCKET}/in", *options, f"s3://{BUCKET}/out"])
    assert done.exit_code == 0, done.output
    assert f"s3://{BUCKET}/out/pieces.parquet" in done.stdout
    store = open_store(f"s3://{BUCKET}/out")
    for name in store.names():
        target = tmp_path / "fetched" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with store.open(name) as remote:
            target.write_bytes(remote.read())
    assert CliRunner().invoke(main, ["load", str(run), *options, str(tmp_path / "local")]).exit_code == 0
    got, wanted = written(tmp_path / "fetched"), written(tmp_path / "local")
    for frames, top in ((got, f"s3://{BUCKET}/in"), (wanted, str(run))):
        for frame in frames.values():
            for name in {"path", "log_path", "note"} & set(frame.columns):
                frame[name] = frame[name].str.replace(top, "", regex=False)
    assert_same(got, wanted)
    diagnosed = [CliRunner().invoke(main, ["diagnose", path, "--format", "csv", "--client", "v1.0.26"]) for path in (f"s3://{BUCKET}/out/events.parquet", str(run))]  # fmt: skip
    assert diagnosed[0].exit_code == diagnosed[1].exit_code == 0
    assert diagnosed[0].stdout.replace(f"s3://{BUCKET}/in", "") == diagnosed[1].stdout.replace(str(run), "")


def test_an_interrupted_load_does_not_pass_for_whole(tmp_path, monkeypatch):
    """Its folder is refused until a load has ended there; a process that still writes is named."""
    run, _ = generated("slow-source", "v1.5.1")
    rewrite = export.assemble
    monkeypatch.setattr(export, "assemble", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_tables([run], tmp_path, ReadOptions(), settings=settings_of("v1.5.1"))
    with pytest.raises(SourceError, match="a load that is not complete"):
        load(tmp_path)
    monkeypatch.setattr(export, "assemble", rewrite)
    write_tables([run], tmp_path, ReadOptions(), settings=settings_of("v1.5.1"))
    assert len(load(tmp_path, settings=settings_of("v1.5.1")).tasks)


def test_two_loads_into_one_folder_are_refused(tmp_path):
    run, _ = generated("slow-source", "v1.5.1")
    owner = {"host": socket.gethostname(), "pid": os.getppid()}
    (tmp_path / "events.parquet").mkdir()
    (tmp_path / "events.parquet" / "incomplete.json").write_text(json.dumps(owner))
    with pytest.raises(SourceError, match=f"process {os.getppid()} is writing here"):
        write_tables([run], tmp_path, ReadOptions())
