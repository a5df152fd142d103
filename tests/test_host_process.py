"""The library leaves its host process alone: no forks, no tuning of the interpreter, no private API, and it works in other people's processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tokenize
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import dfly_analysis as dfly

PACKAGE = Path(dfly.__file__).parent
FORBIDDEN = {
    "fork": r"\bos\.fork\b|register_at_fork|get_context\(\s*[\"']fork[\"']",
    "os._exit": r"\bos\._exit\b",
    "garbage collector": r"\bimport gc\b|\bgc\.(?:disable|enable|freeze|unfreeze|collect|set_threshold)\b",
    "malloc": r"\bmallopt\b|\bmalloc_trim\b",
    "sys.modules": r"\bsys\.modules\b",
    "signals": r"\bsignal\.(?:signal|setitimer|alarm)\b",
    "processors": r"\bos\.cpu_count\b",
    "private API": r"\bpyarrow\._|\bre\._|\batexit\._|\bfrom re import _|\bsre_parse\b",
}
OF_THE_CONSOLE_SCRIPT = {"cli/shutdown.py": {"signals"}}
COUNTS_WORKERS = {"workers.py": {"processors"}}
ALLOWED = {**OF_THE_CONSOLE_SCRIPT, **COUNTS_WORKERS}


def code_of(path: Path) -> str:
    """Return a module's code without its comments and docstrings."""
    with path.open("rb") as file:
        tokens = [one for one in tokenize.tokenize(file.readline) if one.type != tokenize.COMMENT]
    lines = path.read_text("utf-8").splitlines()
    for one in tokens:
        if one.type == tokenize.STRING and one.string.lstrip("rbuRBU").startswith(('"""', "'''")):
            lines[one.start[0] - 1 : one.end[0]] = [""] * (one.end[0] - one.start[0] + 1)
    return "\n".join(line.partition("  # ")[0] for line in lines)


def test_no_module_changes_its_host_process():
    """Nothing of `FORBIDDEN` stands in the package's code, but where that is allowed."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        code = code_of(path)
        names = {name for name, pattern in FORBIDDEN.items() if re.search(pattern, code)}
        if names:
            found[path.relative_to(PACKAGE).as_posix()] = names
    assert {
        path: names - ALLOWED.get(path, set()) for path, names in found.items() if names - ALLOWED.get(path, set())
    } == {}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("os.fork()", "fork"),
        ("os._exit(0)", "os._exit"),
        ("gc.freeze()", "garbage collector"),
        ("sys.modules[name] = None", "sys.modules"),
        ("from pyarrow._parquet import ParquetWriter", "private API"),
        ("re._parser.parse(text)", "private API"),
        ("signal.signal(signal.SIGTERM, leave)", "signals"),
    ],
)
def test_a_forbidden_call_is_noticed(code, name):
    """The patterns match what they are named after."""
    assert re.search(FORBIDDEN[name], code)


def test_analyses_run_in_a_thread_pool(article_sample):
    """Four at a time in one process give the same answer."""
    with ThreadPoolExecutor(4) as threads:
        reports = list(threads.map(lambda _: dfly.analyse([article_sample], client="v0.1.118"), range(4)))
    rates = [json.dumps(report.to_dict()["recommend"], sort_keys=True) for report in reports]
    assert {report.findings.primary_cause for report in reports} == {"timeout_too_short"}
    assert len(set(rates)) == 1


def test_threads_share_a_dataset(article_sample):
    """Each thread that asks the same dataset gets the same findings."""
    dataset = dfly.load([article_sample])
    expected = dfly.diagnose(dataset)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: dfly.diagnose(dataset), range(8)))
    assert [repr(one) for one in found] == [repr(expected)] * 8


FORKED = """
import os, sys, threading
import dfly_analysis as dfly
dfly.diagnose(dfly.load([sys.argv[1]]))  # a web server that forks has used the library before
child = os.fork()
if child == 0:
    findings = dfly.diagnose(dfly.load([sys.argv[1]]))
    os._exit(0 if findings.primary_cause == "timeout_too_short" else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_web_worker_can_diagnose(article_sample):
    """The child of a process that has used the library already."""
    command = [sys.executable, "-c", FORKED, str(article_sample)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_a_notebook_runs_in_a_real_kernel(article_sample, tmp_path):
    """Jupyter's own kernel imports the package, shows a report's parts, and keeps its handlers and settings."""
    before = "import gc, signal, sys\nbefore = (gc.get_threshold(), gc.isenabled(), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), type(sys.modules))"
    cells = [
        before,
        f"import dfly_analysis as dfly\nreport = dfly.analyse([{str(article_sample)!r}], client='v0.1.118')\nreport.verdict",
        "before == (gc.get_threshold(), gc.isenabled(), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), type(sys.modules))",
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = tmp_path / "asked.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in cells], metadata=kernel), path)
    command = [sys.executable, "-m", "papermill", str(path), str(tmp_path / "done.ipynb"), "--no-progress-bar"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    shown = [cell.outputs for cell in nbformat.read(tmp_path / "done.ipynb", 4).cells]
    assert "text/html" in shown[1][0]["data"]
    assert shown[2][0]["data"]["text/plain"] == "True"
