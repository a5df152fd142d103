"""From files to an answer, against the truth: the committed real runs, and a planted run of every case and client era."""

import gzip
import io
import json
import math
import tarfile
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import NormalDist

import pandas as pd
import pytest
from click.testing import CliRunner
from conftest import SAMPLES
from planted import PAIRS, write_planted

import dfly_analysis as dfly
from dfly_analysis.catalog.checks import load_checks
from dfly_analysis.catalog.error_signatures import load_signatures
from dfly_analysis.cli import main
from dfly_analysis.redaction import redact
from dfly_analysis.schema import SEVERITIES
from tests.synthetic import CASES, CLIENTS, write_run

MIB = 2**20
RUNS = ("article-v0.1.118", "slow-v1.5.1")
SIGNS = ("error_decoding_response_body", "content_write_failed", "reqwest_body_timed_out")
TROUBLE = [pair for pair in PAIRS if pair[0] != "healthy"]


@cache
def sample(name):
    dataset = dfly.load(SAMPLES / f"{name}.tar.gz")
    return dataset, dfly.diagnose(dataset)


@cache
def truth_of(name):
    return json.loads((SAMPLES / f"{name}.truth.json").read_text("utf-8"))


@cache
def lines_of(path):
    """Return the lines of an archive member, read without the package."""
    archive, _, member = path.partition("!")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(Path(archive).read_bytes()))) as tar:
        return tar.extractfile(member).read().decode().splitlines()


def grave(findings):
    return {one.id: one.severity for one in findings.present() if one.severity != "info"}


@pytest.mark.parametrize("name", RUNS)
def test_the_cause_and_the_number_of_failed_tasks_are_the_planted_ones(name):
    """Without a word about releases, the primary cause and the count of each cause are those of the truth file."""
    dataset, findings = sample(name)
    assert findings.primary_cause == truth_of(name)["primary_cause"]
    assert len(dataset.failed_tasks) == truth_of(name)["tasks_failed"]
    assert {one.cause: one.tasks for one in findings.causes} == truth_of(name)["tasks_failed_by_cause"]


@pytest.mark.parametrize("name", RUNS)
def test_naming_the_client_changes_nothing(name):
    """With --client or without it, the answer is the same: the input says which release ran."""
    dataset, findings = sample(name)
    client = truth_of(name)["client"]
    assert dataset.settings.versions["seedClient"] == client
    named = dfly.load(SAMPLES / f"{name}.tar.gz", settings=dfly.Settings.resolve(client=client))
    pd.testing.assert_frame_equal(named.tasks, dataset.tasks)
    told = dfly.diagnose(named)
    assert (told.causes, told.primary_cause, list(told)) == (findings.causes, findings.primary_cause, list(findings))


@pytest.mark.parametrize("name", RUNS)
def test_shares_of_the_causes_add_up_to_one(name):
    """Each failed task counts once, and each share lies in its interval."""
    causes = sample(name)[1].causes
    assert math.fsum(one.share for one in causes) == pytest.approx(1)
    assert all(0 <= one.low <= one.share <= one.high <= 1 for one in causes)


def test_failures_of_the_article_are_counted_not_their_lines():
    """S1, S2 and S3 are there; S2 repeats S1; 37 pieces and 4 layers failed, however many lines say so."""
    dataset, findings = sample("article-v0.1.118")
    body, copy, timed_out = (findings.get(one) for one in SIGNS)
    assert [one.verdict for one in (body, copy, timed_out)] == ["present"] * 3
    assert [one.echo_of for one in (body, copy, timed_out)] == [None, "error_decoding_response_body", None]
    assert (body.count, copy.count, timed_out.count) == (37, 37, 4)
    assert {body.tasks, copy.tasks, timed_out.tasks} == {4}
    lines = sum(
        "error decoding response body" in line
        for path in dataset.coverage.loc[dataset.coverage["kind"] == "log", "path"]
        for line in lines_of(path)
    )
    assert lines > 90
    missing = {layer["digest"] for layer in truth_of("article-v0.1.118")["layers"] if not layer["preheated"]}
    assert {url.rpartition(":")[2] for url in dataset.failed_tasks["url"]} == missing


