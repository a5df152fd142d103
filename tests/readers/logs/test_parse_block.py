"""The native reader and the Python reader give the same tables, whatever the lines are."""

from __future__ import annotations

import io
import json
import re
import string
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from conftest import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dfly_analysis.catalog.error_signatures import load_signatures
from dfly_analysis.catalog.log_events import load_events, name_event
from dfly_analysis.catalog.log_formats import load_formats
from dfly_analysis.catalog.regex_compiler import NEEDS_PYTHON, Program
from dfly_analysis.io import Opened
from dfly_analysis.readers.logs import native_parser
from dfly_analysis.readers.logs.blocks import Cutter, LineBlock
from dfly_analysis.readers.logs.event_matching import cause_in
from dfly_analysis.readers.logs.event_schema import coded
from dfly_analysis.readers.logs.format_detection import find_format
from dfly_analysis.readers.logs.parse_block import parse_block
from dfly_analysis.readers.logs.python_parser import Counts, read_rows
from dfly_analysis.redaction import redact
from tests.reading_cases import generated, read_log
from tests.synthetic import CASES

MAX_ALIKE = 5
TASK = "0123456789abcdef" * 4
LINES = [sample for one in load_formats() for sample, _ in one.samples]
MESSAGES = [text for kind in load_events() for text, _ in kind.samples]
TAILS = [
    "", ' host_id="10.0.0.1-node-1" task_id="t" peer_id="10.0.0.1-node-1-p"', f' host_id="h" task_id="{TASK}" peer_id="p" piece_id="{TASK}-7"',
    ' piece_id="a-b-3"', " content_length=12", ' task_id="t" content_length=many', " url=https://u:p@h/x?y=1", ' url="https://h/x?y=1" id=5',
    ' host_id="" task_id="t"', ' host_id="a\\"b"', ' task_id="a" task_id="b"', " id=1 not a field", ' piece_id="x"', ' host_id="h" ',
]  # fmt: skip


@pytest.fixture
def in_python(monkeypatch):
    """Return what reads bytes with the Python reader alone."""

    def read(data: bytes, tz: str = "UTC"):
        with monkeypatch.context() as patch:
            patch.setattr(native_parser, "is_available", lambda: False)
            return read_log(Opened("dir/f.log", io.BytesIO(data)), tz=tz)

    return read


def fast(data: bytes, tz: str = "UTC"):
    return read_log(Opened("dir/f.log", io.BytesIO(data)), tz=tz)


def assert_same(one, other):
    assert one.coverage == other.coverage
    pd.testing.assert_frame_equal(one.events, other.events)


def test_the_compiled_reader_was_built():
    """The environment of the tests has a compiler; without the native reader half of this file would test nothing."""
    assert native_parser.is_available()


@pytest.mark.parametrize(
    ("case", "client"), [(name, client) for name, case in sorted(CASES.items()) for client in case.clients]
)
def test_generated_logs_read_the_same_either_way(case, client, in_python):
    """Every log of a run, client's and services', gives the same events, counts and releases; of one case every line is compared."""
    run, _ = generated(case, client)
    logs = [path for path in sorted(run.rglob("*.log")) if path.stat().st_size]
    assert logs
    for path in logs:
        data = path.read_bytes() if case == "mixture" else few_alike(path.read_bytes())
        assert_same(fast(data), in_python(data))


def few_alike(data: bytes) -> bytes:
    """Leave of lines that differ in numbers and ids alone the first few."""
    kept, seen = [], Counter()
    for line in data.splitlines(keepends=True):
        shape = re.sub(rb"[0-9a-f]{8,}|\d+", b"#", line)
        seen[shape] += 1
        if seen[shape] <= MAX_ALIKE:
            kept.append(line)
    return b"".join(kept)


def test_most_lines_take_the_fast_way():
    """Of a generated run nearly every record is read by the native reader; else it would be of no use."""
    run, _ = generated("slow-source", "v0.1.118")
    data = b"".join(path.read_bytes() for path in sorted(run.rglob("dfdaemon.log")))
    columns = native_parser.read_columns(data, "compact")
    assert len(columns.line) > 0.97 * columns.lines


def compact(message: str, tail: str, level: str = "ERROR", spans: str = "download_task:download: ") -> str:
    return f"2026-05-02T10:00:00.000001Z {level} {spans}dragonfly-client/src/resource/task.rs:12: {message}{tail}"


