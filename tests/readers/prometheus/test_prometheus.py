"""Prometheus metrics: saved dumps and a live server become rows of `runs`; and no reader takes another's file for its own."""

from __future__ import annotations

import base64
import http.server
import json
import math
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from benchmark_cases import SAMPLES as BENCHMARKS
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from reading_cases import job

from dfly_analysis.cli import main
from dfly_analysis.dataset import Prometheus, load
from dfly_analysis.errors import SourceError
from dfly_analysis.io import open_sources
from dfly_analysis.readers import benchmarks, jobs, prometheus
from dfly_analysis.readers.prometheus.live_query import increase
from dfly_analysis.schema import RUNS

NAME = "dragonfly_client_download_task_duration_milliseconds"
VERSION = 'dragonfly_client_version{build_time="2026-08-18",git_commit="ecaf24d50",git_version="1.5.1"} 1\n'


def dump(counts=(1, 2), total=9, failed=2, started=1795473403, level=8, traffic=1000):
    """Write a client's dump: so many durations up to 2 s, up to 4 s; downloads, failures, bytes."""
    short, long = counts
    labels = f'task_size_level="{level}",task_type="0"'
    below = ((1024, 0), (2048, short), (4096, short + long), ("+Inf", short + long))
    lines = [
        "# HELP x Histogram of the download task duration.", f"# TYPE {NAME} histogram", *(f'{NAME}_bucket{{{labels},le="{le}"}} {n}' for le, n in below),
        f"{NAME}_sum{{{labels}}} {1500 * short + 3000 * long}", f"{NAME}_count{{{labels}}} {short + long}",
        "# TYPE dragonfly_client_download_task_total counter", f'dragonfly_client_download_task_total{{app="",type="0"}} {total}',
        *([f'dragonfly_client_download_task_failure_total{{app="",type="0"}} {failed}'] if failed else []),
        f'dragonfly_client_download_traffic{{type="BACK_TO_SOURCE"}} {traffic}', VERSION.strip(),
        *([f"process_start_time_seconds {started}"] if started else []),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def read(text, address="run/seed-client-0/metrics.txt"):
    part = prometheus.read_metrics(text, address)
    return part, RUNS.frame(part.rows)


def buckets(frame):
    chosen = frame[frame["kind"] == "histogram"]
    return list(zip(chosen["lower_s"], chosen["upper_s"], chosen["n"], strict=True))


# --- dumps ---


def test_a_histogram_becomes_a_row_a_bucket_in_seconds():
    """Counts are no longer cumulative, milliseconds are seconds, the size level is a range of bytes, empty buckets are gone."""
    part, frame = read(dump((1, 2)))
    assert buckets(frame) == [
        (pytest.approx(1.024), pytest.approx(2.048), 1),
        (pytest.approx(2.048), pytest.approx(4.096), 2),
    ]
    row = frame.iloc[0]
    assert (row["metric"], row["outcome"], row["host"], row["role"]) == (NAME, "ok", "seed-client-0", "seedClient")
    assert (row["size_lower_bytes"], row["size_upper_bytes"]) == (128 << 20, 256 << 20)
    assert row["mean_s"] == pytest.approx(2.5)
    assert row["started"].timestamp() == 1795473403
    assert row["log_line"] == 3
    assert (part.versions, part.component, part.rejected) == ((("client", "v1.5.1"),), "client", 0)


def test_a_counter_and_its_failures_are_one_row():
    """Total and failures come together; without a failure counter there were none; bytes say where they came from."""
    counters = read(dump(failed=2))[1].query("kind == 'counter'").set_index("metric")
    assert tuple(counters.loc["dragonfly_client_download_task_total", ["n", "failures"]]) == (9, 2)
    assert counters.loc["dragonfly_client_download_traffic", "bytes_from_source"] == 1000
    without = read(dump(failed=0))[1].set_index("metric")
    assert without.loc["dragonfly_client_download_task_total", "failures"] == 0


def test_failures_without_a_total_stand_alone():
    """A dump whose total is lost still tells the failures."""
    frame = read("\n".join(line for line in dump().split("\n") if "task_total" not in line))[1]
    row = frame[frame["metric"] == "dragonfly_client_download_task_total"].iloc[0]
    assert row["failures"] == 2
    assert frame["n"].isna()[row.name]


def test_a_summary_becomes_an_aggregate():
    """The scheduler's quantiles are kept in seconds; those that have no sample are missing."""
    name = "dragonfly_scheduler_download_peer_duration_milliseconds"
    text = f"""# TYPE {name} summary
{name}{{task_size_level="9",quantile="0.5"}} 2000
{name}{{task_size_level="9",quantile="0.99"}} NaN
{name}_sum{{task_size_level="9"}} 9000
{name}_count{{task_size_level="9"}} 3
"""
    row = read(text, "scheduler-0/metrics.txt")[1].iloc[0]
    assert (row["kind"], row["n"], row["mean_s"], row["p50_s"], row["role"]) == ("aggregate", 3, 3.0, 2.0, "scheduler")
    assert math.isnan(row["p99_s"])


@pytest.mark.parametrize(
    ("level", "lower", "upper"),
    [("0", 0, 1), ("1", 1, 1 << 20), ("11", 1 << 30, 4 << 30), ("13", 8 << 30, 16 << 30), ("19", 512 << 30, 1 << 40), ("20", 1 << 40, None)],
)  # fmt: skip
def test_size_levels_are_ranges(level, lower, upper):
    """Level 11 begins at 1 GiB; the last has no end."""
    row = prometheus.read_metrics(dump(level=level), "m").rows[0]
    assert (row["size_lower_bytes"], row.get("size_upper_bytes")) == (lower, upper)


@pytest.mark.parametrize("level", ["21", "x", "", "-1", "٣", "1e3"])
def test_a_size_level_nobody_knows_has_no_size(level):
    """The durations stay."""
    row = prometheus.read_metrics(dump(level=level), "m").rows[0]
    assert "size_lower_bytes" not in row
    assert row["n"] == 1


@pytest.mark.parametrize(
    "broken", [f'{NAME}_bucket{{task_size_level="8",ta', "\x00\x01", "dragonfly_client_download_task_total NaN", "nonsense here", "x " + "9" * 400, 'x{a="b} 1', "-5"]
)  # fmt: skip
def test_a_broken_line_is_counted_and_the_rest_is_read(broken):
    """The line is rejected alone."""
    whole, lines = read(dump())[1], dump().split("\n")
    for at in range(0, len(lines), 4):
        part, frame = read("\n".join([*lines[:at], broken, *lines[at:]]))
        assert part.rejected == 1
        assert part.lines == len(lines)
        assert frame.drop(columns="log_line").equals(whole.drop(columns="log_line"))


def test_a_lost_bucket_line_makes_a_wider_interval():
    """What stood in it is counted with the next bound; a lost last line is replaced by the count."""
    lines = dump((1, 2)).split("\n")
    assert buckets(read("\n".join(line for line in lines if 'le="2048"' not in line))[1]) == [
        (pytest.approx(1.024), pytest.approx(4.096), 3)
    ]
    assert buckets(read("\n".join(line for line in lines if 'le="4096"' not in line and "+Inf" not in line))[1])[
        -1
    ] == (pytest.approx(2.048), math.inf, 2)


def test_several_dumps_in_one_file_count_once():
    """Of one process the newest counts; a process that began later counts by itself."""
    assert buckets(read(dump((1, 2)) + dump((2, 3)))[1]) == buckets(read(dump((2, 3)))[1])
    again = read(dump((5, 5), started=1) + dump((1, 2), started=2))[1]
    assert sorted(again[again["kind"] == "histogram"].groupby("started")["n"].sum()) == [3, 10]
    assert buckets(read(dump((1, 2), started=None) * 2)[1]) == buckets(read(dump((1, 2)))[1])


def test_of_several_files_of_one_process_the_newest_counts():
    """A dump before and one after are not added up; other hosts, restarts and benchmarks are left alone."""
    texts = {
        "before/seed-0/metrics.txt": dump((1, 0)), "after/seed-0/metrics.txt": dump((2, 2)), "after/seed-1/metrics.txt": dump((1, 0)),
        "late/seed-0/metrics.txt": dump((3, 0), started=1795480000),
    }  # fmt: skip
    rows = [row for path, text in texts.items() for row in prometheus.read_metrics(text, path).rows] + [
        {"tool": "csv", "log_path": "x"}
    ]
    paths = Counter(row["log_path"] for row in prometheus.newest_dumps(rows))
    assert set(paths) == {*list(texts)[1:], "x"}


def test_a_server_without_commit_names_no_release():
    """It shows a default; a client built from its crate knows its own."""
    without_commit = VERSION.replace("ecaf24d50", "unknown")
    assert prometheus.read_metrics(without_commit, "m").versions == (("client", "v1.5.1"),)
    assert prometheus.read_metrics(without_commit.replace("_client_", "_scheduler_"), "m").versions == ()


def test_secrets_in_labels_reach_no_row():
    """Tags and applications are the user's text."""
    text = 'dragonfly_client_download_task_total{app="token=s3cr3t-x",tag="https://u:s3cr3t-x@reg/"} 3\n'
    assert "s3cr3t-x" not in RUNS.frame(prometheus.read_metrics(text, "m").rows).to_csv()


@pytest.mark.parametrize(
    ("address", "host", "role"),
    [("run/seed-client-0/metrics.txt", "seed-client-0", "seedClient"), ("a.tar.gz!run/client-1/metrics.prom", "client-1", "client"), ("node7-metrics.txt", "node7", "client"), ("run/metrics-2.txt", "run", "client"), ("metrics.txt", None, "client")],
)  # fmt: skip
def test_the_address_names_the_host(address, host, role):
    """By its folder, or by the file's own name."""
    part = prometheus.read_metrics(dump(), address)
    assert (part.host, part.rows[0]["role"]) == (host, role)


def test_the_dumps_of_a_real_run_agree_with_its_truth(slow_sample):
    """Each dump of the sample is read whole; the counts are those of the buckets' last line, and the releases are found."""
    dumps = [
        (opened.address, opened.text())
        for opened in open_sources([slow_sample])
        if opened.address.endswith("metrics.txt")
    ]
    assert len(dumps) == 7
    versions = set()
    for address, text in dumps:
        part, frame = read(text, address)
        assert prometheus.recognises(text[:65536])
        assert part.rejected == 0
        versions |= set(part.versions)
        said = sum(int(value) for value in re.findall(rf"^{NAME}_count\S* (\d+)$", text, re.MULTILINE))
        assert frame[(frame["metric"] == NAME)]["n"].sum() == said
    assert ("client", "v1.5.1") in versions


# --- growth ---


@pytest.mark.parametrize(
    ("values", "baseline", "grown"),
    [([5, 7, 9], 5.0, 4), ([5, 7, 1, 3], 5.0, 5), ([5, 7], 0.0, 7), ([5, 7], None, 2), ([], 3.0, 0), ([2], 5.0, 2), ([3, 0, 0, 4], 3.0, 4)],
)  # fmt: skip
def test_growth_of_a_counter(values, baseline, grown):
    """A fall is a new beginning; what was there before the window is not counted."""
    assert increase([(float(at), float(value)) for at, value in enumerate(values)], baseline) == grown


@given(st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=8), min_size=1, max_size=4))
def test_growth_is_the_sum_of_the_steps_of_each_life(lives):
    """However often a process begins anew with less than before, nothing is lost and nothing is counted twice."""
    points, truth, last = [], 0, 0
    for steps in lives:
        if points and steps[0] >= last:
            continue  # such a restart cannot be seen
        level = 0
        for step in steps:
            level += step
            points.append(level)
        truth, last = truth + level, level
    assert increase([(float(at), float(level)) for at, level in enumerate(points)], 0.0) == truth


