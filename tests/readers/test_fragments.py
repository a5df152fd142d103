"""Known failures are found in whatever people paste, and in nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dfly_analysis as dfly
from dfly_analysis.catalog.error_signatures import load_signatures
from dfly_analysis.diagnosis.evidence import message_of
from dfly_analysis.readers.fragments import clean_lines, read_fragments, repair
from tests.fragments.evaluate import is_recognised, judge, lines
from tests.fragments.shapes import SHAPES

TASK = "0f2b6bb1a3dd9c7bfa5e25db60f8d1ee9bbd5c1d6fc2c4f01f3a9a2b8b4a5b6c"
IDS = f'host_id="10.1.1.5-seed-0-seed" task_id="{TASK}" peer_id="10.1.1.5-seed-0-aa-seed"'
BODY = "download piece finished: error decoding response body"


def pair(seconds: float) -> str:
    return (
        f"2025-03-04T05:06:07.000000Z  INFO download_task: dragonfly-client/src/resource/piece.rs:500: start to download piece {TASK}-17 from source {IDS}\n"
        f'2025-03-04T05:06:{7 + seconds:09.6f}Z ERROR download_task: dragonfly-client/src/resource/piece.rs:640: {BODY} {IDS} piece_id="{TASK}-17"\n'
    )


def diagnose(text: str, folder: Path, **settings: str) -> dfly.Diagnosis:
    path = folder / "paste.txt"
    path.write_text(text, "utf-8")
    return dfly.diagnose(dfly.load(path, settings=dfly.Settings.resolve(**settings)))


@pytest.mark.parametrize("name", SHAPES)
def test_decisive_lines_are_found_in_each_shape(name):
    missed = [line.finding for line in lines() if not is_recognised(line, SHAPES[name](line.line))]
    allowed = 0.25 if name == "letters lost" else 0.03
    assert len(missed) <= allowed * len(lines()), missed


@pytest.mark.parametrize("name", ["Loki CSV export", "wrapped at 80", "message alone", "job JSON, a part"])
def test_a_diagnosis_of_a_paste_has_the_cause(name, tmp_path):
    chosen = lines()[::36]
    judged = [judge(line, SHAPES[name](line.line), tmp_path) for line in chosen]
    assert sum(all(each) for each in judged) >= len(chosen) - 1


@pytest.mark.parametrize(
    "text",
    [
        "It was the best of times; the connection of ages was reset by peers of the realm, and no space was left on any device of war.",
        "Nov 29 12:00:00 host sshd[811]: error: kex_exchange_identification: read: Connection reset by peer",
        "2026/11/29 12:00:01 [error] 31#31: *7 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1",
        "E1129 12:00:00.000000 1 leaderelection.go:330] error retrieving resource lock kube-system/x: context deadline exceeded",
        'def f():\n    raise OSError("No space left on device")\n\nimport errno\nreturn errno.ENOSPC\n',
        'if err != nil {\n\treturn fmt.Errorf("watch sync pieces timeout: %w", err)\n}\n// scheduler\nfunc main() {\n',
        '10.0.0.3 - - [29/Nov/2026:10:00:00 +0000] "GET /v2/a/blobs/sha256:ab HTTP/1.1" 206 4194304 "-" "dragonfly"',
        "",
        "2026-02-03T04:05:06Z Check preheat progress: Task [40] is RUNNING\n2026-02-03T04:05:16Z Check preheat progress: Task [40] is SUCCESS",
        "2026-02-03T04:05:06Z [INFO] [/pkg/p2p/preheat/job.go:134]: Check health of preheat provider instance: Healthy",
        "b69b6d52511e goharbor/nginx-photon:v2.9.0 Up 32 minutes (unhealthy) 0.0.0.0:80->8080/tcp nginx",
        'Nov 29 10:00:00 node-1 kubelet[93]: I1129 10:00:00.1 93 kuberuntime_image.go:40] "Pulled image" image="registry.example/a:1"',
        'time="2026-11-29T10:00:00Z" level=info msg="PullImage \\"registry.example/a:1\\" returns image reference \\"sha256:ab\\""',
        '10.0.0.3 - - [29/Nov/2026:10:00:00 +0000] "GET /v2/a/manifests/1 HTTP/1.1" 401 12 "-" "containerd/1.7"',
        "git@host: Permission denied (publickey).",
        'Release "dragonfly" has been upgraded. Happy Helming!',
        "Nov 29 10:00:00 web-1 haproxy[7]: Server app/web2 is DOWN, status UNHEALTHY, reason: Layer4 timeout",
        '{"ts":"2026-11-29T10:00:00Z","level":"info","msg":"token expired in cache, refreshing","service":"billing"}',
        "hello",
    ],
)
def test_other_texts_hold_no_failure(text):
    assert [one.id for fragment in read_fragments(text) for one in fragment.signatures] == []


def test_samples_of_benign_lines_hold_no_failure():
    for one in load_signatures():
        for text in one.samples.match if one.layer == "benign" else ():
            assert [found.id for fragment in read_fragments(text) for found in fragment.signatures] == [], text


def test_this_repository_holds_no_failure():
    package = Path(dfly.__file__).parent
    found = [path.name for path in sorted(package.rglob("*.py"))[::4] if read_fragments(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize(("seconds", "cause"), [(30.001, "timeout_too_short"), (3.0, "network_instability")])
def test_time_between_lines_tells_the_cause(seconds, cause, tmp_path):
    found = diagnose(pair(seconds), tmp_path)
    assert (found.primary_cause, found.strength) == (cause, "likely")


def test_a_release_makes_the_cause_certain(tmp_path):
    found = diagnose(pair(30.001), tmp_path, chart="1.3.26")
    assert (found.primary_cause, found.strength) == ("timeout_too_short", "seen")
    assert "chart 1.3.26" in found.alternatives[0].why


def test_a_time_never_overrules_what_the_text_says(tmp_path):
    """A full disk 30 s after the start of the piece is a full disk."""
    text = pair(30.001).replace("error decoding response body", "No space left on device (os error 28)")
    assert diagnose(text, tmp_path).primary_cause == "disk_full"


def test_the_timeout_in_force_is_named_where_it_is_known(tmp_path):
    """30 s is a default of some releases, but not of this chart."""
    found = diagnose(pair(30.001), tmp_path, chart="1.3.28")
    assert found.primary_cause == "network_instability"
    assert (
        found.alternatives[0].why
        == "the failure came 30 s after the start, but download.pieceTimeout is 120s (chart 1.3.28)"
    )


def test_a_text_alone_claims_no_cause(tmp_path):
    found = diagnose("error decoding response body", tmp_path)
    assert (found.primary_cause, found.strength) == (None, "possible")
    assert [one.cause for one in found.alternatives] == ["timeout_too_short", "network_instability"]
    assert found.get("error_decoding_response_body").severity == "high"
    assert "start to download piece" in found.next_step


def test_the_place_may_stand_in_the_next_line():
    found = read_fragments(f"  2024-11-02T10:00:00Z ERROR  {BODY}\n    at dragonfly-client/src/resource/piece.rs:640\n")
    assert [one.id for one in found[0].signatures][0] == "error_decoding_response_body"


def test_times_levels_places_and_ids_are_taken():
    (found,) = read_fragments(f"> seed-0 2024-11-02 10:00:00.5 ERROR src/piece.rs:640: {BODY} {IDS}")
    record = found.record
    assert (record.time, record.level, record.source) == ("2024-11-02T10:00:00.5", "ERROR", "src/piece.rs:640")
    assert record.fields["task_id"] == TASK


def test_lost_letters_are_repaired():
    assert repair("eror decodng response body") == "error decoding response body"
    assert repair("connection refused by the host") == "connection refused by the host"


def test_secrets_are_taken_out(tmp_path):
    found = diagnose(
        f"> {BODY} https://bob:hunter2@registry.example/v2/ Authorization: Bearer abcdefghijklmnop", tmp_path
    )
    text = str([finding.evidence for finding in found.present()])
    assert "hunter2" not in text
    assert "abcdefghijklmnop" not in text


def test_numbers_of_lines_are_those_of_the_text():
    assert [found.line for found in read_fragments(f"Hi,\nwe see\n```\n{BODY}\n```\n")] == [4]


@given(st.text(alphabet='> `*|{}[]"\\n0123456789abcdefABCDEF:-T.Z= \n\t&;', max_size=400))
def test_any_text_can_be_read(text):
    assert isinstance(read_fragments(text), list)
    numbers = [number for number, _ in clean_lines(text)]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    "pump", ["\\n", "[0m", '{"', "> ", "a ", "2025-03-04T05:06:07 ", "&amp;", "x.rs:1 ", '\\"', "|"]
)
def test_long_repetitions_hide_no_failure(pump):
    """A pattern that could be read in many ways would not come back from these lines."""
    found = read_fragments(f"{pump * 8_000}\n{BODY}")
    assert "error_decoding_response_body" in {one.id for fragment in found for one in fragment.signatures}


def test_explain_takes_whatever_people_have():
    kinds = {
        "timeout_too_short": "cause", "disk_full": "finding", "5006": "code", "code: 6404": "code", "DeadlineExceeded": "code",
        "download.pieceTimeout": "setting", "pieceTimeout": "setting", BODY: "text", "piece_timeout": "finding",
    }  # fmt: skip
    assert {text: dfly.explain(text).kind for text in kinds} == kinds
    with pytest.raises(dfly.DflyError, match=re.escape("nothing is known of 'blue moon'")):
        dfly.explain("blue moon")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("unexpected status from GET request to http://127.0.0.1:4001/v2/a/blobs/sha256:ab?ns=docker.io: 500 Internal Server Error", ["local_proxy_error"]),
        ("* Connected to 127.0.0.1 (127.0.0.1) port 4001\n> Host: 127.0.0.1:4001\n>\n< HTTP/1.1 500 Internal Server Error\n", ["local_proxy_error"]),
        ("curl -v http://localhost:4001/v2/a/blobs/sha256:ab\n< HTTP/1.1 502 Bad Gateway\n", ["local_proxy_error"]),
        ("unexpected status from GET request to https://registry.example/v2/a/blobs/sha256:ab: 500 Internal Server Error", ["registry_status"]),
        ("curl -I https://registry.example/v2/a/blobs/sha256:ab\n< HTTP/2 502 \n< server: nginx\n", ["registry_status"]),
        ("< HTTP/1.1 503 Service Unavailable\n< server: istio-envoy\n", ["service_mesh_answered"]),
        ('download from source failed: status code 503, headers: {"server": "istio-envoy"}', ["service_mesh_answered"]),
        ("backend get failed: 403 Forbidden", ["registry_forbidden"]),
        ("backend get failed: 403 Forbidden: token has expired", ["token_expired"]),
        ("unexpected status 403 Forbidden from https://store.example/l?X-Amz-Expires=1200", ["token_expired"]),
        ("backend error: 401 Unauthorized", ["token_expired"]),
    ],
)  # fmt: skip
def test_a_status_is_laid_at_the_right_side(text, expected):
    """What the local proxy or a mesh answered is not the registry's, and a 403 is no expired token unless one is named."""
    found = {
        one.id for fragment in read_fragments(text) for one in fragment.signatures if one.layer in ("cause", "symptom")
    }
    assert sorted(found) == expected


