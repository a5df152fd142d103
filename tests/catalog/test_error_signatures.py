"""The signature catalogue: each entry proves itself on its own samples, and the traps that logs set are avoided."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.catalog.error_signatures import (
    LAYERS,
    Signature,
    cause_of,
    is_benign,
    load_signatures,
    signature,
    signatures_in,
)

SIGNATURES = load_signatures()
BY_LAYER = {layer: [one for one in SIGNATURES if one.layer == layer] for layer in LAYERS}
TASK = "4d" * 32

FINDINGS = {
    "error_decoding_response_body": ("symptom", "unknown", "unknown"),
    "content_write_failed": ("symptom", "unknown", "unknown"),
    "reqwest_body_timed_out": ("cause", "timeout_too_short", "timeout"),
    "tokio_stream_elapsed": ("cause", "timeout_too_short", "timeout"),
    "connection_reset": ("cause", "network_instability", "reset"),
    "body_truncated": ("cause", "network_instability", "reset"),
    "registry_status": ("cause", "origin_registry", "origin"),
    "token_expired": ("cause", "auth", "origin"),
    "registry_forbidden": ("cause", "auth", "origin"),
    "registry_rate_limited": ("cause", "rate_limited", "origin"),
    "disk_full": ("cause", "disk_full", "storage"),
    "storage_fault": ("cause", "storage_io", "storage"),
    "write_piece_timed_out": ("cause", "timeout_too_short", "timeout"),
    "parent_silent": ("symptom", "timeout_too_short", "timeout"),
    "scheduler_silent": ("cause", "scheduler_unavailable", "unknown"),
    "no_seed_peer": ("cause", "scheduler_unavailable", "unknown"),
    "process_killed": ("cause", "resource_limit", "unknown"),
    "piece_report_closed": ("echo", "unknown", "unknown"),
    "job_deadline": ("cause", "timeout_too_short", "timeout"),
    "manager_polling_ended": ("symptom", "timeout_too_short", "unknown"),
    "digest_mismatch": ("cause", "client_bug", "unknown"),
    "parent_connection_lost": ("symptom", "unknown", "reset"),
}
KNOBS = {
    "error_decoding_response_body": "download.pieceTimeout",
    "reqwest_body_timed_out": "download.pieceTimeout",
    "tokio_stream_elapsed": "scheduler.scheduleTimeout",
    "write_piece_timed_out": "storage.writePieceTimeout",
    "parent_silent": "download.collectedPieceTimeout",
    "peer_collected": "scheduler.gc.pieceDownloadTimeout",
    "go_piece_body_timed_out": "download.pieceDownloadTimeout",
}
MADE_BY_CODE = {"restart_without_goodbye", "host_outlier", "preheat_false_success", "wrong_timeout_key", "silent_gap"}


def each(signatures: list[Signature] | tuple[Signature, ...]):
    return pytest.mark.parametrize("one", signatures, ids=lambda one: one.id)


@each(SIGNATURES)
def test_a_signature_matches_its_samples_not_its_near_misses(one):
    """At least two samples match, at least one near miss does not."""
    assert len(one.samples.match) >= 2
    assert one.samples.other
    assert [text for text in one.samples.match if not one.matches(text)] == []
    assert [text for text in one.samples.other if one.matches(text)] == []


@each(SIGNATURES)
def test_literals_are_necessary_for_the_regex(one):
    """Where the regex finds something in any sample of the catalogue, one of the literals stands there too."""
    texts = [text for other in SIGNATURES for text in (*other.samples.match, *other.samples.other)]
    missed = [text for text in texts if one.regex.search(text) and not any(part in text for part in one.literals)]
    assert missed == []


@each(BY_LAYER["cause"])
def test_no_other_cause_steals_a_sample(one):
    """The sample of a cause is given to that cause."""
    taken = {text: found.id for text in one.samples.match if (found := cause_of(text)) and found.id != one.id}
    assert taken == {}
    assert all(cause_of(text) is not None for text in one.samples.match)


@each(BY_LAYER["benign"])
def test_a_benign_line_carries_no_cause_and_no_finding(one):
    """Neither a cause nor a verdict may come from a line that means nothing, nor may it name an outcome of a piece."""
    assert (one.cause, one.outcome, one.finding) == ("unknown", "unknown", False)
    for text in one.samples.match:
        assert is_benign(text)
        assert cause_of(text) is None
        assert [found.id for found in signatures_in(text) if found.finding] == []


@each([one for one in SIGNATURES if one.layer != "benign"])
def test_what_fails_is_not_called_benign(one):
    """No sample of a failure is swallowed by the list of harmless lines."""
    assert [text for text in one.samples.match if is_benign(text)] == []


@each(SIGNATURES)
def test_entries_are_complete_and_in_order(one):
    """Ids are snake case, texts are there, echoes name what exists, references have a known form."""
    assert re.fullmatch(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+", one.id)
    assert one.title
    assert one.remedy
    assert all(one.literals)
    assert one.echo_of is None or (signature(one.echo_of) is not None and one.echo_of != one.id)
    assert all(
        re.fullmatch(r"(?:real run [\w.-]+|(?:dragonfly|client|helm-charts)#\d+)", text) for text in one.references
    )


@each(BY_LAYER["cause"])
def test_a_cause_says_why(one):
    """The layer of causes never answers unknown, nor cancelled, which is always the consequence of something else."""
    assert one.cause not in {"unknown", "cancelled"}


@each([one for one in SIGNATURES if one.outcome == "timeout" and one.layer == "cause"])
def test_a_piece_cut_by_a_limit_blames_the_limit(one):
    """Whoever cuts a piece at a limit is a limit that is too short."""
    assert one.cause == "timeout_too_short"


@pytest.mark.parametrize("signature_id", sorted(FINDINGS))
def test_the_findings_of_the_contract_exist(signature_id):
    """Ids that others rely on, with layer, cause and outcome."""
    one = signature(signature_id)
    assert one is not None
    assert one.finding
    assert (one.layer, one.cause, one.outcome) == FINDINGS[signature_id]


def test_findings_are_those_of_the_contract_and_no_others():
    """Checks made by code have no signature of the same name."""
    assert {one.id for one in SIGNATURES if one.finding} == set(FINDINGS)
    assert not MADE_BY_CODE & {one.id for one in SIGNATURES}


@pytest.mark.parametrize(("signature_id", "knob"), KNOBS.items())
def test_a_limit_names_its_own_knob(signature_id, knob):
    """The keys that people confuse each belong to one signature."""
    assert signature(signature_id).knob == knob


@pytest.mark.parametrize(
    "text",
    [
        "error decoding response body",
        "download failed: error decoding response body",
        f'copy "/var/lib/dragonfly/content/tasks/4d4/{TASK}" failed: error decoding response body',
        "rpc error: code = Internal desc = error decoding response body",
        "sync pieces failed: task 41 was cancelled",
        "rpc error: code = Canceled desc = context canceled",
        "getting host failed from redis: context canceled",
        "sync pieces from parent 10.1.0.4-seed failed: deadline has elapsed",
        "rpc error: code = Unavailable desc = transport is closing",
        "preheat failed",
        "",
    ],
)
def test_a_text_without_a_reason_has_no_cause(text):
    """The bare words of a failed body and consequences of something else leave the cause open."""
    assert cause_of(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the disk speaks through the line that also tells of failed bodies
        (
            f'copy "/var/lib/dragonfly/content/tasks/4d4/{TASK}" failed: No space left on device (os error 28)',
            "disk_full",
        ),
        (
            "upload piece content from local storage: StorageError cause: IO error: No space left on device: While appending to file: /m/4.log",
            "disk_full",
        ),
        (
            f'download piece {TASK}-1 from remote peer "10.1.0.4-seed" error: TonicStatus(Status {{ code: Internal, message: "No space left on device" }})',
            "disk_full",
        ),
        # one body, three ends
        ("error decoding response body: request or response body error: operation timed out", "reqwest_body_timed_out"),
        (
            "error decoding response body: error reading a body from connection: operation timed out",
            "reqwest_body_timed_out",
        ),
        (
            "error decoding response body: error reading a body from connection: Connection timed out (os error 110)",
            "body_connection_timed_out",
        ),
        (
            "error decoding response body: request or response body error: error reading a body from connection: Connection reset by peer (os error 104)",
            "connection_reset",
        ),
        (
            "error decoding response body: error reading a body from connection: end of file before message length reached",
            "body_truncated",
        ),
        # what the registry says, in the words of old and new clients
        ("download started failed by error: backend error: 401 Unauthorized", "token_expired"),
        ("download started failed by error: backend error 401 Unauthorized", "token_expired"),
        ("backend error 503 Service Unavailable", "registry_status"),
        ("backend get failed: 500 Internal Server Error", "registry_status"),
        ("backend error: 404 Not Found", "registry_status"),
        ("backend error: 429 Too Many Requests", "registry_rate_limited"),
        # a port is not a status, an address is not an answer
        ("backend get failed: error sending request for url (https://registry.example:443/v2/)", "request_not_sent"),
        (
            "error sending request for url (http://registry.example:5000/v2/): client error (Connect): tcp connect error: Connection refused (os error 111)",
            "origin_refused",
        ),
        ("download with scheduler error: TokioStreamElapsed(Elapsed(()))", "tokio_stream_elapsed"),
        (
            "[preheat]: receive piece failed: rpc error: code = Unavailable desc = error reading from server: EOF",
            "process_killed",
        ),
        ("preheat failed: rpc error: code = DeadlineExceeded desc = context deadline exceeded", "job_deadline"),
    ],
)
def test_the_reason_behind_the_words_decides(text, expected):
    """Lines that begin alike are told apart by what stands behind."""
    found = cause_of(text)
    assert found is not None
    assert found.id == expected


@pytest.mark.parametrize(
    "reason", ["ConnectionReset", "Connection refused (os error 111)", "UnexpectedEof", "BrokenPipe"]
)
def test_a_lost_parent_is_no_cause_by_itself(reason):
    """What became of the parent is told by the parent's host; the child's line is a symptom."""
    text = f"download piece {TASK}-3 from parent 10.1.0.4-seed error: IO({reason})"
    assert cause_of(text) is None
    assert "parent_connection_lost" in {one.id for one in signatures_in(text)}


def test_timeouts_of_parents_do_not_look_like_the_scheduler():
    """The scheduler's silence has a text of its own, which a parent's does not share."""
    texts = [
        "sync pieces from parent 10.1.0.4-seed failed: deadline has elapsed",
        "sync pieces failed: StreamError cause: deadline has elapsed",
    ]
    for text in texts:
        assert [one.id for one in signatures_in(text) if one.finding] == ["parent_silent"]


def test_lowest_priority_number_comes_first():
    """All signatures of a text come in the order in which causes are preferred."""
    found = signatures_in(
        f'write "/x/{TASK}" failed: error decoding response body: request or response body error: operation timed out'
    )
    assert [one.priority for one in found] == sorted(one.priority for one in found)
    assert {"content_write_failed", "error_decoding_response_body", "reqwest_body_timed_out"} <= {
        one.id for one in found
    }


@given(st.sampled_from(SIGNATURES), st.data())
def test_the_quick_way_agrees_with_the_plain_one(one, data):
    """Looking up by literals gives what asking each signature in turn gives, for whole samples and for cut ones."""
    text = data.draw(st.sampled_from(one.samples.match))
    text = text[: data.draw(st.integers(0, len(text)))]
    matching = [each_one for each_one in SIGNATURES if each_one.matches(text)]
    hidden = {name for each_one in matching for name in each_one.hides}
    expected = [each_one for each_one in matching if each_one.id not in hidden]
    assert list(signatures_in(text)) == expected
    assert cause_of(text) == next((found for found in expected if found.layer == "cause"), None)
    assert is_benign(text) == any(found.layer == "benign" for found in expected)


@given(
    st.sampled_from([one for one in SIGNATURES if one.layer == "cause" and not one.regex.pattern.startswith("\\A")]),
    st.data(),
)
def test_a_wrapped_reason_is_still_found(one, data):
    """A scheduler that wraps a client's text into an RPC error does not hide that something is wrong with it."""
    text = f"rpc error: code = Internal desc = {data.draw(st.sampled_from(one.samples.match))}"
    assert one.matches(text)
    assert cause_of(text) is not None


def test_an_endless_line_is_read_only_at_its_head():
    """A reason past the first 8,000 characters is not looked for."""
    assert cause_of("x" * 7_900 + " No space left on device").id == "disk_full"
    assert cause_of("x" * 8_000 + " No space left on device") is None


def test_an_unknown_id_is_no_error():
    """Asking for what does not exist gives None."""
    assert signature("no_such_signature") is None