# --- a live server ---


class Exporter:
    """Serves dumps by path, each with the number of the stage it belongs to; what is not there yet answers 503."""

    def __init__(self, prometheus_url):
        self.texts, self.stage, self.prometheus_url = {}, 0, prometheus_url
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = outer.texts.get(self.path, "").encode()
                self.send_response(200 if body else 503)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, **texts):
        """Serve these from now on, and wait until Prometheus itself says that it has kept two scrapes of each: a scrape may be answered and still come too late."""
        self.stage += 1
        self.texts |= {f"/{name}": text and f"{text}exporter_stage_{self.stage} 1\n" for name, text in texts.items()}
        until(lambda: all(self._kept(name, text) for name, text in texts.items()), "the exporter is not scraped")

    def _kept(self, name, text):
        job = f'{{job="{name.replace("_", "-")}"}}'
        return self._ask(f"count_over_time(exporter_stage_{self.stage}{job}[5m]) >= 2" if text else f"up{job} == 0")

    def _ask(self, query):
        """Tell whether the server finds anything now."""
        asked = urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(f"{self.prometheus_url}/api/v1/query?{asked}", timeout=10) as answer:
                return bool(json.load(answer)["data"]["result"])
        except urllib.error.URLError:
            return False  # it is still starting


def until(condition, complaint, patience_s=60.0):
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(complaint, pytrace=False)
        time.sleep(0.05)


