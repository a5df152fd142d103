"""The command fit."""

from __future__ import annotations

import pandas as pd

from cli.cases import LOG, command, is_one_line
from dfly_analysis.cli.fit import fits_view
from dfly_analysis.models import task_failure_by_size


def test_fit_without_data_exits_with_4(tmp_path):
    """Where no model can be fitted the reason and what to collect are one line."""
    (tmp_path / "a.log").write_text(LOG, "utf-8")
    done = command("fit", tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert is_one_line(done.stderr), done.stderr
    assert "no model can be fitted" in done.stderr


def test_an_empirical_model_is_printed_without_parameters():
    """A model that is the data themselves has a heading and what was counted, and no table."""
    tasks = pd.DataFrame({"size_bytes": [4 << 20, 90 << 20], "outcome": ["ok", "failed"]})
    assert "\n".join(fits_view({"task_failure": task_failure_by_size(tasks)}, {})).splitlines() == [
        "task_failure: binned, 2 rows, 0 of them censored",
        "  tasks of 4 MiB to 16 MiB: 0 of 1 failed, 0 % (at most 79.3 %)",
        "  tasks of 64 MiB to 128 MiB: 1 of 1 failed, 100 % (20.7 % to 100 %)",
    ]


def test_a_note_of_a_fit_is_printed():
    """A note stands below its fit."""

    class Noted:
        model, n, n_censored, params, notes = "binned", 2, 0, (), ("few",)

    assert "\n".join(fits_view({"task_failure": Noted()}, {})).splitlines() == [
        "task_failure: binned, 2 rows, 0 of them censored",
        "  note: few",
    ]
