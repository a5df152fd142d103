"""Wrapped lines come out as they were written: every shape, split lines, several writers, newest first, nested; garbage too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_cases import generated, line, opened, zap
from wrapping import ENVELOPE_OF, NAMING, SHAPES, Laid, lay, stamp, wrap_cri, wrap_docker_json

from dfly_analysis.catalog.envelopes import load_envelopes, load_notices
from dfly_analysis.readers.logs import sniff
from dfly_analysis.readers.logs.blocks import LineBlock, clean, read_blocks
from dfly_analysis.readers.logs.envelopes import find_envelope, line_buffers, sniff_envelope, unwrap, unwrappers
from dfly_analysis.readers.logs.envelopes.field_mapping import is_newest_first, parse_timestamp
from dfly_analysis.readers.logs.envelopes.unwrappers import host_of_file
from tests.synthetic import CLIENTS

Placed = dict[str, list[tuple[bytes, int]]]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\x1b["), max_size=30)
RECORD = st.builds(line, st.integers(0, 3000), TEXT)
RUN = st.builds(lambda first, rest: [first, *rest], RECORD, st.lists(RECORD | TEXT, max_size=12))
BLOCK_BYTES = st.sampled_from([1, 64, 300, 5000, 1 << 20])
SAMPLES = [(one.id, number) for one in load_envelopes() for number in range(len(one.samples))]


def placed(found: Iterable[LineBlock]) -> tuple[Placed, int]:
    """Return each writer's lines with their numbers, and the envelope's own lines."""
    lines: Placed = {}
    own_lines = 0
    for block in found:
        texts = block.data.split(b"\n")
        assert texts.pop() == b""
        numbers = (
            range(block.first_line, block.first_line + len(texts))
            if block.line_numbers is None
            else block.line_numbers.tolist()
        )
        if texts:
            lines.setdefault(block.writer, []).extend(zip(texts, numbers, strict=True))
        assert block.own_lines >= own_lines
        own_lines = block.own_lines
    return lines, own_lines


def unwrapped(data: bytes, envelope_id: str | None, block_bytes: int = 1 << 20) -> tuple[Placed, int]:
    source = opened(data, "x.log")
    blocks = (
        unwrap(source, find_envelope(envelope_id), block_bytes) if envelope_id else read_blocks(source, block_bytes)
    )
    found = placed(blocks)
    assert source.problem is None
    return found


def expected(laid: Laid) -> Placed:
    lines: Placed = {}
    for writer, text, number in laid.lines:
        lines.setdefault(writer, []).append((text, number))
    return lines


def encoded(lines: list[str]) -> bytes:
    return "".join(text + "\n" for text in lines).encode()


@pytest.mark.parametrize(("envelope_id", "number"), SAMPLES)
@pytest.mark.parametrize("block_bytes", [1, 64, 1 << 20])
def test_samples_are_unwrapped(envelope_id, number, block_bytes):
    """Each sample is sniffed as its own envelope and gives its lines, writers, numbers and notices."""
    envelope = find_envelope(envelope_id)
    sample = envelope.samples[number]
    assert sniff_envelope(sample["text"].encode()) is envelope
    wanted: Placed = {}
    for one in sample["lines"]:
        wanted.setdefault(one.get("writer", ""), []).append((one["text"].encode(), one["line"]))
    found, own_lines = unwrapped(sample["text"].encode(), envelope_id, block_bytes)
    assert {writer: sorted(lines) for writer, lines in found.items()} == {
        writer: sorted(lines) for writer, lines in wanted.items()
    }
    assert own_lines == sample.get("own_lines", 0)


@pytest.mark.parametrize(("envelope_id", "number"), [pair for pair in SAMPLES if find_envelope(pair[0]).patterns])
def test_prefixes_name_time_and_stream(envelope_id, number):
    """The head of a prefix takes out the time and the stream that the sample states."""
    envelope = find_envelope(envelope_id)
    sample = envelope.samples[number]
    matches = [
        match for text in clean(sample["text"].encode()).split(b"\n") if (match := envelope.patterns.head.match(text))
    ]
    assert matches
    for name in {"time", "stream"} & set(sample):
        assert matches[0][name].decode() == sample[name]


def test_every_wrapper_has_two_samples():
    """A envelope is shown by at least two samples."""
    assert {one.id: len(one.samples) for one in load_envelopes() if len(one.samples) < 2} == {}


@pytest.mark.parametrize("tool", load_notices())
def test_notices_match_their_own_samples_and_no_record(tool):
    """Each sample is a notice of its tool; lines of the program are not."""
    pattern = re.compile(load_notices()[tool].pattern.encode(), re.VERBOSE)
    assert all(pattern.match(sample.encode()) for sample in load_notices()[tool].samples)
    assert not any(
        pattern.match(text.encode()) for text in (line(1, "m"), zap(1, "m"), "    at x", "goroutine 1 [running]:")
    )


@pytest.mark.parametrize("shape", SHAPES)
@given(run=RUN, other=RUN, block_bytes=BLOCK_BYTES)
@settings(max_examples=examples(15))
def test_wrapping_and_unwrapping_gives_the_same_lines(shape, run, other, block_bytes):
    """Law of every shape: the same lines of each writer, in order, on the right line of the file, notices counted."""
    files = {"client-0": encoded(run)}
    if shape in NAMING:
        files["seed-client-1"] = encoded(other)
    laid = lay(shape, files)
    found, own_lines = unwrapped(laid.data, ENVELOPE_OF[shape], block_bytes)
    assert found == expected(laid)
    assert own_lines == laid.own_lines


@pytest.mark.parametrize("wrap", [wrap_cri, wrap_docker_json])
@given(run=RUN, most=st.integers(4, 40), block_bytes=BLOCK_BYTES)
@settings(max_examples=examples(50))
def test_split_lines_are_joined(wrap, run, most, block_bytes):
    """Pieces of a line become the line, numbered by its first piece, also where a block ends between them."""
    laid = wrap({"client-0": encoded(run)}, most)
    envelope_id = {"wrap_cri": "cri", "wrap_docker_json": "docker-json"}[wrap.__name__]
    assert unwrapped(laid.data, envelope_id, block_bytes)[0] == expected(laid)


@pytest.mark.parametrize(
    ("shape", "length"), [("cri", 100_000), ("docker-json", 100_000), ("journal", 130_000), ("journal-json", 130_000)]
)
def test_long_lines_are_joined_as_their_tool_splits_them(shape, length):
    """Runtimes split at 16 KiB with a mark, journald at 48 KiB with or without one."""
    laid = lay(shape, {"client-0": encoded([line(1, "m"), line(2, "x" * length), line(3, "m")])})
    assert unwrapped(laid.data, ENVELOPE_OF[shape])[0] == expected(laid)


@pytest.mark.parametrize("ends", [True, False])
def test_a_joined_line_is_cut_at_the_cap(monkeypatch, ends):
    """Pieces beyond 4 MiB are dropped and counted once; an unfinished line at the end of the file is kept."""
    monkeypatch.setattr(line_buffers, "LINE_CAP_BYTES", 100)
    tail = b"2026-05-02T10:00:00Z stdout F end\n" if ends else b""
    source = opened(b"2026-05-02T10:00:00Z stdout P 0123456789\n" * 30 + tail)
    found, _ = placed(unwrap(source, find_envelope("cri"), 64))
    assert found == {"": [((b"0123456789" * 10), 1)]}
    assert source.cut_lines == 1


@given(
    st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.booleans(), st.text("ab", max_size=5)), max_size=20),
    BLOCK_BYTES,
)
def test_streams_that_interleave_come_in_blocks_of_their_own(rows, block_bytes):
    """A line of stderr never stands between two lines of stdout, nor its pieces in a line of the other."""
    data = "".join(
        f"{stamp(at)} {stream} {'P' if part else 'F'} {stream[3]}{text}\n"
        for at, (stream, part, text) in enumerate(rows)
    )
    wanted = {"o": "", "e": ""}
    for stream, part, text in rows:
        wanted[stream[3]] += f"{stream[3]}{text}" + ("" if part else "\n")
    joined = {"o": "", "e": ""}
    for block in unwrap(opened(data), find_envelope("cri"), block_bytes):
        for mark in {text[:1] for text in block.data.decode().split("\n") if text}:
            assert block.part == {"o": "stdout", "e": "stderr"}[mark]
            assert set(block.data.decode()) <= {mark, "a", "b", "\n"}
            joined[mark] += block.data.decode()
    assert {mark: text.rstrip("\n") for mark, text in joined.items()} == {
        mark: text.rstrip("\n") for mark, text in wanted.items()
    }


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("client", CLIENTS)
def test_generated_runs_survive_every_shape(shape, client):
    """Client and scheduler logs of a generated run are sniffed, peeled and named as they were before wrapping."""
    run, _ = generated("slow-source", client)
    paths = [min(run.glob("*/dfdaemon/dfdaemon.log")), *run.glob("*/scheduler/core.log")]
    for path in paths:
        data = path.read_bytes()
        laid = lay(shape, {"client-0": data})
        source = opened(laid.data)
        sniffed = sniff(source.head())
        assert (sniffed.envelope.id if sniffed.envelope else None, sniffed.log_format) == (
            ENVELOPE_OF[shape],
            sniff(data[:65536]).log_format,
        )
        found, own_lines = unwrapped(laid.data, ENVELOPE_OF[shape], 100_000)
        assert (found, own_lines) == (expected(laid), laid.own_lines)


def test_shapes_cover_every_wrapper_but_one():
    """What wraps lines in tests is what is known; kubetail differs from kubectl in its brackets alone."""
    assert {one.id for one in load_envelopes()} - set(ENVELOPE_OF.values()) == {"kubetail"}


@pytest.mark.parametrize("client", CLIENTS)
def test_files_of_a_run_are_bare(client):
    """Nothing of a run is taken for wrapped: logs have their format, the rest has none."""
    run, _ = generated("slow-source", client)
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        sniffed = sniff(path.read_bytes()[:65536])
        assert sniffed.envelope is None, path
        assert (sniffed.log_format is not None) == (path.suffix == ".log"), (path, sniffed.reason)


NOT_LOGS = {
    "job of the manager": json.dumps(
        {"id": 1, "type": "preheat", "state": "FAILURE", "result": {"job_states": [{"error": "x"}]}}
    ),
    "jobs of the manager": json.dumps([{"id": 1, "state": "SUCCESS", "message": "m"}] * 3, indent=2),
    "dfbench": "+-----+-------+\n| FILE SIZE LEVEL | TIMES |\n| Nano(1B) | 3 |\n+-----+-------+\n",
    "YAML": "host:\n  hostname: a\nlog:\n  level: info\n# 2026-05-02T10:00:00Z\n",
    "metrics": '# HELP x y\n# TYPE x counter\nx{type="a",level="info"} 1\nx 2 1777716000000\n',
    "RocksDB": "2026/05/02-10:00:00.123456 7f RocksDB version: 8.10.0\n2026/05/02-10:00:00.123456 7f Git sha 0\n\n** DB Stats **\n",
    "kubectl get -o json": json.dumps(
        {"items": [{"metadata": {"name": "p"}, "status": {"message": "m", "log": "x"}}]}, indent=4
    ),
    "kubectl get": "NAME      READY   STATUS\nclient-0  1/1     Running\n",
    "JSON lines of something else": '{"time":"2026-05-02T10:00:00Z","message":"hello"}\n' * 9,
    "CSV of something else": "timestamp,size_bytes,duration_s\n2026-05-02T10:00:00Z,1,2\n",
    "words": "note: see below\nname | value\nfile.log: a file\n1: one\n2: two\n[pod] x\n",
}


@pytest.mark.parametrize("kind", NOT_LOGS)
def test_what_is_no_log_is_not_taken_for_one(kind):
    """Neither a envelope nor a format is seen, and the reason says so."""
    sniffed = sniff(NOT_LOGS[kind].encode())
    assert (sniffed.envelope, sniffed.log_format) == (None, None)
    assert "begins a record" in sniffed.reason


@pytest.mark.parametrize(
    "text",
    [
        line(1, "[pod/a/b] stdout F x"),
        zap(1, "m").replace('"msg"', '"message":"a","log":"b","line":"c","timestamp":"d","msg"'),
        f"{line(1, 'a')}\n[pod/a/b] continued\nclient-1 | continued\n--",
        "thread 'main' panicked at src/a.rs:1:2:\n[pod/a/b] x",
        f"{line(2, 'a')}\n{line(1, 'b')}",
    ],
)
def test_bare_lines_with_brackets_and_fields_are_bare(text):
    """What stands inside a message, or in lines that go on, does not make a envelope; nor do two lines out of order."""
    sniffed = sniff(text.encode())
    assert sniffed.envelope is None
    assert sniffed.log_format is not None


def test_the_reason_counts():
    """The sentence names wrappers from outside in, the format, and how many lines begin a record."""
    data = lay("kubectl-prefix-timestamps", {"client-0": encoded([line(1, "a"), "more", zap(1, "b")] * 200)}).data
    sniffed = sniff(data)
    assert sniffed.reason.startswith("kubectl logs --prefix around kubectl or docker logs with --timestamps around ")
    assert sniffed.reason.endswith("200 of the first 300 lines begin a record")


def test_notices_at_the_end_are_counted():
    """Their number is delivered though no line follows them."""
    data = lay("kubectl-timestamps", {"c": encoded([line(1, "a")])}).data
    blocks = list(unwrap(opened(data + b"error: unexpected EOF\n"), find_envelope("timestamps"), 64))
    assert blocks[-1].own_lines == 2
    assert blocks[-1].data == b""


def test_lines_that_are_not_wrapped_are_kept():
    """A line cut at the beginning of the file, or garbage amid it, stays with the lines before it."""
    data = lay("kubectl-prefix", {"client-0": encoded([line(1, "a")])}).data + b"half a line\n"
    assert unwrapped(data, "kubectl-prefix")[0]["client-0"][-1] == (b"half a line", 3)


def test_equal_times_keep_the_order_they_were_written_in():
    """Lines of one second, newest first, are turned round among themselves too."""
    rows = [
        {"line": line(at, "m"), "timestamp": "2026-05-02T10:00:00Z" if at else "2026-05-02T09:59:59Z"}
        for at in range(9)
    ]
    data = "".join(json.dumps(row) + "\n" for row in reversed(rows)).encode()
    assert [text.decode() for text, _ in unwrapped(data, "loki-jsonl", 64)[0][""]] == [row["line"] for row in rows]


def test_what_waits_for_its_turn_does_not_stay_in_memory(monkeypatch):
    """A file that is newest first may be larger than what is held."""
    monkeypatch.setattr(line_buffers, "_HELD_BYTES", 100)
    laid = lay("grafana-csv", {"c": encoded([line(at, "m") for at in range(200)])})
    assert unwrapped(laid.data, "csv", 500)[0] == expected(laid)


def test_a_document_too_large_is_a_problem_of_the_source(monkeypatch):
    """Its beginning is read, and the problem says what to do."""
    monkeypatch.setattr(unwrappers, "DOCUMENT_CAP_BYTES", 2000)
    source = opened(
        lay("grafana-json", {"c": encoded([line(at, "m") for at in range(50)])}).data.replace(b"},{", b"},\n{")
    )
    found, _ = placed(unwrap(source, find_envelope("grafana-json"), 64))
    assert "export JSON lines" in source.problem
    assert 0 < len(found["c"]) < 50


def test_cells_with_several_lines_number_each():
    """A cell's newlines are lines of the file; separators and quotes in it are text."""
    text = f'{line(1, "a, b;")} "x"\nsecond, "y"\n\nfourth'
    data = 'Line,Time\n"' + text.replace('"', '""') + '",2026-05-02 10:00:00\n'
    assert unwrapped(data.encode(), "csv", 64)[0] == {
        "": [(part.encode(), at) for at, part in enumerate(text.split("\n"), 2)]
    }


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2026-05-02T10:00:00.12Z", "2026-05-02T10:00:00.2Z"),
        ("2026-05-02T10:00:00+02:00", "2026-05-02T09:00:00Z"),
        ("2026-05-02 10:00:00", "2026-05-02 10:00:00.001"),
        ("1777716000", "1777716000001"),
        ("1777716000000000", "1777716000000000001"),
        ("May  2 10:00:00", "May 02 10:00:01"),
        ("Feb 29 10:00:00", "Mar 01 00:00:00"),
    ],
)
def test_times_are_compared_by_value(older, newer):
    """Digits, zones and trailing zeros do not mislead."""
    assert parse_timestamp(older) < parse_timestamp(newer)
    assert is_newest_first([newer, older])
    assert not is_newest_first([older, newer, "not a time"])
    assert not is_newest_first([newer, newer])


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/var/log/pods/d7y_seed-client-0_uid-1/seed-client/0.log", "seed-client-0"),
        ("/var/log/containers/client-0_d7y_client-0123abcd.log", "client-0"),
        ("logs/client-1/dfdaemon/dfdaemon.log", "client-1"),
        ("/var/log/dragonfly/dfdaemon/dfdaemon.log", ""),
        ("dfdaemon.log", ""),
    ],
)
def test_the_file_that_grep_names_tells_the_host(path, host):
    """By pod folder, container link or the nearest folder that is not Dragonfly's own."""
    assert host_of_file(path) == host