def tool(name):
    found = shutil.which(name)
    if found is None:
        pytest.fail(
            f"{name} is not on the PATH; `make test` installs it (on Debian: apt-get install {name})", pytrace=False
        )
    return found


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """Let a real Prometheus watch five clients: one grows and restarts, one is born, one was only found late, one rests, one ends."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    exporter = Exporter(f"http://127.0.0.1:{port}")
    target = f"127.0.0.1:{exporter.server.server_port}"
    scrape = [
        {"job_name": pod, "metrics_path": f"/{pod.replace('-', '_')}", "static_configs": [{"targets": [target], "labels": {"pod": pod, "container": container}}]}
        for pod, container in (("seed-0", "seed-client"), ("born-0", "client"), ("late-0", "client"), ("calm-0", "client"), ("gone-0", "client"))
    ]  # fmt: skip
    (folder / "p.yml").write_text(
        yaml.safe_dump({"global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"}, "scrape_configs": scrape})
    )
    command = [tool("prometheus"), f"--config.file={folder}/p.yml", f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        begun = time.time() - 1000
        exporter.serve(
            seed_0=dump((4, 4), 20, 0, begun), calm_0=dump((1, 1), 5, 1, begun), gone_0=dump((2, 2), 4, 0, None)
        )
        start = time.time()
        time.sleep(
            0.3
        )  # a scrape under way bears the time it began at: one that ends with what comes next would be too early
        exporter.serve(
            seed_0=dump((5, 6), 24, 2, begun),
            born_0=dump((3, 0), 3, 0, None),
            late_0=dump((7, 7), 50, 9, begun),
            gone_0=dump((5, 2), 7, 0, None),
        )
        exporter.serve(seed_0=dump((1, 0), 2, 0, begun), gone_0="")
        exporter.serve(seed_0=dump((1, 2), 5, 1, begun), late_0=dump((7, 9), 52, 9, begun))
        end = time.time()
        yield SimpleNamespace(url=exporter.prometheus_url, start=start, end=end, exporter=exporter)
    finally:
        server.terminate()
        server.wait(30)
        exporter.server.shutdown()


@pytest.fixture(scope="module")
def window(scraped):
    part = prometheus.query_prometheus(scraped.url, scraped.start, scraped.end, step=0.1)
    return part, RUNS.frame(part.rows)


def test_a_live_prometheus_tells_what_grew_in_the_window(scraped, window):
    """Growth before and after a restart is added up; the process born inside counts whole, the one found late by its growth, the one that ended until then."""
    part, frame = window
    grown = {host: buckets(rows) for host, rows in frame.groupby("host")}
    short, long = (pytest.approx(1.024), pytest.approx(2.048)), (pytest.approx(2.048), pytest.approx(4.096))
    assert grown == {
        "seed-0": [(*short, 2), (*long, 4)],
        "born-0": [(*short, 3)],
        "late-0": [(*long, 2)],
        "gone-0": [(*short, 3)],
    }
    totals = frame[frame["metric"] == "dragonfly_client_download_task_total"].set_index("host")
    assert {host: (row["n"], row["failures"]) for host, row in totals.iterrows()} == {
        "seed-0": (9, 3),
        "born-0": (3, 0),
        "late-0": (2, 0),
        "gone-0": (3, 0),
    }
    assert dict(zip(frame["host"], frame["role"], strict=True)) == {
        "seed-0": "seedClient",
        "born-0": "client",
        "late-0": "client",
        "gone-0": "client",
    }
    assert part.versions == (("client", "v1.5.1"),)
    assert frame["log_path"].eq(scraped.url).all()
    assert frame["started"].iloc[0].timestamp() == pytest.approx(scraped.start, abs=1e-5)


def test_rows_of_a_server_are_those_of_a_dump(scraped, window):
    """The same columns are filled, but for the line and the end."""
    filled = [set(frame.dropna(axis=1, how="all").columns) for frame in (window[1], read(dump())[1])]
    assert filled[0] - filled[1] == {"ended"}
    assert filled[1] - filled[0] == {"log_line"}


def test_a_selector_narrows_the_targets(scraped):
    """With or without braces; where nothing is left, one line says so."""
    for selector in ('pod="born-0"', '{pod=~"bo.*"}'):
        rows = prometheus.query_prometheus(scraped.url, scraped.start, scraped.end, step=0.1, selector=selector).rows
        assert {row["host"] for row in rows} == {"born-0"}
    with pytest.raises(SourceError, match="has no metrics of Dragonfly between .*selector"):
        prometheus.query_prometheus(scraped.url, scraped.start, scraped.end, selector='pod="none"')
    with pytest.raises(SourceError, match="cannot answer: .*parse error"):
        prometheus.query_prometheus(scraped.url, scraped.start, scraped.end, selector='pod=="x')


def test_an_address_with_a_path_is_taken_as_the_server(scraped):
    """What people copy from the browser works too."""
    assert prometheus.query_prometheus(f"{scraped.url}/graph?g0.expr=up", scraped.start, scraped.end).rows


def test_the_commands_ask_the_server_named(scraped, tmp_path):
    """`load` and `diagnose --prometheus URL` add what the server counted while the logs were written: buckets with bounds, and the release."""
    times = [
        datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds")
        for moment in (scraped.start, scraped.end)
    ]
    log = "".join(f"{text.replace('+00:00', 'Z')}  INFO src/main.rs:1: x\n" for text in times)
    (tmp_path / "dfdaemon.log").write_text(log, "utf-8")
    done = CliRunner().invoke(
        main, ["load", str(tmp_path / "dfdaemon.log"), "--prometheus", scraped.url, "-o", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    runs = pd.read_parquet(tmp_path / "out/runs.parquet")
    counted = runs[runs["kind"] == "histogram"]
    assert {"seed-0", "late-0"} <= set(counted["host"])
    assert (counted["lower_s"] < counted["upper_s"]).all()
    assert (counted["n"] >= 1).all()
    assert runs["log_path"].eq(scraped.url).all()
    dataset = load(tmp_path / "dfdaemon.log", prometheus=Prometheus(scraped.url, selector='pod="seed-0"', step="1s"))
    assert set(dataset.runs["host"]) == {"seed-0"}
    assert dataset.settings.versions["client"] == "v1.5.1"
    unreachable = CliRunner().invoke(
        main,
        ["load", str(tmp_path / "dfdaemon.log"), "--prometheus", "http://127.0.0.1:9", "-o", str(tmp_path / "out")],
    )
    assert unreachable.exit_code == 0
    assert "http://127.0.0.1:9: cannot be reached" in unreachable.stderr
    assert len(pd.read_parquet(tmp_path / "out/runs.parquet")) == 0


# --- what can go wrong with a server ---


class Answering:
    """Answers every request alike and keeps what it was sent."""

    def __init__(self, status=200, body=b"", tls=None):
        self.sent = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.sent.append(dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.place = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, b"", "refuses access"), (403, b"no", "refuses access"), (200, b"<html>hello</html>", "does not answer as Prometheus does"),
        (404, b"not found", "does not answer as Prometheus does"), (200, b"[]", "does not answer as Prometheus does"), (200, b'{"status":"success"}', "another form"),
        (200, b'{"status":"success","data":{"result":[{"metric":5}]}}', "another form"), (502, b"", "does not answer as Prometheus does"),
        (422, b'{"status":"error","errorType":"execution","error":"query timed out"}', "cannot answer: query timed out"), (200, b"\xff" * 40, "does not answer"),
        (200, b"[" * 100_000, "does not answer"), (200, b'{"status":"success","data":{"result":[]}}', "has no metrics of Dragonfly"),
    ],
)  # fmt: skip
def test_each_failure_of_a_server_is_one_clear_line(status, body, said):
    """It names the server, what is wrong and the way out."""
    server = Answering(status, body)
    with pytest.raises(SourceError, match=said) as caught:
        prometheus.query_prometheus(f"http://bob:s3cr3t@{server.place}", 0, 10)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"http://{server.place}: ")
    assert caught.value.hint
    assert "s3cr3t" not in str(caught.value)


def test_a_server_that_is_not_there_is_said_so():
    """Nobody listens; the name does not exist."""
    with pytest.raises(SourceError, match="cannot be reached: Connection refused"):
        prometheus.query_prometheus(f"http://127.0.0.1:{free_port()}", 0, 10)
    with pytest.raises(SourceError, match="cannot be reached"):
        prometheus.query_prometheus("http://no-such-host.invalid:9090", 0, 10)


@pytest.mark.parametrize("url", ["ftp://x", "", "http://", "http://[::1", "http://x:notaport", "/etc/passwd"])
def test_an_address_that_is_none_is_refused(url):
    """Before anything is sent."""
    with pytest.raises(SourceError):
        prometheus.query_prometheus(url, 0, 10)


@pytest.mark.parametrize(("start", "end"), [(10, 10), (10, 5), ("yesterday", 5)])
def test_a_window_that_is_none_is_refused(start, end):
    """Before anything is sent."""
    with pytest.raises(SourceError, match=r"window ends before|not a time"):
        prometheus.query_prometheus("http://127.0.0.1:1", start, end)


def test_a_certificate_nobody_trusts_is_named(tmp_path):
    """And a server without TLS is told apart from it."""
    key, certificate = tmp_path / "key", tmp_path / "cert"
    command = [
        tool("openssl"),
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        key,
        "-out",
        certificate,
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    subprocess.run(command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with pytest.raises(SourceError, match="certificate that is not trusted .*REQUESTS_CA_BUNDLE"):
        prometheus.query_prometheus(f"https://{Answering(tls=tls).place}", 0, 10)
    with pytest.raises(SourceError, match="does not speak TLS"):
        prometheus.query_prometheus(f"https://{Answering().place}", 0, 10)


def test_credentials_go_where_they_belong(monkeypatch, tmp_path):
    """User and password of the URL as basic, else the variable's token as bearer, and never those of a .netrc instead."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login mallory password m\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    sent = []
    for token, user in ((None, "bob:p%40ss@"), ("t0ken", "bob:p%40ss@"), ("t0ken", "")):
        monkeypatch.delenv("DFLY_ANALYSIS_PROMETHEUS_TOKEN", raising=False)
        if token:
            monkeypatch.setenv("DFLY_ANALYSIS_PROMETHEUS_TOKEN", token)
        server = Answering(401)
        with pytest.raises(SourceError):
            prometheus.query_prometheus(f"http://{user}{server.place}", 0, 10)
        sent.append(server.sent[0]["Authorization"])
    basic = "Basic " + base64.b64encode(b"bob:p@ss").decode()
    assert sent == [basic, basic, "Bearer t0ken"]