def test_what_is_remembered_of_lines_before_changes_nothing(in_python):
    """Places and fields at line ends that repeat are recalled; a message that begins the fields earlier, or tells a secret, is seen still."""
    places = ["a:b: dragonfly-client/src/x.rs:1: ", "main.rs:22: ", "a: /root/.cargo/index@6f17d22bba15001f/y.rs:333: "]
    messages = [
        "x",
        "a b=c",
        'x task_id="t2"',
        "x url=https://u:p@h/x",
        "see https://u:p@h/x",
        "token: abc",
        "basic dGhpcyBpcyBh",
        "u@h",
        "x id=1",
    ]
    lines = [
        f"2026-05-02T10:00:00.000001Z  INFO {place}{message}{tail}"
        for tail in TAILS
        for place in places
        for message in messages
    ]
    order = np.random.default_rng(0).integers(0, len(lines), 2 * len(lines))
    data = "\n".join([*lines, *(lines[at] for at in order)]).encode()
    assert_same(fast(data), in_python(data))


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_mixture_of_lines_reads_the_same_either_way(in_python, data):
    """Records of every format, cut, glued, broken and mixed with anything at all."""
    line = st.one_of(
        st.sampled_from(LINES),
        st.builds(compact, st.sampled_from([*MESSAGES, "x", "a b=c", "token: abc"]), st.sampled_from(TAILS)),
        st.text(string.printable + "é\x1b\x00", max_size=60),
    )
    lines = data.draw(st.lists(line, max_size=12))
    text = data.draw(st.sampled_from(["\n", "\r\n"])).join([LINES[0], *lines])
    cut = data.draw(st.integers(0, len(text)))
    raw = text[: len(LINES[0]) + cut].encode("utf-8", "surrogateescape")
    assert_same(fast(raw, "Asia/Shanghai"), in_python(raw, "Asia/Shanghai"))


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {"level": st.sampled_from(["info", "WARN", "error", "panic", "odd"]), "ts": st.sampled_from(["2025-03-04 05:06:07.123", "x", 5])},
            optional={
                "caller": st.just("a/b.go:1"), "msg": st.sampled_from([*MESSAGES, 'say "hi"\n', "é", "\\", 7]), "error": st.sampled_from(["", "boom", "a\tb", None]),
                "taskID": st.sampled_from(["t", "", 5]), "url": st.sampled_from(["https://h/x?y", "?", ""]), "n": st.sampled_from([1, -2.5, True, [1], {"a": "}"}]),
                "token": st.just("abc"),
            },
        ),
        min_size=1, max_size=6,
    ),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_any_json_record_reads_the_same_either_way(in_python, records, spaced, escaped):
    """Escapes, missing names, wrong types, nested values, spaces between them."""
    separators = (", ", ": ") if spaced else (",", ":")
    first = '{"level":"info","ts":"2025-03-04 05:06:07.123","caller":"a/b.go:1","msg":"x"}'
    lines = [first, *(json.dumps(record, separators=separators, ensure_ascii=escaped) for record in records)]
    raw = "\n".join(lines).encode()
    assert_same(fast(raw, "Asia/Shanghai"), in_python(raw, "Asia/Shanghai"))


HEAD = '{"level":"info","ts":"2025-03-04 05:06:07.123","caller":"a/b.go:1","msg":"%s"'
PARTS = [
    ',"hostID":"10.0.0.1-node-1","taskID":"t","peerID":"10.0.0.1-node-1-p"', ',"hostID":"10.0.0.1-node-1","taskID":"t","peerID":"10.0.0.1-node-1-q"',
    ',"taskID":"t","task":"u"', ',"taskID":"t","taskID":5', ',"url":"https://h/x?y","urls":["https://h/x"]', ',"urls":["a", {"b":[1,-2.5e3,{}]}, []]',
    ',"n":01', ',"n":1.', ',"n":-0', ',"n":1E+5', ',"n":Infinity', ',"n":[1,]', ',"n":{"a" :1}', ',"n":{"a":1,}', ',"stacktrace":"a\\n\\tb@v1.2"',
    ',"x":"\\u00e9"', ',"x":"\\ud800"', ',"x":"\\u12"', ',"error":"boom"', ',"error":null', ',"time":"05:06:07"', ',"at":"u@h"', ',"to":"https://h:1/p"', ',"n":' + "[" * 20 + "]" * 20,
]  # fmt: skip
PANIC = "thread 'main' panicked at a/b.rs:5:6:\nboom"
ESCAPED = [
    '\\"Authorization\\":\\"\\"',
    '\\"x-token\\":\\"\\"',
    '\\"Authorization\\":\\"s\\"',
    '\\"cache-key\\":\\"\\"',
    "\\u0041",
    "\\t",
    "\\/",
    "a@b",
    "https://u@h/",
    "é",
]


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_service_line_reads_the_same_either_way(in_python, data):
    """Numbers and lists as JSON has them and as it does not, names that come twice, fields that repeat, panics between."""
    message = st.one_of(st.sampled_from([json.dumps(text)[1:-1] for text in MESSAGES]), st.sampled_from(ESCAPED))
    words = st.builds(" ".join, st.lists(message, min_size=1, max_size=2))
    parts = st.builds("".join, st.lists(st.sampled_from(PARTS), max_size=3))
    line = st.one_of(
        st.builds(lambda text, more: f"{HEAD % text}{more}}}", words, parts), st.sampled_from([PANIC, "{", "x"])
    )
    raw = "\n".join([HEAD % "x" + "}", *data.draw(st.lists(line, max_size=8))]).encode()
    assert_same(fast(raw, "Asia/Shanghai"), in_python(raw, "Asia/Shanghai"))