def test_the_sign_of_timeouts_proves_them_where_words_alone_do_not():
    """On v0.1.118 a piece says only that a body broke off; that it ran exactly as long as its limit makes it a timeout."""
    dataset, findings = sample("article-v0.1.118")
    cut = findings.get("piece_cut_at_limit")
    assert cut.verdict == "present"
    assert cut.count >= 35
    failed = dataset.pieces[dataset.pieces["outcome"] == "timeout"]
    assert set(failed["timeout_s"]) == {6.0}


def test_false_success_is_named_with_the_layers_that_are_missing():
    """All eight jobs report SUCCESS while two layers are missing, and the job records are the proof."""
    dataset, findings = sample("slow-v1.5.1")
    truth = truth_of("slow-v1.5.1")
    finding = findings.get("preheat_false_success")
    assert (finding.verdict, finding.severity, finding.count, finding.tasks) == ("present", "high", 2, 2)
    assert finding.reason.startswith("8 of 8 preheat jobs report SUCCESS; requested blobs missing in 2 of them: 2.")
    assert (dataset.jobs["state"] == "SUCCESS").sum() == len(truth["job_states"]) == 8
    missing = {url.rpartition(":")[2] for urls in dataset.jobs["missing_urls"] for url in urls}
    assert missing == {layer["digest"] for layer in truth["layers"] if not layer["preheated"]}


def test_a_run_whose_jobs_fail_says_so_and_claims_no_false_success():
    """Scheduler v2.1 reports failed layers: four jobs report FAILURE, correctly."""
    findings = sample("article-v0.1.118")[1]
    assert findings.get("preheat_false_success").verdict == "absent"
    assert (findings.get("preheat_job_failed").count, findings.get("preheat_job_failed").tasks) == (4, 4)


@pytest.mark.parametrize("name", RUNS)
def test_evidence_is_a_line_that_stands_there(name):
    """Each path and line of the evidence holds the text that is shown, secrets aside."""
    shown = 0
    for finding in sample(name)[1].present():
        for one in finding.evidence:
            line = lines_of(one.path)[one.line - 1]
            if one.path.endswith("jobs.json"):
                assert one.text.removeprefix("job ").partition(":")[0] in line
            else:
                assert one.text[:200] == redact(line)[:200]
            shown += 1
    assert shown > 15


def rust_line(client, stamp, level, text):
    moment = f"{stamp}.000000Z" if client == "v1.5.1" else f"{stamp}.000000000+00:00"
    return f"{moment} {level:>5} dragonfly-client/src/resource/task.rs:459: {text}\n"


def go_line(stamp, level, text):
    words = {"level": level.lower(), "ts": f"{stamp.replace('T', ' ')}.000", "caller": "rpc/log.go:10", "msg": text}
    return json.dumps(words) + "\n"


def inject(run, client, texts):
    """Write each text at WARN and ERROR into the logs of those who say it."""
    homes = {
        "client": [run / "seed-client-0/dfdaemon/dfdaemon.log", run / "client-0/dfdaemon/dfdaemon.log"],
        "scheduler": [run / "scheduler-0/scheduler/core.log"],
        "manager": [run / "manager-0/manager/core.log"],
    }
    (run / "manager-0/manager").mkdir(parents=True)
    for number, (component, text) in enumerate(texts):
        stamp = f"2026-05-12T07:{number // 60:02d}:{number % 60:02d}"
        for name, paths in homes.items():
            for path in paths if component in (name, "any") else ():
                with path.open("a", encoding="utf-8") as log:
                    for level in ("WARN", "ERROR"):
                        log.write(
                            rust_line(client, stamp, level, text) if name == "client" else go_line(stamp, level, text)
                        )


