"""Every command with every option missing, wrong and doubled, as click declares them: one line, a documented exit code, no traceback."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import click
import pytest

from cli.cases import LOG, invoke, is_one_line
from dfly_analysis import cli
from dfly_analysis.cli.main import SUMMARIES, main

CONTEXT = click.Context(main)
COMMANDS = {name: main.get_command(CONTEXT, name) for name in SUMMARIES}
ARGUMENTS = {
    "check-config": ["values.yaml"], "rerun": ["page.html"], "batch": ["matrix.yaml"], "compare": ["d.log", "d.log"], "facts": ["download.pieceTimeout"],
    "explain": ["disk_full"], "plan-preheat": ["manifest.json", "--from", "d.log"], "plan-stress": [], "collect": ["-n", "d7y", "--dry-run"], "init": ["made"],
    "lab": [], "whatif": ["d.log", "--set", "download.pieceTimeout=60s"],
}  # fmt: skip
"""What a command needs; the others take logs."""
WRONG = ("", "-1", "\x1b[31mred\nb", "9" * 400)
REFUSED = {
    "size": ("", "x", "-1", "0", "1e999", "nan", "20", "4194304", "1,5", "é"), "piece_length": ("", "x", "-1", "20"), "bandwidth": ("", "x", "-1", "0", "100", "nan"),
    "node_rate": ("100", "x"), "target_failure_rate": ("", "x", "-1", "0", "1", "nan"), "chart": ("", "x", "99.0.0"), "client": ("x", "v99.0.0"),
    "tz": ("x", "\x1b[31mred"), "output_format": ("x", ""), "lang": ("x", ""), "fail_on": ("x", ""), "log_format": ("x", ""), "timeout": ("", "x", "-1", "nan"),
}  # fmt: skip
MANIFEST = json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"digest": f"sha256:{'0' * 64}", "size": 10}, "layers": [{"digest": f"sha256:{'1' * 64}", "size": 20_000_000}],
})  # fmt: skip
STARTS_MUCH = ("report", "batch", "lab", "rerun")
"""What would run notebooks or a server if an option were taken."""
CODES = range(7)
OPTIONS = [
    (name, option)
    for name, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
]
DECLARED_ONCE = [
    *{(option.name, option.is_flag): (name, option) for name, option in OPTIONS if name not in STARTS_MUCH}.values()
]
"""Options of the same name come from one declaration."""


def title(value):
    return value if isinstance(value, str) else value.name


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Work among one good file of each kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DFLY_ANALYSIS_CACHE", str(tmp_path / "cache"))
    texts = {
        "d.log": LOG,
        "values.yaml": "client: {enable: true}\n",
        "matrix.yaml": "runs: [\n",
        "page.html": "<p>\n",
        "manifest.json": MANIFEST,
    }
    for name, text in texts.items():
        Path(name).write_text(text, "utf-8")
    return tmp_path


def check(result):
    """An answer, or one line on stderr and a documented code."""
    assert result.exit_code in CODES, result.output
    assert "internal error" not in result.stderr, result.stderr
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stderr
    if result.exit_code not in (0, 1):
        assert is_one_line(result.stderr.splitlines(keepends=True)[-1]), result.stderr


def needed(name, without=None):
    """Return the arguments of a command with its required options, one of them left out."""
    given = list(ARGUMENTS.get(name, ["d.log"]))
    for option in COMMANDS[name].params:
        if (
            isinstance(option, click.Option)
            and option.required
            and option is not without
            and option.opts[0] not in given
        ):
            given += [option.opts[0], "made"]
    return given


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_command_without_arguments_says_what_it_needs(name, files):
    """Or does what it does without any."""
    if name == "lab":
        return
    result = invoke(name)
    check(result)
    assert result.exit_code in (0, 2)


@pytest.mark.parametrize(("name", "option"), [pair for pair in OPTIONS if pair[1].required], ids=title)
def test_a_required_option_that_is_missing_is_named(name, option, files):
    """With exit code 2."""
    given = ARGUMENTS.get(name, ["d.log"])
    cut = [
        one for at, one in enumerate(given) if one != option.opts[0] and (at == 0 or given[at - 1] != option.opts[0])
    ]
    result = invoke(name, *cut, *[one for other in COMMANDS[name].params if isinstance(other, click.Option) and other.required and other is not option and other.opts[0] not in cut for one in (other.opts[0], "made")])  # fmt: skip
    check(result)
    assert result.exit_code == 2
    assert option.opts[-1] in result.stderr


@pytest.mark.parametrize(("name", "option"), [pair for pair in OPTIONS if not pair[1].is_flag], ids=title)
def test_an_option_without_its_value_is_refused(name, option, files):
    """It is the last word of the command line."""
    result = invoke(name, *needed(name, without=option), option.opts[0])
    check(result)
    assert result.exit_code == 2


@pytest.mark.parametrize(("name", "option"), [pair for pair in OPTIONS if not pair[1].is_flag], ids=title)
def test_a_wrong_value_is_refused_in_one_line(name, option, files):
    """Whatever is written: a value that is taken gives an answer or a documented code."""
    sharing = [one for one, other in OPTIONS if other.name == option.name and one not in STARTS_MUCH]
    wrong = WRONG if name in sharing[:1] else WRONG[:1] if name in sharing else ()
    for value in (*wrong, *REFUSED.get(option.name, ())):
        result = invoke(name, *needed(name, without=option), option.opts[0], *[value] * option.nargs)
        check(result)
        if value in REFUSED.get(option.name, ()):
            assert result.exit_code == 2, (value, result.output)


@pytest.mark.parametrize(("name", "option"), DECLARED_ONCE, ids=title)
def test_an_option_given_twice_is_no_fault(name, option, files):
    """Of one that takes a value once, the last counts."""
    once = [option.opts[0]] if option.is_flag else [option.opts[0], *["x"] * option.nargs]
    check(invoke(name, *needed(name, without=option), *once, *once))


def test_unknown_options_are_refused():
    """Of every command."""
    for name in SUMMARIES:
        result = invoke(name, "--no-such-option")
        check(result)
        assert result.exit_code == 2


@pytest.mark.parametrize("name", ["diagnose", "fit", "recommend", "alerts", "whatif", "load"])
def test_a_truncated_archive_without_a_task_is_not_enough(name, files):
    """Exit code 4, not 0."""
    Path("run.log.gz").write_bytes(gzip.compress(LOG.encode() * 400)[:-20])
    given = ["run.log.gz", *needed(name)[1:]]
    result = invoke(name, *given)
    check(result)
    assert result.exit_code == (0 if name == "load" else 4), result.output


def test_the_documented_codes_are_the_programs():
    """Help says them."""
    assert "Exit codes: 0 done, 1 --fail-on reached, 2 usage, 3 nothing readable, 4 not enough data, 5 notebook failed, 6 timed" in " ".join(cli.main.help.split())  # fmt: skip


@pytest.mark.parametrize("command", [["whatif", "d.log"], ["plan-preheat", "manifest.json"]], ids=" ".join)
@pytest.mark.parametrize(
    "change", ["download.pieceTimeout=180", "download.concurrentPieceCount=2.5", "proxy.disableBackToSource=1"]
)
def test_a_value_that_check_config_calls_invalid_is_refused(command, change, files):
    """A duration without unit, half a piece, and a number where true or false stands."""
    result = invoke(*command, "--set", change)
    assert result.exit_code == 2
    assert change.partition("=")[2] in result.stderr


@pytest.mark.parametrize(
    "command", [["check-config", "values.yaml"], ["whatif", "d.log"], ["plan-preheat", "manifest.json"]], ids=" ".join
)
def test_a_bandwidth_without_unit_is_refused_with_the_way_out(command, files):
    """In each command that takes one."""
    result = invoke(*command, "--bandwidth", "100")
    assert result.exit_code == 2
    assert "'100' has no unit (write it like 100MB/s" in result.stderr


def test_a_plan_is_made_under_the_upgrade(files):
    """Values and single changes count over what the run's hosts have."""
    Path("overlay.values.yaml").write_text("seedClient: {config: {download: {pieceTimeout: 77s}}}\n", "utf-8")
    planned = invoke(
        "plan-preheat", "manifest.json", "--client", "v1.5.1", "--values", "overlay.values.yaml", "--bandwidth", "1MB/s"
    )
    assert "the piece timeout of the seed client is 77 s" in planned.stdout
    planned = invoke("plan-preheat", "manifest.json", "--client", "v1.5.1", "--values", "overlay.values.yaml", "--set", "download.pieceTimeout=55s", "--bandwidth", "1MB/s")  # fmt: skip
    assert "the piece timeout of the seed client is 55 s" in planned.stdout
