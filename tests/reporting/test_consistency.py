"""Contradictions between the statements of a report are found, and the failing one is replaced by what is known."""

import json
import math
import re
from dataclasses import replace

import pytest
from report_cases import failing_report, healthy_report

from dfly_analysis.errors import DflyError
from dfly_analysis.findings import Alternative, Diagnosis, Evidence, Finding
from dfly_analysis.reporting.consistency import reconcile
from dfly_analysis.reporting.json import plain_json
from dfly_analysis.reporting.statements import Statement, Support
from dfly_analysis.units import parse_duration, parse_size

TASKS = Support("table", "tasks", 48)
FIGURE = r"((?:[\d.,]+ (?:µs|ms|s|min|h|d|B|KiB|MiB|GiB|TiB|[kMG]?B/s) ?)+)"


def said(name, value, low, high, unit, kind="predicted"):
    return Statement(name, kind, name, value, low, high, unit, (TASKS,))


LOST = said("layers.failure_rate", 30 / 48, 0.48, 0.75, "share", "observed")
FAULTS = {
    "prediction_denies_the_run": [LOST, said("prediction.now", 0.0, 0.0, 1e-6, "share")],
    "prediction_denies_the_run, of a plan": [LOST, said("plan.rest.failure", 0.0, 0.0, 1e-5, "share")],
    "proposal_below_its_need": [said("proposal.seedClient.download.pieceTimeout", 720.0, 90.0, 748.0, "s", "proposed")],
    "cache_slower_than_network": [said("pull.on a seed.pull", 6.5, 4.6, 9.0, "s"), said("pull.on the node.pull", 7.5, 7.5, 7.5, "s")],
    "counts_do_not_add_up": [
        said("tasks.total", 48.0, 48.0, 48.0, "1"), said("tasks.failed", 11.0, 11.0, 11.0, "1"), said("finding.disk_full.tasks", 12.0, 12.0, 12.0, "1"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_contradiction_is_found_and_replaced(name):
    """The statement that fails loses its figure and says what is known; the others stay."""
    statements, found = reconcile(FAULTS[name])
    assert [one.rule for one in found] == [name.partition(",")[0]]
    (failing,) = (one for one in statements if one.id == found[0].statement)
    assert failing.value is None
    assert failing.text == found[0].known
    assert [one for one in statements if one is not failing] == [one for one in FAULTS[name] if one.id != failing.id]


def test_what_agrees_is_left_alone():
    """A prediction above what was lost, a proposal at its upper end, a cache faster than the network."""
    good = [
        LOST, said("prediction.now", 0.6, 0.4, 0.8, "share"), said("proposal.seedClient.download.pieceTimeout", 750.0, 90.0, 748.0, "s", "proposed"),
        said("pull.on a seed.pull", 6.5, 4.6, 9.0, "s"), said("pull.on the node.pull", 3.0, 3.0, 3.0, "s"),
    ]  # fmt: skip
    assert reconcile(good) == (tuple(good), ())


def test_figures_that_say_nothing_are_withheld():
    """Neither a share from 0 to 1 nor a range over a factor of ten stays a figure; the lower bound of a time does."""
    (share, time), found = reconcile([said("a", 0.5, 0.0, 1.0, "share"), said("b", 15.9, 9.6, 1285.0, "s")])
    assert (share.value, share.high, time.value, time.low) == (None, None, None, 9.6)
    assert found == ()


def test_reconciling_twice_changes_nothing():
    """What was withheld contradicts nothing any more."""
    once, _ = reconcile([one for some in FAULTS.values() for one in some])
    assert reconcile(once) == (once, ())


@pytest.mark.parametrize("make", [failing_report, healthy_report])
def test_statements_of_a_report_have_support(make):
    """Each statement rests on something that exists, JSON carries it, and nothing in the report contradicts itself."""
    report = make()
    made = plain_json(report.statements)
    assert json.loads(json.dumps(made)) == made
    assert len({one.id for one in report.statements}) == len(report.statements)
    for one in report.statements:
        assert one.support, one.id
        assert all(support.name for support in one.support), one.id
    assert report.contradictions == ()


def test_a_denied_prediction_is_not_shown():
    """Layers lost by a full disk: the page gives no failure rate, and says why; what pieces alone show stays."""
    report = failing_report()
    tasks = report.dataset.tasks.assign(role="seedClient")
    tasks.loc[tasks["outcome"] != "ok", "cause"] = "disk_full"
    turned = replace(report, dataset=report.dataset.with_frames(tasks=tasks))
    assert turned.prediction.now is None
    assert "failed for reasons other than failed pieces" in turned.prediction.withheld
    text = re.sub(r"<[^>]+>", " ", turned.verdict.html())
    assert "now, with a timeout" not in text
    assert "timeouts and errors of pieces alone" in text


@pytest.mark.parametrize(
    ("strength", "expected"),
    [("seen", "failed: connections dropped"), ("likely", "likely cause of 9 of them: connections dropped"), ("possible", "possible cause of 9")],
)  # fmt: skip
def test_the_headline_is_as_strong_as_the_evidence(strength, expected):
    """Seen, likely and possible are three verbs; what else explains it is listed where it is not seen."""
    report = failing_report()
    shares = (replace(report.findings.causes[0], cause="network_instability"), *report.findings.causes[1:])
    others = [] if strength == "seen" else [Alternative("resource_limit", "the parent's log starts again")]
    turned = replace(
        report,
        findings=Diagnosis(report.findings, shares, "network_instability", strength=strength, alternatives=others),
    )
    text = " ".join(re.sub(r"<[^>]+>", " ", turned.verdict.html()).split())
    assert expected in text
    assert ("the parent's log starts again" in text.replace("&#39;", "'")) is bool(others)


def test_the_proof_shows_the_main_cause():
    """Of two findings with as many tasks the one that shows the cause is cited, and a check before a text."""
    line = (Evidence("a.log", 1, "x"),)
    one = Finding("process_killed", "t", "present", "critical", 3, 11, evidence=line, cause="resource_limit")
    restart = Finding(
        "restart_without_goodbye", "t", "present", "critical", 3, 11, evidence=line, cause="resource_limit"
    )
    other = Finding("disk_full", "t", "present", "critical", 3, 12, evidence=line, cause="disk_full")
    report = failing_report()
    turned = replace(
        report, findings=Diagnosis([one, restart, other], report.findings.causes, "resource_limit", strength="likely")
    )
    assert turned.verdict.proof == restart


@pytest.mark.parametrize(
    "name", ["verdict", "durations", "advice_table", "sizing", "preheat_plan", "replay", "sensitivity", "next_runs"]
)
def test_no_range_of_a_page_spans_a_factor_of_ten(name):
    """Read off the page, whatever made it: the ends of each printed range are at most a factor of ten apart."""
    text = re.sub(
        r"<(?:style|pre).*?</(?:style|pre)>|<[^>]+>", " ", getattr(failing_report(), name).html(), flags=re.DOTALL
    )
    for low, high in re.findall(rf"\({FIGURE}to {FIGURE}\)", text.replace("\N{NO-BREAK SPACE}", " ")):
        ends = [_number(low), _number(high)]
        assert ends[0] is None or ends[1] is None or ends[1] <= 10.05 * ends[0], (low, high)


def _number(text: str) -> float | None:
    for parse in (parse_duration, parse_size):
        try:
            return float(parse(text.strip().removesuffix("/s")))
        except DflyError:
            continue
    return None


def test_proposals_reach_the_upper_end_of_the_need():
    """By construction: an upper end that a proposal does not reach is not known."""
    for one in failing_report().advice:
        assert math.isinf(one.high) or one.unit == "1" or one.value >= one.high
