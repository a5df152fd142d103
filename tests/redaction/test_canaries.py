"""Secrets of every family in every form go; what a diagnosis needs stays; both readers of logs see the same secrets."""

from __future__ import annotations

import re
import time

import pytest
from reading_cases import line, read
from secret_cases import BENIGN, one_line, pairs, several_lines

from dfly_analysis.readers.logs import native_parser
from dfly_analysis.redaction import LineRedactor, may_hold_secret, redact
from dfly_analysis.redaction.names import NAME_ENDINGS, kind_of_name
from dfly_analysis.redaction.token_rules import rules

ONE_LINE, SEVERAL_LINES = list(one_line()), list(several_lines())


def leaks(canaries, clean) -> dict[str, str]:
    """Return what is left of those whose secret is still there."""
    found = {canary.form: clean(canary) for canary in canaries}
    return {
        canary.form: found[canary.form]
        for canary in canaries
        if any(core in found[canary.form] for core in canary.cores)
    }


def test_no_canary_survives_in_text():
    """Hundreds of families and forms, on one line and on several."""
    assert len(ONE_LINE) + len(SEVERAL_LINES) > 1000
    assert leaks([*ONE_LINE, *SEVERAL_LINES], lambda canary: redact(canary.text)) == {}


def test_no_pair_of_name_and_value_survives():
    """However it is written: assignments, prints of programs, arguments, tables."""
    assert leaks(list(pairs()), lambda canary: redact(canary.text)) == {}


def test_canaries_are_redacted_once_and_for_all():
    """A text that was redacted is not changed again."""
    clean = [redact(canary.text) for canary in (*ONE_LINE, *SEVERAL_LINES)]
    assert [redact(text) for text in clean] == clean


@pytest.mark.parametrize("text", BENIGN)
def test_evidence_stays(text):
    """Ids, digests, peers, images, sizes, durations, and sentences about secrets."""
    assert redact(text) == text
    assert redact(f"2026-05-02T10:00:00.000000Z ERROR download: src/a.rs:1: {text}").endswith(text)


def test_no_canary_reaches_a_column_of_a_log():
    """In records of the client's log and in the lines that continue them, whichever reader takes them."""

    def columns(canary) -> str:
        own = canary.text.split("\n")
        text = "\n".join(
            [line(1, "download failed:", level="ERROR"), *(f"  {one}" for one in own), line(2, "x", ids="")]
        )
        return read(text).events.to_csv()

    assert leaks(SEVERAL_LINES, columns) == {}
    text = "\n".join(line(at, f"download failed: {canary.text}", level="ERROR") for at, canary in enumerate(ONE_LINE))
    table = read(text).events
    assert len(table) == len(ONE_LINE)
    stored = table.to_csv()
    assert [canary.form for canary in ONE_LINE if any(core in stored for core in canary.cores)] == []


def test_the_native_reader_takes_no_line_with_a_canary():
    """It does not redact: what redaction would change is left to Python, in both grammars."""
    lines = [line(at, f"download failed: {canary.text}", level="ERROR") for at, canary in enumerate(ONE_LINE)]
    for own in lines:
        if redact(own) != own:
            assert len(native_parser.read_columns(f"{own}\n".encode(), "compact").line) == 0, own


def test_endings_of_names_are_met_by_the_screen():
    """Whatever name is one of a secret ends as the table says that the native reader looks for."""
    names = [
        "password",
        "MYSQL_PWD",
        "secretAccessKey",
        "api-key",
        "X-Auth-Token",
        "clientSecret",
        "session_salt",
        "DB_DSN",
        "rootPass",
        "accountKey",
        "sig",
        "SECRET_KEY_BASE",
        "accessKeyId",
    ]
    for name in names:
        assert kind_of_name(name)
        assert name.lower().endswith(NAME_ENDINGS)


def test_every_rule_of_tokens_needs_one_of_its_keywords():
    """Keywords are lower case and long enough to be rare."""
    assert len(rules()) > 70
    assert all(len(keyword) > 2 and keyword == keyword.lower() for keywords, _ in rules() for keyword in keywords)


@pytest.mark.parametrize("token", ["4b1d" + "aB3" * 12 + "a1", "SK" + "0a1b2c3d" * 4, "AKIA" + "Q2" * 8])
@pytest.mark.parametrize("before", ["", " ", "=", "x: ", '\\"', "\\n", "%20", "\\\\n", "%2520", "\\u0020", "-", "("])
def test_first_letters_of_tokens_are_met_where_words_begin(token, before):
    """Behind spaces, signs and escapes, and not inside of ids and names."""
    assert may_hold_secret(f"a {before}{token}")
    assert not may_hold_secret(f"0fe{token[:4]}")
    record = f'{{"level":"error","ts":"2026-05-02 10:00:09.000","caller":"a/b.go:1","msg":"a {before}{token} b"}}'
    events = read(record, "scheduler-0/scheduler/core.log").events
    assert len(events) == 1
    assert token not in events.to_csv()


PUMPS = [
    "password=", "token ", "key: ", "https://a:b", "@", "://", "a:b@", '\\"', '"', "[", "{token=", "(", "-----BEGIN X-----", "eyJ", "eyJa.", "-p ", "-u a", "name: token value: ",
    "value=a name=b ", "cookie: ", "bearer ", "%25", "%3d", "&amp;", "&quot;", "\\u003d", "Authorization: a=b, ", "login a ", "password for ", "echo ", "''", '""', "a.", "x-", "|",
    "sk-", "xoxb-", 'password="', "token={", "secret=[", "key=Some(", "\\", "hf_", "AKIA", "=", ":", "//", "password:\n", "- name: MYSQL_PWD\n", "requirepass ",
]  # fmt: skip


@pytest.mark.parametrize("pump", PUMPS)
def test_redaction_is_linear(pump):
    """A pattern repeated any number of times takes time in proportion to its length."""

    def seconds(size: int) -> float:
        text = (pump * (size // len(pump))) + "!"
        start = time.process_time()
        redact(text)
        return time.process_time() - start

    few, many = max(min(seconds(4_000) for _ in range(2)), 0.002), seconds(64_000)
    assert many < few * 16 * 6


def test_a_key_in_pem_ends_where_it_ends():
    """The lines behind a key stay, also where its end is missing."""
    redactor = LineRedactor()
    lines = [
        "-----BEGIN PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
        "2026-05-02T10:00:00.000000Z  INFO x: src/a.rs:1: download task succeeded",
    ]
    assert [redactor.line(text) for text in lines][1:] == ["[redacted]", lines[2]]
    assert not re.search("MIIE", "".join(lines[2:]))


@pytest.mark.parametrize("engine", ["native", "python"])
def test_a_line_that_would_take_too_long_is_rejected(engine, monkeypatch):
    """It costs itself; a long line without a secret is read."""
    if engine == "python":
        monkeypatch.setattr(native_parser, "is_available", lambda: False)
    long = "x" * (1 << 20)
    lines = [
        line(1, "a failed:"),
        line(2, f"b failed: {long} token=abc"),
        line(3, f"c failed: {long}"),
        line(4, "d failed:"),
    ]
    part = read("\n".join(lines))
    assert len(part.events) == part.coverage["parsed"] == 3
    assert part.coverage["rejected"] == 1
    assert redact(f"a\n{lines[1]}").endswith("\n[redacted]")
