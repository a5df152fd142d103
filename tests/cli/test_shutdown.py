"""The console script ends with the exit code of what ended it, and leaves no process behind."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from dfly_analysis.cli import main

SCRIPT = "from dfly_analysis.cli.shutdown import run_and_exit\nimport sys, time\nrun_and_exit(lambda: {body})"


@pytest.mark.parametrize(("body", "code"), [("sys.exit(3)", 3), ("sys.exit()", 0), ("1 / 0", 1)])
def test_the_exit_code_is_that_of_the_command(body, code):
    """And of Python where the command raises something else."""
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(body=body)], capture_output=True, check=False)
    assert done.returncode == code


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [(signal.SIGTERM, 143, "ended by SIGTERM"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_batch_that_is_ended_leaves_nothing_running(article_sample, tmp_path, number, code, message):
    """One line, the exit code, and the processes that ran its cells are gone."""
    matrix = tmp_path / "m.yaml"
    silent = socket.create_server(("127.0.0.1", 0))  # a Prometheus that never answers: the cells wait for it
    given = f"paths: ['{article_sample}'], prometheus: 'http://127.0.0.1:{silent.getsockname()[1]}'"
    matrix.write_text(f"reports: [{{name: a, {given}}}, {{name: b, {given}}}]")
    command = [sys.executable, "-m", "dfly_analysis", "batch", str(matrix), "-j", "2", "-o", str(tmp_path / "out")]
    with silent, subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        cells = cell_processes(process)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors.splitlines() == [f"dfly-analysis: {message}"]
    assert len(cells) == 2
    assert [one for one in cells if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def cell_processes(process: subprocess.Popen, count: int = 2) -> list[psutil.Process]:
    """Wait until the cells of the batch run, and return their processes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = psutil.Process(process.pid).children(recursive=True)
        if len(found) == count:
            time.sleep(2)
            return found
        time.sleep(0.1)
    return []


def test_the_group_of_commands_touches_no_signal():
    """A program that calls the command group keeps its own handlers."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(SystemExit):
        main(["facts", "no.such.key"])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_command_that_waits_for_a_pipe_ends_by_a_signal(number, code):
    """The other end of the pipe stays open and silent."""
    command = [sys.executable, "-m", "dfly_analysis", "diagnose", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not any("_core" in one.path or "arrow" in one.path for one in psutil.Process(process.pid).memory_maps()):
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(number)
        process.wait(timeout=30)
        errors = process.stderr.read()
    assert process.returncode == code
    assert errors.count("\n") == 1
