"""Options of the commands: the same wherever they appear."""

from __future__ import annotations

import pytest

from cli.cases import LOG, invoke, is_one_line
from dfly_analysis.cli import main


def test_a_newer_release_is_accepted_with_a_warning(tmp_path):
    """A new patch of a known major is no mistake: it is read as the newest known, with a warning."""
    (tmp_path / "a.log").write_text(LOG, "utf-8")
    done = invoke("diagnose", tmp_path, "--chart", "1.7.99", "--format", "json")
    assert done.exit_code == 0
    assert done.stderr == "dfly-analysis: warning: chart 1.7.99 is unknown; treated as 1.7.4\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [", "values.yaml:"), ("- 1", "not a mapping"), ("download:\n  pieceTimeout: 6s\nupload: {}\nhost: {}\n", "not Helm values"), (None, "No such file")],
)  # fmt: skip
def test_a_wrong_values_file_is_one_line(run, tmp_path, text, words):
    """Not YAML, not a mapping, a component's own file or no file: exit code 2 and the reason."""
    values = tmp_path / "values.yaml"
    if text is not None:
        values.write_text(text, "utf-8")
    done = invoke("diagnose", run, "--values", values)
    assert (done.exit_code, done.stdout) == (2, "")
    assert is_one_line(done.stderr), done.stderr
    assert words in done.stderr


def test_commands_that_read_logs_have_the_same_options():
    """One set: zone, format, Prometheus and cache, beside values and releases where these are one run's."""
    for name in ("report", "diagnose", "fit", "recommend", "whatif", "alerts", "plan-preheat", "compare"):
        known = {option for one in main.get_command(None, name).params for option in one.opts}
        assert {"--tz", "--log-format", "--prometheus", "--no-cache", "--chart", "--client", "--scheduler"} <= known, (
            name
        )
    for name in ("report", "load"):
        assert "--cluster" in {option for one in main.get_command(None, name).params for option in one.opts}
