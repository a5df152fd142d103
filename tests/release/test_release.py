"""What a release is made of, short of making one: `make release` and `python -m tests.release` do that."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.shell_completion import BashComplete

from dfly_analysis.cli.main import SUMMARIES, main
from tests.release.__main__ import CORE, REFUSED, REPORT
from tools.release.notes import notes
from tools.release.shell_files import man_page, write_shell_files
from tools.release.single_file import _for_python

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_every_command_runs_from_the_artifacts():
    """No command is left out of what a release is tried with."""
    assert set(SUMMARIES) == {*CORE, *REPORT, *REFUSED}


def test_the_man_page_has_every_option_of_every_command():
    """It is made from the commands, in markup that hides no hyphen."""
    page = man_page(main, "9.9")
    assert '"dfly-analysis 9.9"' in page
    for name in SUMMARIES:
        escaped = name.replace("-", "\\-")
        assert f'.SS "{escaped}"' in page
        for parameter in main.get_command(None, name).params:
            assert parameter.opts[-1].replace("-", "\\-") in page or not parameter.opts[-1].startswith("-")
    assert not re.search(r"^'|^\.(?!nf$|fi$|[A-Z])", page, re.MULTILINE)


def test_shells_find_completions_that_call_the_command(tmp_path):
    """Each of the three asks the command by the variable that click answers to."""
    written = write_shell_files(tmp_path, "1.0.0")
    texts = [Path(path).read_text("utf-8") for path, place in written.items() if "man1" not in place]
    assert len(texts) == 3
    assert all("_DFLY_ANALYSIS_COMPLETE=" in text for text in texts)
    asked = BashComplete(main, {}, "dfly-analysis", "_DFLY_ANALYSIS_COMPLETE")
    assert [one.value for one in asked.get_completions([], "diag")] == ["diagnose"]
    assert "--client" in [one.value for one in asked.get_completions(["diagnose"], "--")]


def test_release_notes_are_the_section_of_the_version():
    """They end where the next section begins; a version without one is an error."""
    text = "# Changelog\n\n## 1.0.0 - 2026-11-30\n\n### Added\n\n- new\n\n## 0.9.0\n\n- old\n"
    assert notes(text, "v1.0.0") == "### Added\n\n- new\n"
    assert notes(text, "v0.9.0") == "- old\n"
    with pytest.raises(ValueError, match="no section"):
        notes(text, "v1.0")


def test_a_single_file_gets_the_pins_of_its_python():
    """The lock holds one version of numpy for 3.11 and another one from 3.12 on."""
    old, new = (
        {line.split()[0] for line in _for_python(ROOT / "lock" / "core.txt", python)} for python in ("3.11", "3.14")
    )
    for pins in (old, new):
        names = [pin.partition("==")[0] for pin in pins]
        assert len(names) == len(set(names)) > 20
    assert "backports-zstd" in " ".join(old)
    assert "backports-zstd" not in " ".join(new)


def test_workflows_run_targets_that_exist():
    """What the forge runs is what a developer runs."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    asked = {
        name
        for path in WORKFLOWS
        for name in re.findall(r"run: make (?:-C \S+ .*?\}\} )?([a-z-]+)", path.read_text("utf-8"))
    }
    assert {"check", "docs", "release", "vulnerabilities"} <= asked
    assert asked - targets == set()


def test_issue_forms_ask_for_the_output_of_inspect():
    """It says most of what a maintainer asks next."""
    forms = [yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")]
    bodies = [form["body"] for form in forms if "body" in form]
    assert len(bodies) >= 3
    for body in bodies:
        assert any("dfly-analysis inspect" in str(part["attributes"].get("label")) for part in body)


@pytest.mark.parametrize(("length", "is_accepted"), [(71, True), (72, False)])
def test_a_long_subject_is_refused(tmp_path, length, is_accepted):
    """The hook looks at the first line only; a body may be as wide as it likes."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    hook = next(one for one in config["repos"][0]["hooks"] if one["id"] == "commit-subject")
    message = tmp_path / "COMMIT_EDITMSG"
    message.write_text("x" * length + "\n\n" + "why " * 40 + "\n")
    command = [sys.executable, "-m", "pre_commit.languages.pygrep", *hook["args"], hook["entry"], str(message)]
    assert (subprocess.run(command, check=False, capture_output=True).returncode == 0) == is_accepted