def test_service_lines_take_the_fast_way():
    """Every sound line of a scheduler and of a manager is read by the native reader, but for those that list a whole job."""
    run, _ = generated("slow-source", "v1.5.1")
    lines = [
        line
        for name in ("scheduler", "manager")
        for path in run.rglob(f"{name}/*.log")
        for line in path.read_text("utf-8").splitlines()
        if line.startswith('{"level"') and redact(line) == line and '"Received new message' not in line
    ]
    assert len(lines) > 100
    left = [line for line in lines if not len(native_parser.read_columns(f"{line}\n".encode(), "json").line)]
    assert len(left) <= 0.01 * len(lines), left[:3]


def test_a_record_without_a_time_has_that_of_the_line_before():
    """Also where the line before was read by the native reader, and even if it is only counted."""
    data = "\n".join([HEAD % "x" + "}", PANIC, ""]).encode()
    for telling in (False, True):
        table = parse_block(LineBlock(data), find_format("zap-json"), "UTC", relevant_only=telling)[0]
        assert [str(time) for time in table.column("time").to_pylist()][-1] == "2025-03-04 05:06:07.123000+00:00"


@given(st.lists(st.one_of(st.sampled_from(ESCAPED), st.text('tokenAuhriz-_:=" @/\\', max_size=12)), max_size=6))
@settings(max_examples=examples(400), deadline=None)
def test_secrets_in_service_lines_are_left_to_python(words):
    """Names of secrets with values and without, users in addresses, with quotes that are escaped."""
    line = HEAD % "".join(words) + ',"taskID":"t"}'
    if redact(line) != line:
        assert len(native_parser.read_columns(f"{line}\n".encode(), "json").line) == 0


SECRETS = [
    "Authorization: Bearer abcdefghij", "token=abc", '"password" : "x"', "x-amz-signature=ff", "?sig=1", "basic dXNlcjpwYXNz", "eyJhbGci.eyJzdWIi.x",
    "https://user:pw@host/", "cookie: a=b", '\\"secret\\":\\"s\\"', "AccessKeyId=AK", "OSSAccessKeyId: AK", "X-Registry-Auth: z", "api-key=1", 'auth": "q"',
]  # fmt: skip


@given(
    st.sampled_from(SECRETS),
    st.text(string.ascii_letters + string.digits + ' ."=-_:', max_size=40),
    st.sampled_from(TAILS),
)
@settings(max_examples=examples(400), deadline=None)
def test_a_line_with_a_secret_never_takes_the_fast_way(secret, around, tail):
    """The native reader does not redact: whatever redaction would change must be left to the in_python one."""
    text = compact(f"{around} {secret} {around}", tail)
    taken = native_parser.read_columns(f"{text}\n".encode(), "compact")
    if redact(text) != text:
        assert len(taken.line) == 0


@given(st.text(string.ascii_letters + string.digits + ' ."=-_:/@?&', max_size=120))
@settings(max_examples=examples(400), deadline=None)
def test_what_redaction_changes_is_left_to_python(message):
    """Also for words nobody thought of."""
    text = compact(message, "")
    if redact(text) != text:
        assert len(native_parser.read_columns(f"{text}\n".encode(), "compact").line) == 0


@pytest.mark.parametrize("kind", load_events(), ids=lambda kind: kind.id)
def test_patterns_match_as_in_python(kind):
    """Each pattern that is compiled gives the fields that Python's engine gives, on its samples and on cut ones."""
    texts = [text for text, _ in kind.samples]
    texts += [text[:end] for text in texts for end in range(5, len(text), 3)]
    texts = [text for text in texts if "\n" not in text and text.isascii() and '"' not in text[-1:]]
    raw = "".join(compact(text, "") + "\n" for text in texts).encode()
    columns = native_parser.read_columns(raw, "compact")
    kinds = native_parser.kind_of_start()
    texts = columns.unique | {name: coded(own.codes, own.values) for name, own in columns.texts.items()}
    for place, text in enumerate(columns.message.to_pylist()):
        if columns.event[place] != 1:
            continue
        named = name_event(text)
        assert named is not None
        assert kinds[columns.start[place]].id == named[0]
        got = {name: texts[name][place].as_py() for name in ("origin", "parent_id", "stage", "cost", "pieces", "error")}
        expected = {name: named[1].get(name) for name in got}
        assert got == expected


