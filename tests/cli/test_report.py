"""The command report."""

from __future__ import annotations

import gzip
import os
import webbrowser
from pathlib import Path

from cli.cases import CANARY, LOG, invoke


def test_a_report_does_not_keep_a_password(tmp_path):
    """An address with one is refused before anything is read, and not repeated in the refusal."""
    done = invoke(
        "report", "nowhere", "--prometheus", f"https://bob:{CANARY}@prometheus.example", "-o", tmp_path / "out"
    )
    assert done.exit_code == 2
    assert "~/.netrc" in done.stderr
    assert CANARY not in done.output
    assert not (tmp_path / "out").exists()


def test_a_report_says_on_stderr_what_could_not_be_read(here):
    """A log that was cut off is reported on stderr, as by every other command."""
    whole = gzip.compress((LOG * 400).encode(), 0)
    (here / "cut.log.gz").write_bytes(whole[: len(whole) // 2])
    done = invoke("report", "cut.log.gz", "-o", "out")
    assert (done.exit_code, done.stdout) == (0, "out/report.html\n")
    assert "cut.log.gz: truncated" in done.stderr
    assert len(done.stderr.splitlines()) == 2  # and the verdict


def test_a_report_ends_with_verdict_values_and_page(run, tmp_path, chromium, monkeypatch):
    """On stderr what happened and what to set, on stdout the page; --fail-on decides the exit code, --pdf prints the page."""
    monkeypatch.setenv("PATH", f"{Path(chromium).parent}:{os.environ['PATH']}")
    done = invoke("report", run, "-o", tmp_path / "out", "--fail-on", "high", "--pdf")
    assert done.exit_code == 1
    assert "failed: timeout too short" in done.stderr
    assert "set download.pieceTimeout of the seedClient to " in done.stderr
    assert done.stdout == f"{tmp_path / 'out' / 'report.html'}\n"
    assert (tmp_path / "out" / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_a_report_opens_its_page(run, tmp_path, monkeypatch):
    """--open hands the page's address to the user's browser."""
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert invoke("report", run, "-o", tmp_path / "out", "--open", "--fail-on", "critical").exit_code == 0
    assert opened == [(tmp_path / "out" / "report.html").as_uri()]


def test_pdf_without_a_browser_is_refused_first(run, tmp_path, monkeypatch):
    """One line says what to install, before anything is written."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    done = invoke("report", run, "-o", tmp_path / "out", "--pdf")
    assert done.exit_code == 2
    assert "install Chromium" in done.stderr
    assert not (tmp_path / "out").exists()
