"""`load` joins whatever the input holds, says what it lacks, and raises nothing but one-line errors with a way out."""

from __future__ import annotations

import gzip
import io
import json
import shutil

import pandas as pd
import pytest
from benchmark_cases import ASCII
from reading_cases import HOST_ID, TASK, generated, job, line, loaded, pack, reported, settings_of, write_tree, zap
from wrapping import SHAPES

from dfly_analysis.config.resolve import Settings
from dfly_analysis.dataset import check_input, effective_timeouts, inspect_inputs, load
from dfly_analysis.diagnosis import diagnose
from dfly_analysis.errors import DflyError, SettingsError, SourceError

LOG = (
    line(1, 'download task started: Download { url: "http://r/a" }') + "\n" + line(9, "download task succeeded") + "\n"
)
TABLES = ("events", "pieces", "tasks", "jobs", "runs", "coverage")


def kinds(dataset):
    return dataset.coverage.set_index(dataset.coverage["path"].str.rpartition("/")[2])["kind"].to_dict()


def test_every_kind_of_file_is_known_by_its_content(tmp_path):
    """Logs, jobs, benchmarks, configuration and metrics are read; others' files and empty ones are counted."""
    tree = write_tree(tmp_path / "in", {
        "seed-client-0/a": LOG, "b": json.dumps([job()]), "c": ASCII, "seed-client-0/d.yaml": "host:\n  hostname: seed-client-0\ndownload:\n  pieceTimeout: 7s\nseedPeer:\n  enable: true\n",
        "e.prom": '# HELP x\ndragonfly_client_version{git_version="1.5.1"} 1\n', "f.log": "", "g.bin": b"\x00\x01\x02" * 100, "h.txt": "nothing known\n",
        "var_lib_dragonfly_metadata_LOG": "2026/05/02-10:00:00.1 RocksDB version: 8\n",
    })  # fmt: skip
    dataset = load(tree)
    assert kinds(dataset) == {
        "a": "log", "b": "jobs", "c": "bench", "d.yaml": "configuration", "e.prom": "metrics", "f.log": "empty", "g.bin": "foreign", "h.txt": "foreign",
        "var_lib_dragonfly_metadata_LOG": "foreign",
    }  # fmt: skip
    assert (len(dataset.tasks), len(dataset.jobs), len(dataset.runs)) == (1, 1, 2)
    assert dataset.settings.get("download.pieceTimeout", "seedClient", "seed-client-0").seconds == 7
    assert dataset.settings.versions["client"] == "v1.5.1"
    assert dataset.coverage["size_bytes"].gt(0).sum() == 8
    assert dataset.coverage["sha256"].str.len().eq(64).all()


def same(left, right, drop=("log_path", "path")):
    for name in TABLES:
        one, two = (
            getattr(dataset, name).drop(columns=[column for column in drop if column in getattr(dataset, name)])
            for dataset in (left, right)
        )
        pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True))


def test_folder_archive_gz_and_standard_input_give_the_same_tables(tmp_path, monkeypatch):
    """However the same run is handed over, the tables are the same but for the addresses."""
    run, truth = generated("slow-source", "v1.5.1")
    settings = settings_of("v1.5.1")
    plain = load(run, settings=settings)
    packed = pack(run, tmp_path / "run.tar.gz")
    same(plain, load(packed, settings=settings))
    zipped = tmp_path / "run"
    for path in sorted(entry for entry in run.rglob("*") if entry.is_file()):
        write_tree(zipped, {str(path.relative_to(run)): gzip.compress(path.read_bytes())})
    same(plain, load(zipped, settings=settings))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(packed.read_bytes())))
    same(plain, load("-", settings=settings))
    assert len(plain.failed_tasks) == truth.tasks_failed


def test_a_file_given_twice_counts_once(tmp_path):
    """A copy of a log adds nothing, and the coverage says whose copy it is."""
    run, _ = generated("resets", "v0.1.118")
    twice = shutil.copytree(run, tmp_path / "run")
    log = twice / "seed-client-0/dfdaemon/dfdaemon.log"
    shutil.copy(log, log.with_name("dfdaemon.log.copy"))
    once, both = loaded("resets", "v0.1.118"), load([twice, log], settings=settings_of("v0.1.118"))
    assert len(both.events) == len(once.events)
    assert both.pieces["outcome"].value_counts().to_dict() == once.pieces["outcome"].value_counts().to_dict()
    assert both.coverage["note"].str.contains("the same bytes as", na=False).sum() == 1


