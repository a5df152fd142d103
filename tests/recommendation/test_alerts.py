"""Alerts: rules with the values of a run, valid for Prometheus, tested where they fire and where they do not."""

import json
import re
import subprocess
from dataclasses import replace
from functools import cache

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from report_cases import failing_report, no_tasks_report

import dfly_analysis as dfly
from dfly_analysis.catalog.monitoring import load_alert_rules
from dfly_analysis.cli import main
from dfly_analysis.errors import CatalogError, DflyError
from dfly_analysis.recommendation.alerts import DASHBOARD, RULES, TESTS, Alerts, filled

ENTRIES = load_alert_rules()
CASES = {"failing": failing_report, "no tasks": no_tasks_report}


def predicted(report):
    """Return the report's prediction with a rate that an alert can stand on."""
    return report.prediction and replace(
        report.prediction, pieces_then=None, pieces_now=dfly.Interval(0.05, 0.02, 0.125)
    )


@cache
def alerts_of(report_of, **more):
    report = report_of()
    return Alerts.from_analysis(report.dataset, report.fits, report.advice, predicted(report) or None, **more)


def write(made, folder):
    folder.mkdir(exist_ok=True)
    (folder / RULES).write_text(made.to_yaml())
    (folder / TESTS).write_text(made.tests_yaml())
    (folder / DASHBOARD).write_text(made.dashboard())


