"""Options are declared once: the declaration checks values, and functions and notebooks have what it says."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import notebook_parameters
import pytest

import dfly_analysis as dfly
from dfly_analysis.cli import main
from dfly_analysis.options import AnalysisOptions, ComparisonOptions, SimulationOptions, WhatIfOptions

FUNCTIONS = {"analyse": AnalysisOptions, "compare": ComparisonOptions, "what_if": WhatIfOptions}
COMMANDS = {"report": AnalysisOptions, "compare": ComparisonOptions, "whatif": SimulationOptions}
NOTEBOOKS = sorted(notebook_parameters.NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_the_declared_options(name):
    """Names and defaults of the signature are those of the declaration."""
    signature = inspect.signature(getattr(dfly, name)).parameters.values()
    taken = {one.name: one.default for one in signature if one.kind is one.KEYWORD_ONLY}
    assert taken == {one.name: one.default for one in FUNCTIONS[name].declarations()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_declared_options(name):
    """Name, default and help of each; `compare` prints no page and has no language."""
    known = {one.name: one for one in main.get_command(None, name).params}
    shown = [one for one in COMMANDS[name].declarations() if one.flag.shown]
    for one in shown:
        if (name, one.name) == ("compare", "lang"):
            continue
        assert known[one.name].help.startswith(one.flag.off or one.help)
        assert known[one.name].default == one.default or one.flag.off
    assert len(shown) > 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_the_declared_parameters(path: Path):
    """Names, defaults and meanings of its first cell, and the call that passes them on: `python tests/notebook_parameters.py`."""
    text = path.read_text("utf-8")
    assert notebook_parameters.with_declared_options(path.stem, text) == text


@pytest.mark.parametrize(("given", "line"), [
    ({"size": "abc"}, "size: 'abc' is not a size (write it like 20GiB, 64MiB, 20GB or 4194304)"),
    ({"size": 5}, "size: must be at least 1 KiB, got 5 B (write the unit, as in 20GiB)"),
    ({"siz": 5}, "unknown option 'siz' (did you mean size?)"),
    ({"lang": "fr"}, "lang: unsupported language 'fr' (choose one of en, zh)"),
    ({"target_failure_rate": 2}, "target_failure_rate: must be less than 1, got 2"),
    ({"log_format": "zap-consol"}, "log_format: unknown log format 'zap-consol' (did you mean zap-console, zap-json?)"),
    ({"chart": "9.9.9"}, "chart: unknown chart release 9.9.9 (known releases: 0.1.0 to 1.7.4; did you mean 0.9.9, 0.9.8, 0.9.7?)"),
    ({"client": "v2.0.0"}, "client: unknown client release v2.0.0 (known releases: v0.1.0 to v1.5.10; v2.0.0 is a release of manager and scheduler)"),
    ({"values": 3}, "values: must be a path or a mapping, got int (give the Helm values file)"),
    ({"cache": "perhaps"}, "cache: must be a valid boolean, unable to interpret input, got 'perhaps'"),
])  # fmt: skip
def test_a_wrong_option_is_one_line(given, line):
    """What, where and what to do; nothing of pydantic shows."""
    with pytest.raises(dfly.DflyError) as caught:
        AnalysisOptions.of(**given)
    assert str(caught.value) == line


def test_a_newer_release_of_this_or_the_next_major_version_is_taken():
    """Tomorrow's releases and forks count as the newest known; a number far from it is a slip."""
    newer = [
        {"client": "v1.6.0"},
        {"client": "v1.5.10-mycorp.3"},
        {"client": "v2.9.9"},
        {"scheduler": "v3.0.0"},
        {"chart": "2.0.0"},
    ]
    assert [AnalysisOptions.of(**one) is not None for one in newer] == [True] * len(newer)
    with pytest.raises(dfly.DflyError, match=r"unknown client release v3\.0\.0"):
        AnalysisOptions.of(client="v3.0.0")


def test_parameters_can_be_given_again():
    """What a report keeps is text that the same declaration takes; a secret is not kept."""
    given = {"size": 3 * 2**30 + 1, "bandwidth": 12345678, "concurrent_layers": 3, "role": "client"}
    options = WhatIfOptions.of(**given)
    kept = options.parameters()
    assert (kept["size"], kept["bandwidth"]) == ("3221225473B", "12345678B/s")
    assert WhatIfOptions.of(**kept) == options
    assert WhatIfOptions.of(size="20GiB", bandwidth="50MB/s").parameters()["size"] == "20GiB"
    assert "secret" not in str(AnalysisOptions.of(prometheus="https://bob:secret@host").parameters())


def test_the_list_of_commands_imports_no_command():
    """`--help` needs neither pydantic nor rich nor frames."""
    code = "import sys\nfrom dfly_analysis.cli import main\ntry:\n    main(['--help'])\nfinally:\n    print({'pydantic', 'rich', 'numpy', 'pandas', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