DOCUMENTS = [
    "# Trust\n\nIf your registry has its own CA you will see `x509: certificate signed by unknown authority`.\nAdd the CA to the node.\n",
    "# Extra certificates\n\nThe build fails with `x509: certificate signed by unknown authority` behind a proxy.\n\nCopy the CA here.\n",
    "## Troubleshooting\n\n- `tls: bad certificate`: the client's certificate is not in the list.\n- `connection reset by peer`: look at the firewall.\n- each task_id is logged\n",
    "# Changelog\n\n- 1.2: retry on `connection reset by peer`\n- 1.1: fixed a hang when the disk is full (`no space left on device`)\n- 1.0: preheat\n",
    "Errors\n======\n\n`429 Too Many Requests` is returned to clients above the limit.\n\nThe task id is in the header.\n",
    "# Peers\n\nA peer_id names a peer.\n\n## Errors\n\nWhen it cannot be reached you get `connection refused`.\n",
    "# 常见问题\n\n`x509: certificate signed by unknown authority` 表示节点不信任证书。\n",
]  # fmt: skip


@pytest.mark.parametrize("text", DOCUMENTS)
def test_a_document_about_failures_shows_none(text):
    """Headings and advice of another project that quotes failure texts are no record of a failure."""
    assert read_fragments(text) == []