def run(promtool, *arguments, folder):
    return subprocess.run([promtool, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def rules_in(text):
    return {rule["alert"]: rule for rule in yaml.safe_load(text)["groups"][0]["rules"]}


@pytest.mark.parametrize("case", CASES)
def test_promtool_accepts_the_rules_and_their_tests(case, promtool, tmp_path):
    """Whatever the run, the rules are valid, and each fires where it should and is quiet where it should."""
    made = alerts_of(CASES[case])
    write(made, tmp_path)
    checked = run(promtool, "check", "rules", RULES, folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(made.rules)} rules found" in checked.stdout
    tested = run(promtool, "test", "rules", TESTS, folder=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert len(yaml.safe_load(made.tests_yaml())["tests"]) == 2 * len(made.rules) > 10


def test_each_test_can_fail(promtool, tmp_path):
    """With a rule turned into one that never fires, and one that always does, promtool finds every one of them wrong."""
    made = alerts_of(failing_report)
    for change in ("vector(1) < 0", "vector(1)"):
        broken = replace(made, rules=tuple(replace(rule, expr=change, wait=None) for rule in made.rules))
        write(broken, tmp_path)
        tested = run(promtool, "test", "rules", TESTS, folder=tmp_path)
        assert tested.returncode != 0
        failed = set(re.findall(r"alertname: (\w+), time", tested.stdout + tested.stderr))
        assert failed == {rule.name for rule in made.rules}


def test_thresholds_are_those_of_the_model():
    """The failure rule stands on the upper end of the predicted rate after the advice, the disk rule on the size asked for."""
    report = failing_report()
    made = alerts_of(failing_report)
    assert made.values["failure_bound"] == "0.125"
    wide = replace(report.prediction, pieces_then=dfly.Interval(0.04, 0.0, 0.9))
    loose = Alerts.from_analysis(report.dataset, report.fits, report.advice, wide)
    assert loose.values["failure_bound"] == "0.04"
    assert "is uncertain" in loose.to_yaml()
    assert made.values["headroom_bytes"] == str(report.advice.size_bytes)
    rules = rules_in(made.to_yaml())
    assert made.values["failure_bound"] in rules["DragonflySeedFailuresAboveModel"]["expr"]
    assert rules["DragonflySeedDiskHeadroom"]["expr"].endswith(f"< {report.advice.size_bytes}")
    # 20 GiB is the fourteenth level: 16 to 32 GiB
    assert made.values["size_level"] == "14"


def test_the_time_near_the_limit_lies_above_the_usual_one():
    """Where the limit leaves room, a usual layer is well below the threshold; a longer limit raises it until the manager's patience counts."""
    report = failing_report()
    at = {}
    for limit_s in (60.0, 120.0, 1e6):
        predicted = replace(report.prediction, timeout_then_s=limit_s)
        made = Alerts.from_analysis(report.dataset, report.fits, report.advice, predicted)
        at[limit_s] = float(made.values["near_limit_ms"])
    assert at[60.0] < at[120.0]
    assert at[120.0] <= at[1e6]


def test_slow_pieces_are_those_beyond_the_last_bucket_below_the_timeout():
    """Of a timeout of 600 s the buckets of a factor of two reach 524.288 s; the share beyond is the model's upper end."""
    report = failing_report()
    predicted = replace(report.prediction, timeout_then_s=600.0)
    made = Alerts.from_analysis(report.dataset, report.fits, report.advice, predicted)
    assert made.values["piece_slow_ms"] == "524288"
    expected = report.fits[predicted.fit].timeout_rate(predicted.piece_bytes, 524.288).high
    assert float(made.values["piece_slow_share"]) == pytest.approx(max(expected, 1e-6), rel=0.01)


def test_without_a_fit_the_rule_uses_the_requested_rate():
    """What is not known is left out with a reason."""
    made = alerts_of(no_tasks_report)
    left = {one.name: one.reason for one in made.left_out}
    assert "DragonflyLayerTimeNearLimit" in left
    assert "DragonflySeedDiskHeadroom" in left
    assert float(made.values["failure_bound"]) == no_tasks_report().advice.target_failure_rate
    for name, reason in left.items():
        assert f"# left out: {name}: {reason}" in made.to_yaml()


def test_a_prediction_that_says_nothing_makes_no_alert():
    """Where the model does not rule out that most layers fail, no bound is written."""
    report = failing_report()
    hopeless = replace(report.prediction, pieces_then=None, pieces_now=dfly.Interval(0.9, 0.8, 1.0))
    made = Alerts.from_analysis(report.dataset, report.fits, report.advice, hopeless)
    assert any(
        one.name == "DragonflySeedFailuresAboveModel" and "follow the recommendations" in one.reason
        for one in made.left_out
    )


@pytest.mark.parametrize(
    ("versions", "absent"),
    [
        (
            {"client": "v0.1.90"},
            {"DragonflySeedDiskHeadroom", "DragonflySeedDiskAboveCollection", "DragonflyPiecesNearTimeout"},
        ),
        ({"client": "v1.5.3", "scheduler": "v2.1.50"}, {"DragonflyPreheatJobFailed", "DragonflyPiecesNearTimeout"}),
        ({"client": "v1.5.4", "scheduler": "v2.5.1"}, set()),
    ],
)
def test_rules_need_metrics_that_the_release_exports(versions, absent):
    """An alert on a metric that a release does not export would never fire; it is left out with a reason."""
    report = failing_report()
    dataset = report.dataset.with_settings(dfly.Settings.resolve(**versions))
    made = Alerts.from_analysis(dataset, report.fits, report.advice, replace(predicted(report), timeout_then_s=600.0))
    assert {one.name for one in made.left_out} == absent
    assert all("exists from" in one.reason for one in made.left_out)
    assert ("download_piece_duration" in made.dashboard()) is ("DragonflyPiecesNearTimeout" not in absent)


def test_other_labels_are_taken_everywhere(promtool, tmp_path):
    """With the user's own labels the rules and their tests hold too, and the chart's labels are gone."""
    made = alerts_of(failing_report, seed='job="seeds", env=~"prod|stage"', client='job="clients"')
    assert 'container="seed-client"' not in made.to_yaml() + made.dashboard()
    made = alerts_of(failing_report, seed='job="seeds"', client='job="clients"')
    write(made, tmp_path)
    tested = run(promtool, "test", "rules", TESTS, folder=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("matcher", ["", "seed", 'a="b"} or vector(1) #', 'a="b'])
def test_a_matcher_that_is_none_is_refused(matcher):
    """It would break out of its braces."""
    with pytest.raises(DflyError, match="is not a label matcher"):
        alerts_of(failing_report, seed=matcher)


def test_the_dashboard_is_sound(promtool, tmp_path):
    """It is JSON with panels that do not overlap, names no server, draws the model's lines, and Prometheus accepts every query."""
    made = alerts_of(failing_report)
    content = json.loads(made.dashboard())
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in content["panels"]]
    assert len(set(places)) == len(places) >= 10
    assert len({one["id"] for one in content["panels"]}) == len(places)
    assert all(one["description"] for one in content["panels"])
    lines = [
        step["value"] for one in content["panels"] for step in one["fieldConfig"]["defaults"]["thresholds"]["steps"]
    ]
    assert float(made.values["failure_bound"]) in lines
    queries = [target["expr"] for one in content["panels"] for target in one["targets"]]
    rules = [{"record": f"panel:{place}", "expr": query} for place, query in enumerate(queries)]
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = run(promtool, "check", "rules", "panels.yaml", folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "http" not in made.dashboard()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.alert)
def test_entries_are_whole(entry):
    """Each alert names its metrics, says what it means in sentences, and uses every metric it needs."""
    assert entry.component in ("client", "scheduler", "manager", "kubernetes")
    assert entry.severity in ("warning", "critical")
    assert entry.description.endswith(".")
    for metric in entry.needs:
        assert metric in entry.expr
        assert any(metric in one["series"] for one in entry.tests.fires) or entry.alert == "DragonflySeedsGone"


def test_a_value_that_is_not_known_is_an_error_of_the_catalogue():
    """A misspelt name does not become text of a rule."""
    with pytest.raises(CatalogError, match="unknown value"):
        filled("up > $no_such", {"seed": "a"})


@given(st.sampled_from(["15m", "1h", "190m"]), st.sampled_from(["", " offset 70m"]))
def test_growth_is_written_out(window, offset):
    """The counter that is new in the window counts whole, the others by their increase; nothing of the macro is left."""
    shown = filled(f'sum(grown(a_total{{x="y"}}[{window}]{offset}))', {})
    assert "grown" not in shown
    assert shown.count("a_total") == 3
    assert f'increase(a_total{{x="y"}}[{window}]{offset})' in shown


def test_the_report_writes_the_rules(tmp_path):
    """`Report.save` writes rules, tests and dashboard where the report has alerts, and names them among its files."""
    report = replace(failing_report(), alerts=alerts_of(failing_report))
    written = report.save(tmp_path / "with", html=False)
    for name in (RULES, TESTS, DASHBOARD):
        assert (tmp_path / "with" / name).read_text()
        assert (
            any(name in str(line) for line in written.entries) if hasattr(written, "entries") else name in str(written)
        )
    failing_report().save(tmp_path / "without", html=False)
    assert not (tmp_path / "without" / RULES).exists()


def test_the_command_writes_them_too(article_sample, promtool, tmp_path):
    """`alerts` reads logs and writes the three files, whose paths it prints; promtool accepts them."""
    done = CliRunner().invoke(
        main, ["alerts", str(article_sample), "--client", "v0.1.118", "-o", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "out" / name) for name in (RULES, TESTS, DASHBOARD)]
    checked = run(promtool, "check", "rules", RULES, folder=tmp_path / "out")
    assert checked.returncode == 0, checked.stdout
