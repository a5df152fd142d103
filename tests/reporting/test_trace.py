"""Traces: what viewers demand of the two formats, and that nothing overlaps that a viewer would draw over another."""

import base64
import io
import json
from collections import defaultdict

import jsonschema
import pytest
from conftest import examples
from diagnosis_cases import dataset_of, job
from hypothesis import given, settings
from hypothesis import strategies as st

from dfly_analysis.reporting.trace import write_trace
from tests.reconstruction.test_task_time import piece, step, task

_SCHEMA = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "traceEvents": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["ph", "pid", "name"],
                "properties": {
                    "ph": {"enum": ["X", "M"]}, "pid": {"type": "integer"}, "tid": {"type": "integer"}, "name": {"type": "string"},
                    "cat": {"type": "string"}, "ts": {"type": "number", "minimum": 0}, "dur": {"type": "number", "minimum": 0}, "args": {"type": "object"},
                },
                "if": {"properties": {"ph": {"const": "X"}}},
                "then": {"required": ["ts", "dur", "tid"]},
                "else": {"properties": {"name": {"enum": ["process_name", "thread_name"]}}, "required": ["args"]},
            },
        },
    },
}  # fmt: skip
"""The part of the Trace Event Format that is written: complete events, and metadata that names processes and threads."""


def written(dataset, trace_format="chrome"):
    out = io.StringIO()
    count = write_trace(dataset, out, trace_format)
    return json.loads(out.getvalue()), count


def busy_run(offsets=(0, 1, 2.5, 7)):
    """Return tasks of two hosts with pieces side by side, waits and a job."""
    tasks = [
        task(
            f"p{number}",
            offset,
            offset + 10,
            host=f"seed-{number % 2}",
            job_id="group_1",
            url="http://r/v2/m/blobs/sha256:ab",
        )
        for number, offset in enumerate(offsets)
    ]
    pieces = [
        piece(
            k,
            offset + 2 + k / 2,
            offset + 5 + k,
            peer=f"p{number}",
            host=f"seed-{number % 2}",
            outcome="timeout" if k == 3 else "ok",
            size_bytes=1,
        )
        for number, offset in enumerate(offsets)
        for k in range(5)
    ]
    return dataset_of(tasks=tasks, pieces=pieces, jobs=[job("SUCCESS")], events=[step(1, "peer_registered", "p0")])


def test_chrome_trace_follows_the_format():
    """Every event has what Perfetto needs, every thread a name, and each kind of span is there."""
    trace, count = written(busy_run())
    jsonschema.validate(trace, _SCHEMA)
    spans = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert count == len(spans)
    assert {event["cat"] for event in spans} == {"job", "task", "wait", "piece"}
    named = {(event["pid"], event.get("tid")) for event in trace["traceEvents"] if event["ph"] == "M"}
    assert {(event["pid"], event["tid"]) for event in spans} <= named


@settings(max_examples=examples(30))
@given(st.lists(st.floats(0, 30).map(lambda second: round(second, 2)), min_size=1, max_size=6))
def test_spans_of_a_thread_nest_or_follow(offsets):
    """A viewer draws one over the other where two spans of a thread overlap in part."""
    by_thread = defaultdict(list)
    for event in written(busy_run(tuple(offsets)))[0]["traceEvents"]:
        if event["ph"] == "X":
            by_thread[event["pid"], event["tid"]].append((event["ts"], -event["dur"]))
    for spans in by_thread.values():
        open_ends = []
        for start, minus in sorted(spans):
            while open_ends and open_ends[-1] <= start:
                open_ends.pop()
            assert not open_ends or start - minus <= open_ends[-1]
            open_ends.append(start - minus)


def test_otlp_is_read_by_the_protocols_own_parser():
    """As the collector does: ids in hexadecimal become bytes, all else is protobuf's JSON."""
    json_format = pytest.importorskip("google.protobuf.json_format")
    trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    trace, count = written(busy_run(), "otlp")
    for resource in trace["resourceSpans"]:
        for span in resource["scopeSpans"][0]["spans"]:
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in span:
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    request = json_format.ParseDict(trace, trace_service.ExportTraceServiceRequest())
    spans = [span for resource in request.resource_spans for span in resource.scope_spans[0].spans]
    assert len(spans) == count
    known = {span.span_id for span in spans}
    assert len(known) == count
    assert all(span.parent_span_id in known for span in spans if span.parent_span_id)
    assert all(len(span.trace_id) == 16 and span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)
    assert {span.status.code for span in spans if span.name == "piece 3 (timeout)"} == {2}


@pytest.mark.parametrize("trace_format", ["chrome", "otlp"])
def test_run_without_tasks_is_an_empty_trace(trace_format):
    trace, count = written(dataset_of(), trace_format)
    assert count == 0
    assert trace.get("traceEvents", []) == trace.get("resourceSpans", []) == []