def test_a_record_in_a_document_counts():
    """An issue with headings and a pasted record is a paste like any other."""
    record = (
        f"2026-01-05T10:00:00.000000Z ERROR download_task: dragonfly-client/src/resource/piece.rs:625: {BODY} {IDS}"
    )
    text = f"### What happened\n\nThe preheat failed:\n\n```\n{record}\n```\n\n### Expected\n\nSuccess.\n"
    assert [
        one.id
        for fragment in read_fragments(text)
        for one in fragment.signatures
        if one.id == "error_decoding_response_body"
    ]
    bare = f"### What happened\n\nOur Dragonfly preheat ends with:\n\n{BODY}\n"
    assert read_fragments(bare)


TIMED_OUT = "download from source error: IO(Custom { kind: Other, error: reqwest::Error { kind: Decode, source: reqwest::Error { kind: Body, source: TimedOut } } })"


def test_an_export_without_escape_bytes_has_cause_and_value(tmp_path):
    """The first flagship case: cells of Loki whose colours lost their escape byte, newest first."""
    cells = [
        f'1741252089682606262,"[2m2026-03-06T09:08:09.682606262+00:00[0m [31mERROR[0m copy ""/var/lib/dragonfly/content/tasks/0f2/{TASK}"" failed: error decoding response body"',
        f'1741252067346920990,"[2m2026-03-06T09:07:47.346920990+00:00[0m [31mERROR[0m {TIMED_OUT}"',
    ]
    text = "\n".join(["Time,Line", *cells])
    found = diagnose(text, tmp_path)
    assert (found.primary_cause, found.strength) == ("timeout_too_short", "likely")
    assert "30s in 1.1.12 to 1.3.26" in found.remedy
    assert found.next_step
    assert (
        "download.pieceTimeout of seedClient is 30s (chart 1.2.23)" in diagnose(text, tmp_path, chart="1.2.23").remedy
    )