def test_most_patterns_are_compiled():
    """Only events of which more is read than their pattern says stay with Python."""
    program = Program()
    left = {kind.id for kind in load_events() if program.add(kind) < 0}
    assert left <= {"job_processed"} | NEEDS_PYTHON, left


@given(st.lists(st.sampled_from([*LINES[:4], "stray", "  more", ""]), max_size=30), st.integers(1, 400))
@settings(max_examples=examples(200), deadline=None)
def test_cutting_loses_no_line_and_no_record_is_torn(lines, size):
    """Blocks of any size, cut where records begin, hold all lines in order with their numbers."""
    main = find_format("client-compact")
    data = "".join(f"{line}\n" for line in "\n".join(lines).split("\n"))
    whole, number, blocks = data.encode().splitlines(keepends=True), 1, []
    while whole:
        taken = whole[: max(1, size // 100)]
        blocks.append(LineBlock(b"".join(taken), number))
        number += len(taken)
        whole = whole[len(taken) :]
    cutter, got = Cutter(main), []
    for block in blocks:
        got += list(cutter.cut(block))
    got += list(cutter.rest())
    assert b"".join(block.data for block in got) == data.encode()
    at = 1
    for block in got:
        assert block.first_line == at
        at += block.data.count(b"\n")
    for block in got[1:]:
        head = block.data.split(b"\n", 1)[0].decode()
        assert main.head.match(head) or not any(main.head.match(one) for one in data.split("\n"))


def test_line_numbers_are_those_of_the_file():
    """Where an envelope took lines out, a record keeps the number its line has in the file."""
    data = "".join(f"{compact('x', '')}\n" for _ in range(3)).encode()
    block = LineBlock(data, 1, np.array([2, 5, 9]))
    table, _ = parse_block(block, find_format("client-compact"), "UTC")
    assert table.column("log_line").to_pylist() == [2, 5, 9]


@given(
    st.sampled_from([text for one in load_signatures() for text in (*one.samples.match, *one.samples.other)]),
    st.integers(0, 10**6),
)
@settings(max_examples=examples(300), deadline=None)
def test_ids_do_not_matter_to_causes(text, number):
    """A cause is found by the words, whatever task and piece they speak of."""
    with_ids = re.sub(r"[0-9a-f]{64}(-\d+)?", lambda match: TASK + (f"-{number}" if match[1] else ""), text)
    assert cause_in(with_ids) == cause_in(text)


def test_a_broken_line_costs_only_itself():
    """What is read carefully beside a broken line are that line and the record before it."""
    good = compact("x", "")
    lines = [good] * 5 + ["broken"] + [good] * 5
    columns = native_parser.read_columns("".join(f"{line}\n" for line in lines).encode(), "compact")
    assert len(columns.line) == 9
    counts = Counts()
    assert len(read_rows([good, "broken"], 4, find_format("client-compact"), counts)) == 1
    assert (counts.lines, counts.parsed, counts.continuation) == (2, 1, 1)


ODD_TIMES = (
    "2025-03-04 05:06:07.123+08", "2025-03-04 05:06:07 +0800 CST", "2025-03-04T05:06:07+24:00", "2025-03-04 24:00:00",
    "2025-03-04 05:06:60", "2262-12-01 00:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00", "1969-12-31 23:59:59",
    "2025-03-30 02:30:00", "2025-10-26 02:30:00", "2025-02-30 00:00:00", "20250304T050607Z", "2025-W10-2", "x", "",
)  # fmt: skip


@pytest.mark.parametrize("tz", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("time", ODD_TIMES)
def test_an_odd_time_costs_only_its_own_record(time, tz):
    """A zone in an unusual form, a year out of range, an hour that does not exist: the others keep their times."""
    texts = [time, "2025-03-04 05:06:07.123"]
    block = LineBlock(
        "".join(f'{{"level":"error","ts":"{text}","caller":"a/b.go:1","msg":"x"}}\n' for text in texts).encode()
    )
    table, _ = parse_block(block, find_format("zap-json"), tz)
    assert len(table) == 2
    assert table.column("time").to_pylist()[-1] is not None


def test_a_zone_of_hours_alone_is_read():
    block = LineBlock(b'{"level":"error","ts":"2025-03-04 05:06:07.123+08","caller":"a/b.go:1","msg":"x"}\n')
    table, _ = parse_block(block, find_format("zap-json"), "UTC")
    assert str(table.column("time")[0].as_py()) == "2025-03-03 21:06:07.123000+00:00"