# --- who reads what ---


LOG_LINES = {
    "client log": '2026-05-02T10:00:00.000001Z  INFO src/main.rs:42: tracing initialized directory: "/var/log", level: INFO\n',
    "client log speaking of metrics": "2026-05-02T10:00:00Z INFO metrics: # TYPE dragonfly_client_version gauge\ndragonfly_client_version 1\n" * 3,
    "scheduler log": '{"level":"info","ts":"2025-03-04 05:06:07.123","caller":"job/job.go:30","msg":"[preheat]","state":"SUCCESS","args":{},"type":"preheat"}\n',
    "job log": '{"level":"info","ts":"2025-03-04 05:06:07.123","caller":"job/logger.go:30","msg":"{\\"state\\":\\"PENDING\\",\\"job_states\\":[]}"}\n',
    "docker": '{"log":"{\\"id\\":1,\\"state\\":\\"SUCCESS\\",\\"args\\":{}}\\n","stream":"stdout","time":"2026-05-02T10:00:00Z"}\n',
    "console": '2025-03-04T05:06:07.123Z\tINFO\tjob/job.go:12\tcreated\t{"state": "PENDING", "args": {}}\n',
    "rocksdb": "2026/11/23-22:37:03.123456 7f2a RocksDB version: 8.10.0\n2026/11/23-22:37:03.123460 7f2a Compile date 2024-01-01\n",
    "configuration": "# HELP wanted\nhost:\n  hostname: seed-0\ndownload:\n  pieceTimeout: 40s\nmetrics:\n  server:\n    port: 4002\n",
    "kubectl pods": json.dumps({"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"args": ["x"], "type": "y"}]}, "status": {"containerStatuses": [{"state": {"running": {}}}], "conditions": [{"type": "Ready", "state": "SUCCESS"}]}}]}, indent=1),
    "kubectl events": json.dumps({"kind": "List", "apiVersion": "v1", "items": [{"kind": "Event", "type": "Normal", "state": "PENDING", "args": {}}]}),
    "loki csv": 'Line,Time,size_bytes_total\n"level=info",2026-05-02T10:00:00Z,1\n',
    "loki json": json.dumps([{"line": '{"state":"SUCCESS","job_states":[]}', "timestamp": "1", "fields": {"state": "x"}}]),
    "words": "Requests were slow. Buckets of durations. size_bytes and duration_s are columns.\n",
    "a shell": "# TYPE your name\necho hello\n# HELP\n",
    "empty": "", "newline": "\n", "zeros": "\x00" * 50,
}  # fmt: skip
OTHERS = {
    "metrics": {"metrics": dump(), "without comments": "".join(line + "\n" for line in dump().split("\n") if line and line[0] != "#"), "of others": "# HELP go_goroutines x\n# TYPE go_goroutines gauge\ngo_goroutines 7\n"},
    "jobs": {"one": json.dumps(job()), "list": json.dumps([job()] * 2, indent=2), "data": json.dumps({"data": {"items": [job()]}})},
    "bench": BENCHMARKS, "none": LOG_LINES,
}  # fmt: skip
READERS = {"metrics": prometheus.recognises, "jobs": jobs.recognises, "bench": benchmarks.recognises}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, texts in OTHERS.items() for name in texts])
def test_no_reader_takes_what_is_anothers(reader, kind, name):
    """Each sample is recognised by the reader of its kind and by no other."""
    assert READERS[reader](OTHERS[kind][name]) is (reader == kind)


