"""The command trace: both formats from one run, one line where there is nothing to write."""

import json

import pytest

from cli.cases import invoke


@pytest.mark.parametrize(("trace_format", "key"), [("chrome", "traceEvents"), ("otlp", "resourceSpans")])
def test_trace_is_written_to_the_named_file(run, tmp_path, trace_format, key):
    output = tmp_path / "trace.json"
    result = invoke("trace", run, "--format", trace_format, "-o", output)
    assert result.stdout.strip() == str(output)
    assert "spans" in result.stderr
    assert json.loads(output.read_text())[key]


def test_input_without_tasks_leaves_no_file(tmp_path):
    empty = tmp_path / "x.log"
    empty.write_text("2026-01-01T00:00:00.000000Z  INFO dragonfly-client/src/x.rs:1: dfdaemon started\n")
    result = invoke("trace", empty, "-o", tmp_path / "trace.json")
    assert result.exit_code == 4
    assert "no task has a start and an end" in result.stderr
    assert list(tmp_path.iterdir()) == [empty]


def test_a_file_of_the_input_is_never_written_over(tmp_path):
    """Also where it is the file of Helm values."""
    own, values = tmp_path / "x.log", tmp_path / "values.yaml"
    own.touch()
    values.touch()
    for arguments in (("trace", own, "-o", own), ("recommend", own, "--values", values, "--overlay", values)):
        result = invoke(*arguments)
        assert (result.exit_code, "would replace a file of the input" in result.stderr) == (2, True)