def test_a_pair_has_cause_setting_value_and_next_step(tmp_path):
    """The second flagship case: a start and an error 30.001 s apart, with and without a release."""
    bare, known = diagnose(pair(30.001), tmp_path), diagnose(pair(30.001), tmp_path, chart="1.2.23")
    assert (bare.primary_cause, known.primary_cause) == ("timeout_too_short", "timeout_too_short")
    assert "download.pieceTimeout" in bare.remedy
    assert "30 s" in bare.remedy
    assert "--chart" in bare.next_step
    assert "recommend" in known.next_step


def test_a_message_with_its_place_below_has_all_answers(tmp_path):
    """The third flagship case: the message with its place in the next line, which alone is no timeout."""
    text = f"2024-11-02T10:00:00Z ERROR  {BODY}\n    at dragonfly-client/src/resource/piece.rs:640\n    in download_from_source\n"
    found = diagnose(text, tmp_path, chart="1.2.23")
    assert [one.cause for one in found.alternatives] == ["timeout_too_short", "network_instability"]
    assert "download.pieceTimeout of seedClient is 30s (chart 1.2.23)" in found.remedy
    assert "start to download piece" in found.next_step


def test_a_long_line_is_shown_where_it_decides():
    line = f"{'x ' * 200}failed commit on ref: unexpected commit digest sha256:ab, expected sha256:cd"
    assert message_of(line, "digest_mismatch").startswith("… ")
    assert "unexpected commit digest" in message_of(line, "digest_mismatch")[:120]


def test_info_lines_count_where_their_program_writes_them(tmp_path):
    """The scheduler says at info level that it found no parent; an info line with another failure's text is none."""
    record = '{"level":"info","ts":"2024-10-12 09:12:48.275","caller":"scheduling/scheduling.go:163","msg":"%s"}'
    found = diagnose(record % "can not find candidate parents", tmp_path)
    assert [one.id for one in found.present()] == ["scheduler_found_no_parent"]
    assert not diagnose(record % "request header: no space left on device", tmp_path).present()


STANDING = "/models/a.tar [=====>-----] 33 % (0 B/s, 99999.0s)\n"
ADVANCING = (
    "/models/a.tar [=====>-----] 33 % (117.7 MiB/s, 4128.3s)\n/models/a.tar [=====>-----] 33 % (118.8 MiB/s, 4091.9s)\n"
)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [(STANDING * 4, "present"), (ADVANCING, "unknown"), ("a.tar [=====] 100 % (9 MiB/s, 0.0s)", "absent")],
)
def test_progress_output_tells_whether_it_stands_still(text, verdict, tmp_path):
    assert diagnose(text, tmp_path).get("stuck").verdict == verdict


def test_progress_of_another_tool_is_no_evidence(tmp_path):
    with pytest.raises(dfly.DflyError, match="progress output"):
        diagnose("  42% |████      | 8.4/20.0 GiB [03:32<04:50, 41.2MB/s]\n" * 3, tmp_path)
