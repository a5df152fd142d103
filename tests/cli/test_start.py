"""What a command imports before it does anything."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_diagnose_with_releases_imports_no_pydantic():
    """Its options are checked by their own declarations: an option of a wrong value is refused without pydantic."""
    code = "import sys\nfrom dfly_analysis.cli import main\ntry:\n    main(['diagnose', 'nowhere', '--chart', '1.7.4', '--client', 'v9'])\nfinally:\n    print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "False"
    assert "v9" in done.stderr


@pytest.mark.parametrize("engine", ["native", "python"])
def test_diagnose_of_a_line_imports_no_pandas(engine, monkeypatch):
    """Its tables stay in Arrow and DuckDB; frames, fits and checked options have libraries of their own."""
    monkeypatch.setenv("DFLY_ANALYSIS_ENGINE", engine)
    line = "2026-05-02T10:00:09.000000Z ERROR dragonfly-client/src/resource/task.rs:9: download piece finished: error decoding response body"
    code = "import sys\nfrom dfly_analysis.cli import main\ntry:\n    main(['diagnose', '-'])\nfinally:\n    print(*({'pandas', 'scipy', 'pydantic', 'matplotlib'} & {*sys.modules}), sep=',')"
    done = subprocess.run([sys.executable, "-c", code], input=line, capture_output=True, text=True, check=False)
    assert "error_decoding_response_body" in done.stdout, done.stderr
    assert not done.stdout.splitlines()[-1], done.stdout