def test_no_benchmark_tool_takes_what_is_anothers():
    """Among the benchmark tools too: each sample belongs to exactly one."""
    for name, text in BENCHMARKS.items():
        takers = [found.__name__ for found in benchmarks._TOOLS if found.recognises(text)]
        assert len(takers) == 1, (name, takers)


def test_no_reader_takes_the_samples_of_log_formats(root):
    """None of the lines that stand beside the definitions of log formats."""
    for path in sorted((root / "dfly_analysis/catalog/entries/log_formats").glob("*.yaml")):
        for definition in yaml.safe_load(path.read_text("utf-8")):
            for sample in definition["samples"]:
                taken = [name for name, recognises in READERS.items() if recognises(f"{sample['text']}\n")]
                assert taken == [], sample["text"]


@pytest.mark.parametrize("sample", ["article_sample", "slow_sample"])
def test_every_file_of_a_real_run_has_at_most_one_reader(request, sample):
    """Dumps go to metrics, the jobs' answers to jobs, logs and configuration to neither."""
    for opened in open_sources([request.getfixturevalue(sample)]):
        head = opened.head().decode("utf-8", "replace")
        name = Path(opened.address.replace("!", "/")).name
        expected = {"metrics.txt": ["metrics"], "jobs.json": ["jobs"]}.get(name, [])
        assert [reader for reader, recognises in READERS.items() if recognises(head)] == expected, opened.address


# --- anything ---

FRAGMENTS = [*dump().split("\n"), NAME, "{", "}", '"', "le=", '"+Inf"', "1e999", "-1", "NaN", "process_start_time_seconds 1e300", "process_start_time_seconds -1", "\\", "\r", "\x00", "# TYPE", " 1 2 3"]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=20), max_size=25), st.sampled_from(["\n", "", " "]))
def test_any_text_gives_rows_or_none(fragments, between):
    """Nothing a dump holds makes it fail, and what comes of it fits the table."""
    text = between.join(fragments)
    part = prometheus.read_metrics(text, "m")
    assert 0 <= part.rejected <= part.lines
    assert (RUNS.frame(part.rows)["n"].fillna(0) >= 0).all()
    assert prometheus.recognises(text) in (True, False)


@given(st.binary(max_size=200))
def test_any_bytes_are_recognised_or_not(content):
    """No head makes a recogniser fail."""
    for recognises in READERS.values():
        assert recognises(content.decode("utf-8", "replace")) in (True, False)
