"""The command report."""

from __future__ import annotations

import gzip

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
    assert len(done.stderr.splitlines()) == 1