@pytest.mark.parametrize("client", CLIENTS)
def test_no_harmless_line_becomes_a_finding(tmp_path, client):
    """Every sample of every benign signature, written as a warning and as an error, raises nothing above info."""
    write_planted(tmp_path, "healthy", client)
    benign = [(one.component, text) for one in load_signatures() if one.layer == "benign" for text in one.samples.match]
    inject(tmp_path / "run", client, benign)
    dataset = dfly.load(tmp_path / "run")
    findings = dfly.diagnose(dataset)
    assert len(benign) > 30
    assert set(dataset.events.loc[dataset.events["time"] > "2026-05-12T07:00Z", "level"]) == {"WARN", "ERROR"}
    assert grave(findings) == {}
    assert (findings.primary_cause, len(dataset.failed_tasks)) == (None, 0)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_harmful_line_without_a_failed_task_is_a_low_finding(tmp_path, client):
    """The same injection with words of a full disk is seen, is of low severity, and makes no primary cause."""
    write_planted(tmp_path, "healthy", client)
    inject(tmp_path / "run", client, [("client", "write piece failed: No space left on device (os error 28)")])
    dataset = dfly.load(tmp_path / "run")
    findings = dfly.diagnose(dataset)
    assert grave(findings) == {"disk_full": "low"}
    assert "no task failed" in findings.get("disk_full").reason
    assert (findings.primary_cause, findings.causes, len(dataset.failed_tasks)) == (None, (), 0)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Return dataset, findings and truth of a planted run, made once."""

    @cache
    def make(case, client):
        folder = tmp_path_factory.mktemp(f"{case}-{client}")
        truth = write_planted(folder, case, client)
        dataset = dfly.load(folder / "run")
        return dataset, dfly.diagnose(dataset), truth

    return make


@pytest.mark.parametrize(("case", "client"), TROUBLE)
def test_a_planted_cause_is_named_and_every_failed_task_counted(planted, case, client):
    """Each case in each era: primary cause, failed tasks by cause, and a lie of the manager where there is one."""
    dataset, findings, truth = planted(case, client)
    assert truth.tasks_failed > 0
    assert len(dataset.failed_tasks) == truth.tasks_failed
    assert {one.cause: one.tasks for one in findings.causes} == dict(truth.tasks_failed_by_cause)
    assert truth.tasks_failed_by_cause[findings.primary_cause] == max(truth.tasks_failed_by_cause.values())
    lies = truth.layers_failed > 0 and set(truth.job_states) == {"SUCCESS"}
    assert (findings.get("preheat_false_success").verdict == "present") == lies
    assert (findings.get("preheat_job_failed").count if not lies else 0) == Counter(truth.job_states)["FAILURE"]


SHOWN = {
    "slow-source": {"piece_cut_at_limit", "error_decoding_response_body"},
    "resets": {"connection_reset"},
    "truncated": {"body_truncated"},
    "disk-full": {"disk_full"},
    "token-expired": {"token_expired"},
    "registry-503": {"registry_status"},
    "killed": {"restart_without_goodbye"},
    "scheduler-frozen": {"scheduler_silent"},
    "write-timeout": {"write_piece_timed_out"},
    "stalls": {"piece_cut_at_limit"},
    "mixture": {"piece_cut_at_limit"},
}


@pytest.mark.parametrize(("case", "client"), TROUBLE)
def test_a_planted_trouble_is_among_the_findings(planted, case, client):
    """The finding that names the trouble is present, at least of high severity, with failed tasks and evidence."""
    findings = planted(case, client)[1]
    wanted = SHOWN[case]
    if case in ("resets", "truncated") and client == "v0.1.118":
        wanted = {"error_decoding_response_body"}  # its pieces do not say why a body broke off
    for one in map(findings.get, wanted):
        assert one.verdict == "present", one
        assert SEVERITIES.index(one.severity) <= SEVERITIES.index("high"), one
        assert one.tasks > 0
        assert one.evidence


@pytest.mark.parametrize("client", CLIENTS)
def test_a_healthy_run_raises_nothing(planted, client):
    """Nothing planted, nothing found above info, no cause."""
    dataset, findings, truth = planted("healthy", client)
    assert truth.tasks_failed == 0
    assert len(dataset.tasks) > 10
    assert set(dataset.tasks["outcome"]) == {"ok"}
    assert grave(findings) == {}
    assert (findings.causes, findings.primary_cause) == ((), None)


@pytest.mark.parametrize(("case", "client"), PAIRS)
def test_severity_follows_failed_tasks(planted, case, client):
    """What failed no task is never above low, unless it costs time or bytes; no reason is empty or speaks of `1 failures`."""
    costs = {name for name, about in load_checks().items() if not about.fails_tasks}
    for one in planted(case, client)[1]:
        assert one.reason
        assert one.tasks > 0 or one.id in costs or one.severity in ("low", "info"), one
        assert not any(
            f" 1 {noun}s" in f" {one.reason}"
            for noun in ("failure", "line", "failed task", "layer", "job", "blob", "restart")
        )


def test_errors_that_retries_cure_make_no_cause(tmp_path):
    """Where pieces are reset but no task fails, the resets are told at low severity and no cause is named."""
    case = replace(CASES["healthy"], origin=replace(CASES["resets"].origin, reset_per_s=0.02))
    truth = write_run(tmp_path, case=case, client="v1.5.1", seed=2, images=3, layers_per_image=3, scale=0.3)
    dataset = dfly.load(tmp_path / "run")
    findings = dfly.diagnose(dataset)
    assert truth.tasks_failed == len(dataset.failed_tasks) == 0
    assert truth.pieces_failed > 0
    assert findings.get("connection_reset").verdict == "present"
    assert set(grave(findings).values()) == {"low"}
    assert (findings.causes, findings.primary_cause) == ((), None)


@pytest.mark.parametrize("name", RUNS)
def test_the_law_of_a_piece_is_the_planted_one(name):
    """Of a 4 MiB piece the fitted 99 and 99.9 % quantiles lie within 20 % of the planted law, which lies in the interval."""
    fit = dfly.fit_all(sample(name)[0])["piece_from_source"]
    origin = truth_of(name)["origin"]
    median_s = 4 * MIB / origin["rate_bps"]
    for p in (0.99, 0.999):
        true_s = median_s * math.exp(origin["rate_sigma"] * NormalDist().inv_cdf(p))
        found = fit.quantile(4 * MIB, p)
        assert found.value == pytest.approx(true_s, rel=0.2)
        assert found.low <= true_s <= found.high


@pytest.fixture(scope="module")
def thirty_seconds(tmp_path_factory):
    """Return the logs of a run on v0.1.118 whose slowest pieces outlast the 30 s that chart 1.2.24 gives them."""
    folder = tmp_path_factory.mktemp("thirty")
    slow = replace(
        CASES["slow-source"], piece_timeout_s=30.0, origin=replace(CASES["slow-source"].origin, rate_bps=2.2e5)
    )
    truth = write_run(folder, case=slow, client="v0.1.118", seed=3, images=3, layers_per_image=3)
    assert truth.tasks_failed > 0
    for rendered in (folder / "run").glob("*/dfdaemon.yaml"):
        rendered.unlink()  # an operator with logs, the chart's version and nothing else
    return folder / "run"


def test_the_right_key_is_raised_from_the_charts_value(thirty_seconds, tmp_path):
    """The advice raises the seed client's download.pieceTimeout from 30s, and never speaks of pieceDownloadTimeout as a knob."""
    overlay = tmp_path / "overlay.yaml"
    asked = ["recommend", str(thirty_seconds), "--chart", "1.2.24", "--format", "json", "--overlay", str(overlay)]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.stderr
    advice = json.loads(done.stdout)
    raised = {(one["role"], one["key"]): one for one in advice["recommendations"]}
    one = raised["seedClient", "download.pieceTimeout"]
    assert one["helm_path"] == "seedClient.config.download.pieceTimeout"
    assert (one["current"]["value"], one["current"]["layer"]) == ("30s", "chart")
    seconds = float(one["proposed"].removesuffix("s"))
    assert seconds > 30
    assert one["high"] is None or one["low"] <= one["high"]
    assert not any(key.endswith("pieceDownloadTimeout") for _, key in raised)
    written = dfly.Settings.resolve(overlay, chart="1.2.24").get("download.pieceTimeout", "seedClient")
    assert (written.seconds, written.layer) == (seconds, "user")