GARBAGE = st.binary(max_size=400) | st.lists(
    st.sampled_from([text for one in load_envelopes() for sample in one.samples for text in sample["text"].splitlines()])
    .flatmap(lambda text: st.integers(0, len(text)).map(lambda cut: text[cut // 3 : cut]))
    | st.text(max_size=20)
    | st.sampled_from(['"', '""', "[", "{", "[[[[", '{"a":', "\ud800", '{"stream":{},"values":[', "\\", ",", "\0"]),
    max_size=12,
).map(lambda parts: "\n".join(parts).encode("utf-8", "surrogatepass"))  # fmt: skip


@given(GARBAGE, st.sampled_from([one.id for one in load_envelopes()]), BLOCK_BYTES)
@settings(max_examples=examples(400))
def test_garbage_never_raises_and_no_block_is_torn(data, envelope_id, block_bytes):
    """Any bytes under any envelope give whole lines with a number each, in memory that the input bounds."""
    sniff(data)
    source = opened(data)
    found, _ = placed(unwrap(source, find_envelope(envelope_id), block_bytes))
    assert sum(len(text) for lines in found.values() for text, _ in lines) <= 3 * len(data) + 100
    numbers = [number for lines in found.values() for _, number in lines]
    assert all(1 <= number <= data.count(b"\n") + 2 for number in numbers)


@pytest.mark.parametrize("unit", [b"a", b"a.log-1-", b'"', b"[", b'{"a":', b" ", b"1", b'a="b",', b"\x1b["])
def test_no_line_takes_time_that_grows_with_its_square(unit):
    """A long line of what a pattern may stumble over is read under every envelope; a quadratic pattern would take minutes."""
    data = unit * (20_000 // len(unit))
    for start in (b"", b"2026-05-02T10:00:00Z {", b"<1>1 2026-05-02T10:00:00Z a b c d [", b"Line\n"):
        for envelope in load_envelopes():
            found = list(unwrap(opened(start + data), envelope))
            assert sum(len(block.data) for block in found) <= len(data) + 100