def console(record: str) -> str:
    """Return a zap record as the scheduler's console prints it."""
    fields = json.loads(record)
    level, stamp, caller, message = (fields.pop(name) for name in ("level", "ts", "caller", "msg"))
    rest = f"\t{json.dumps(fields)}" if fields else ""
    return f"{stamp.replace(' ', 'T')}Z\t{level.upper()}\t{caller}\t{message}{rest}"


@pytest.mark.parametrize("client", ["v0.1.118", "v1.5.1"])
@pytest.mark.parametrize("how", ["whole", "overlapping", "all pods in one file"])
def test_console_and_file_copies_of_the_same_events_count_once(tmp_path, client, how):
    """What kubectl logs printed beside the files of the pods: every event once, whichever of the two it is in."""
    run, _ = generated("slow-source", client)
    once = load(run, settings=settings_of(client))
    twice = shutil.copytree(run, tmp_path / "run")
    printed = {}
    for log in sorted(twice.glob("*/*/*.log")):
        if log.name == "job.log":
            continue
        lines = log.read_text("utf-8").splitlines()
        host = log.relative_to(twice).parts[0]
        if log.name == "core.log":
            shown = [console(record) for record in lines]
        else:  # the first clients' console is coloured
            shown = [f"\x1b[2m{text[:27]}\x1b[0m{text[27:]}" if client == "v0.1.118" else text for text in lines]
        if how == "overlapping":
            shown = shown[len(shown) // 4 :]
            log.write_text("".join(f"{text}\n" for text in lines[: 3 * len(lines) // 4]), "utf-8")
        printed[host] = "".join(f"{text}\n" for text in shown).encode()
    if how == "all pods in one file":
        write_tree(twice, {"all.log": SHAPES["kubectl-prefix"](printed)})
    else:
        write_tree(twice, {f"{host}/console.log": data for host, data in printed.items()})
    both = load(twice, settings=settings_of(client))
    keys = ["time", "host", "component", "message", "event_id", "piece_number"]
    counts = [dataset.events.groupby(keys, dropna=False).size() for dataset in (once, both)]
    pd.testing.assert_series_equal(*counts)
    for table in ("pieces", "tasks"):
        left, right = (getattr(dataset, table).drop(columns=["log_path", "log_line"]) for dataset in (once, both))
        order = ["task_id", "peer_id", *(["piece_number", "attempt"] if table == "pieces" else [])]
        left, right = (frame.sort_values(order, ignore_index=True) for frame in (left, right))
        pd.testing.assert_frame_equal(left, right)
    assert both.coverage["note"].str.contains("its records count once", na=False).any()


def test_local_times_of_the_scheduler_join_with_the_clients_utc(tmp_path):
    """With the right zone a report falls on the piece that the client saw; with the wrong one the hours differ."""
    client = "\n".join(
        [
            line(1, "download task started: Download {  }"),
            line(2, f"start to download piece {TASK}-0 from source"),
            line(5, f"finished piece {TASK}-0 from source"),
            line(6, "download task succeeded"),
        ]
    )
    tree = write_tree(
        tmp_path / "in",
        {
            "seed-client-0/dfdaemon.log": client,
            "scheduler-0/scheduler/core.log": "\n".join(
                [
                    zap(1.1, "receive RegisterPeerRequest, url: http://r/a", hour=18),
                    reported(5.1, 0, "3s", hour=18),
                    reported(7, 1, "1.5s", hour=18),
                ]
            ),
        },
    )
    dataset = load(tree, tz="Asia/Shanghai", settings=settings_of("v1.0.26"))
    first, second = dataset.pieces.sort_values("piece_number").to_dict("records")
    assert (first["duration_s"], first["size_bytes"], first["outcome"]) == (3.0, 4194304, "ok")
    assert (second["ended"], second["duration_s"]) == (pd.Timestamp("2026-05-02T10:00:07Z"), 1.5)
    assert dataset.events["time"].max() - dataset.events["time"].min() < pd.Timedelta("1min")
    wrong = load(tree, tz="UTC", settings=settings_of("v1.0.26"))
    assert wrong.events["time"].max() - wrong.events["time"].min() > pd.Timedelta("7h")
    assert len(wrong.pieces) == 2


@pytest.mark.parametrize("tz", ["Mars/Base", "", "+99:00"])
def test_a_zone_that_is_none_is_refused(tmp_path, tz):
    """Before anything is read, naming the option."""
    with pytest.raises(SettingsError, match="--tz"):
        load(write_tree(tmp_path / "in", {"a.log": LOG}), tz=tz)


def refused(paths):
    with pytest.raises(DflyError) as raised:
        load(paths)
    text = str(raised.value)
    assert "\n" not in text
    assert isinstance(raised.value, SourceError)
    with pytest.raises(DflyError):
        check_input(paths if isinstance(paths, list) else [paths])
    return text


def test_unreadable_input_is_one_line_with_a_way_out(tmp_path):
    """Nothing there, nothing in it, nothing known in it: each said in its own words, never a traceback."""
    noise = bytes(range(1, 256)) * 400
    tree = write_tree(tmp_path, {
        "empty/e.log": "", "noise/n.log": noise, "words/w.txt": "plain\nwords\n", "bins/a.bin": b"\x7fELF\x00" * 50, "bins/b.bin": b"\x89PNG\x00" * 50,
        "cut/c.tar.gz": gzip.compress(b"x" * 1000)[:15], "broken/jobs.json": '[{"state": "SUCCESS", "job_states": [}', "conf/dfdaemon.yaml": "host:\n  hostname: a\ndownload:\n  pieceTimeout: 7s\n",
    })  # fmt: skip
    assert "is empty" in refused(tree / "empty")
    assert "nothing in it is a log" in refused(tree / "noise")
    assert "nothing in it is a log" in refused(tree / "words")
    assert "nothing in it is a log" in refused([str(tree / "bins")])
    assert "nothing in it is a log" in refused(tree / "conf")
    assert refused(tree / "cut")
    with pytest.raises(SourceError, match="not valid JSON"):
        load(tree / "broken")
    assert "no such file" in refused(tree / "emptx")
    (tree / "bare").mkdir()
    assert "no files" in refused(tree / "bare")


def test_a_truncated_archive_gives_what_was_readable(tmp_path):
    """The members before the cut are analysed; the problem is in the dataset and told while loading."""
    run, _ = generated("slow-source", "v0.1.118")
    packed = pack(run, tmp_path / "run.tar.gz")
    packed.write_bytes(packed.read_bytes()[: packed.stat().st_size // 2])
    told, seen = [], []
    dataset = load(packed, settings=settings_of("v0.1.118"), on_problem=told.append, progress=seen.append)
    assert 0 < len(dataset.events) < len(loaded("slow-source", "v0.1.118").events)
    assert len(dataset.problems) == len(told) >= 1
    assert all("\n" not in text and "truncated" in text for text in dataset.problems)
    assert seen == dataset.coverage["path"].tolist()


def test_truncated_job_json_is_one_problem(tmp_path):
    """The JSON that breaks off is a consequence of the truncation, and not told beside it."""
    jobs = json.dumps([job(number) for number in range(1, 400)]).encode()
    packed = gzip.compress(jobs)
    run = write_tree(tmp_path, {"jobs.json.gz": packed[: len(packed) * 3 // 4], "h/dfdaemon.log": line(1, "a") + "\n"})
    (problem,) = load(run).problems
    assert "truncated" in problem


def test_a_truncated_log_gives_its_whole_lines(tmp_path):
    """A log cut within its compression keeps what came out."""
    import random

    text = "".join(
        line(at / 100, f"finished piece {TASK}-{at} from source {random.Random(at).random()}") + "\n"
        for at in range(5000)
    )
    packed = gzip.compress(text.encode())
    path = write_tree(tmp_path, {"h/dfdaemon.log.gz": packed[: len(packed) // 2]}) / "h"
    dataset = load(path, settings=settings_of("v1.0.26"))
    assert 1000 < len(dataset.events) < 5000
    assert "truncated" in dataset.problems[0]
    assert len(dataset.coverage) == 1


def test_broken_job_json_keeps_the_logs(tmp_path):
    """One bad file costs that file and is named."""
    dataset = load(write_tree(tmp_path / "in", {"h/d.log": LOG, "jobs.json": '[{"state": "SUCCESS", "job_states": [}'}))
    assert len(dataset.tasks) == 1
    assert dataset.jobs.empty
    assert "jobs.json" in dataset.problems[0]
    assert kinds(dataset)["jobs.json"] == "jobs"


def test_odd_bytes_and_endless_lines_do_not_stop_a_load(tmp_path):
    """CRLF, bytes that are no UTF-8, a line of 5 MB and binary neighbours: the records are there."""
    text = (
        LOG.replace("\n", "\r\n").encode()
        + b"\xff\xfe\xfa\n"
        + line(10, "y" * (5 << 20)).encode()
        + b"\n"
        + line(11, "z").encode()
    )
    dataset = load(write_tree(tmp_path / "in", {"h/d.log": text, "h/core.1234": b"\x7fELF\x00\xff" * 1000}))
    assert len(dataset.events) == 4
    assert dataset.tasks["outcome"].tolist() == ["ok"]
    row = dataset.coverage.set_index("kind").loc["log"]
    assert (row["lines"], row["rejected"]) == (5, 0)


@pytest.mark.parametrize(
    "message",
    [
        f"finished piece {TASK}-99999999999999999999 from source", "content length 99999999999999999999999, piece length 4194304", "interested pieces: [, ,1,,99999999999999999999]",
        "interested pieces after downloading from scheduler: [ ]", f"delete piece metadata {TASK}-5", "download failed: ", "download task, cost: soon, size: 1 bytes", "tracing initialized directory: ",
    ],
)  # fmt: skip
def test_odd_records_do_not_stop_a_load(tmp_path, message):
    """Numbers no column can hold, empty lists and words for figures cost themselves alone."""
    dataset = load(
        write_tree(tmp_path / "in", {"h/d.log": LOG + line(10, message) + "\n"}), settings=settings_of("v1.5.1")
    )
    assert len(dataset.events) == 3
    assert len(dataset.tasks) == 1


def test_a_report_with_a_strange_cost_has_no_duration(tmp_path):
    """The piece is there, its time is not known."""
    dataset = load(
        write_tree(tmp_path / "in", {"scheduler/core.log": reported(5, 0, "soon") + "\n" + reported(6, 1, "2s")})
    )
    assert dataset.pieces.set_index("piece_number")["duration_s"].isna().tolist() == [True, False]


@pytest.mark.parametrize("client", ["v0.1.118", "v1.0.26", "v1.5.1"])
def test_each_half_of_the_logs_says_what_it_lacks(tmp_path, client):
    """Clients alone miss sizes or times, the scheduler alone misses failures; both together miss neither."""
    run, _ = generated("slow-source", client)
    clients = shutil.copytree(run, tmp_path / "clients", ignore=shutil.ignore_patterns("scheduler-0"))
    scheduler = shutil.copytree(run, tmp_path / "scheduler", ignore=shutil.ignore_patterns("seed-client-*", "client-*"))
    without_scheduler, without_clients, both = (
        load(path, settings=settings_of(client)).missing_inputs for path in (clients, scheduler, run)
    )
    assert any(text.startswith("No scheduler log") for text in without_scheduler)
    assert any(text.startswith("No client log") for text in without_clients)
    assert not [text for text in both if text.startswith("No ")]


def test_stock_is_taken_of_every_file(tmp_path):
    """`inspect_inputs` has a row for each, unreadable ones too, and joins nothing."""
    tree = write_tree(tmp_path / "in", {"a.log": LOG, "b.zip": b"PK\x03\x04 no", "c.txt": "x\n"})
    assert [row["kind"] for row in inspect_inputs([tree])] == ["log", "foreign", "unreadable"]


def test_checking_input_stops_at_the_first_readable_file(tmp_path):
    """What `load` would take passes; standard input is left alone."""
    check_input([str(write_tree(tmp_path / "in", {"a.txt": "x\n", "b.log": LOG}))])
    check_input(["-"])


def test_limits_follow_the_settings_of_each_host():
    """The shorter of the two clocks over a body is the limit; roles that fetch no pieces have none."""
    limits = effective_timeouts(settings_of("v1.0.26"))
    assert limits.piece_timeout_s("seedClient", "h") == 120
    assert limits.shortest_s("seedClient", "h") == limits.write_timeout_s("seedClient", "h") == 90
    assert limits.shortest_s("scheduler", "h") is None
    assert limits.pieces_in_flight("manager", "h") is None
    old = effective_timeouts(settings_of("v0.1.118"))
    assert old.write_timeout_s("seedClient", "h") is None
    assert old.shortest_s("seedClient", "h") == 60
    assert limits.siblings_cancelled("client", "h")
    assert not old.siblings_cancelled("client", "h")
    assert effective_timeouts(Settings.resolve()).shortest_s("client", "h") is None


def test_jobs_are_tied_to_the_seed_clients_tasks():
    """The job that asked for a blob is named in its row."""
    tasks = loaded("slow-source", "v1.5.1").tasks
    seeds = tasks[tasks["role"] == "seedClient"]
    assert seeds["job_id"].str.startswith("group_").all()
    assert not tasks.loc[tasks["role"] == "client", "job_id"].str.startswith("group_").any()


def test_secrets_of_any_file_reach_no_table(tmp_path):
    """Credentials in logs, jobs and addresses of blobs are gone from every frame."""
    secret = "c4n4ry-77"
    made = job(error=f"token={secret}")
    made["args"]["headers"] = {"Authorization": f"Bearer {secret}"}
    client = line(
        1,
        f'download task started: Download {{ url: "https://u:{secret}@r/a?X-Amz-Signature={secret}", request_header: {{"Authorization": "Bearer {secret}"}} }}',
    )
    failed = line(2, f"download failed: get https://r/a?token={secret}: 401", level="ERROR")
    url = line(3, "x", ids=f'host_id="{HOST_ID}" url="https://r/a?sig={secret}"')
    dataset = load(
        write_tree(
            tmp_path / "in",
            {
                "h/d.log": f"{client}\n{failed}\n{url}",
                "jobs.json": json.dumps(made),
                "s/core.log": zap(1, f"receive RegisterPeerRequest, url: http://u:{secret}@r/a?password={secret}"),
            },
        )
    )
    assert len(dataset.events) == 4
    assert len(dataset.jobs) == len(dataset.tasks) == 1
    for name in TABLES:
        assert secret not in getattr(dataset, name).to_csv()


def test_the_newest_release_of_several_counts_by_number(tmp_path):
    """Of two releases in the input v1.10.0 is newer than v1.9.0, though it sorts before it as text."""
    log = '2026-05-02T10:00:00.000001Z  INFO src/main.rs:42: tracing initialized directory: "/var/log/dragonfly/dfdaemon", level: INFO\n'
    (tmp_path / "dfdaemon.log").write_text(log)
    for number, release in enumerate(("1.10.0", "1.9.0")):
        (tmp_path / f"metrics-{number}.txt").write_text(
            f'# HELP x y\ndragonfly_client_version{{git_commit="ab1",git_version="{release}"}} 1\n'
        )
    assert load([tmp_path]).settings.versions["client"] == "v1.10.0"


def test_a_client_built_from_its_crate_names_its_release(tmp_path):
    """The folder of a published crate holds its release."""
    source = "/root/.cargo/registry/src/index.registry.example-6f17d22bba15001f/dragonfly-client-util-1.5.10/src/tracing/mod.rs"
    (tmp_path / "dfdaemon.log").write_text(f'2026-05-02T10:00:00.000001Z  INFO {source}:42: tracing initialized directory: "/var/log/dragonfly/dfdaemon", level: INFO\n')  # fmt: skip
    assert load([tmp_path]).settings.versions["client"] == "v1.5.10"


def test_a_build_that_does_not_know_its_commit_names_no_release(tmp_path):
    """Binaries built without release information all claim the same version; it is not believed."""
    log = '2026-05-02T10:00:00.000001Z  INFO src/main.rs:42: tracing initialized directory: "/var/log/dragonfly/dfdaemon", level: INFO\n'
    (tmp_path / "dfdaemon.log").write_text(log)
    (tmp_path / "metrics.txt").write_text(
        '# HELP x y\ndragonfly_scheduler_version{git_commit="unknown",git_version="v2.5.0"} 1\n'
    )
    assert load([tmp_path]).settings.versions.get("scheduler") is None


def test_relevant_records_give_the_same_findings(article_sample):
    """Records that no analysis looks at are left out; findings, pieces and tasks stay the same."""
    whole, relevant = (load(article_sample, records=records) for records in ("all", "relevant"))
    for name in ("pieces", "tasks", "jobs"):
        pd.testing.assert_frame_equal(getattr(whole, name), getattr(relevant, name))
    assert [*diagnose(whole)] == [*diagnose(relevant)]
    assert len(relevant.events) < len(whole.events)
    assert (relevant.events["level"] == "ERROR").sum() == (whole.events["level"] == "ERROR").sum()


VALUES = "seedClient:\n  config:\n    download:\n      pieceTimeout: 77s\n"
LINE = "2026-01-05T10:00:00.000000Z  INFO download: dragonfly-client/src/resource/task.rs:100: download finished\n"


def test_values_beside_the_logs_are_those_of_the_run(tmp_path):
    """Helm values in an input folder are in force, named in the coverage, and give way to values that the user names."""
    (tmp_path / "values.yaml").write_text(VALUES, "utf-8")
    (tmp_path / "client.log").write_text(LINE, "utf-8")
    dataset = load(tmp_path)
    assert dataset.settings.get("download.pieceTimeout", "seedClient").seconds == 77
    assert dataset.coverage.set_index("path").loc[str(tmp_path / "values.yaml"), "kind"] == "configuration"
    named = load(tmp_path, settings=Settings.resolve({"seedClient.config.download.pieceTimeout": "8s"}))
    assert named.settings.get("download.pieceTimeout", "seedClient").seconds == 8


def test_two_different_values_files_are_a_problem(tmp_path):
    """Of two none is chosen, and the problem names both; a copy is no second one."""
    for name, text in (("a.yaml", VALUES), ("b.yaml", VALUES)):
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "client.log").write_text(LINE, "utf-8")
    assert load(tmp_path).settings.get("download.pieceTimeout", "seedClient").seconds == 77
    (tmp_path / "b.yaml").write_text(VALUES.replace("77", "78"), "utf-8")
    (problem,) = load(tmp_path).problems
    assert "a.yaml" in problem
    assert "--values" in problem


def test_configuration_alone_names_the_command_for_it(tmp_path):
    """Two lines of configuration are no log, and the error says what checks them."""
    (tmp_path / "paste.txt").write_text("download:\n  pieceTimeout: 5m\n", "utf-8")
    with pytest.raises(SourceError, match="check-config"):
        load(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        " 40% [=====>      ] 8.00 GiB/20.00 GiB (118.32 MiB/s, eta 1m)\n 41% [=====>      ] 8.20 GiB/20.00 GiB (118.30 MiB/s, eta 1m)\n",
        "downloading 45% |████████        | (9.0/20 GB, 120 MB/s) [1m15s:1m32s]\n",
    ],
)
def test_progress_output_alone_names_the_log_to_give(tmp_path, text):
    """Bars of any tool are recognised, and the error says where the reason of a failure is."""
    (tmp_path / "paste.txt").write_text(text, "utf-8")
    with pytest.raises(SourceError, match=r"progress output.*dfdaemon\.log"):
        load(tmp_path)


def test_a_failure_behind_a_progress_bar_is_found(tmp_path):
    """A record on the same line as the bar counts as any other."""
    record = LINE.replace(" INFO", "ERROR").replace("download finished", "error decoding response body")
    (tmp_path / "paste.txt").write_text(f"[00:02:30] [####>---] 9.10 GiB/20.00 GiB (62.0 MiB/s, 3m){record}", "utf-8")
    assert [one.id for one in diagnose(load(tmp_path)).present()] == ["error_decoding_response_body"]
