"""The evaluation of statements in small: none of a generated run is contradicted or unsupported, and the judge is not blind."""

from dataclasses import asdict

import pytest

from tests.evaluation.statements import judge, render, report_of
from tests.synthetic import CASES, write_run


@pytest.fixture(scope="module")
def judged_run(tmp_path_factory):
    """Return report and truth of a run whose registry goes down: its layers fail, and no piece shows it."""
    folder = tmp_path_factory.mktemp("run")
    truth = asdict(
        write_run(folder, case=CASES["registry-503"], client="v0.1.118", seed=3, images=4, layers_per_image=4)
    )
    return report_of(folder / "run", truth), truth


def test_no_statement_is_contradicted_or_unsupported(judged_run):
    """Each statement of the report agrees with the truth, or rests on something that is there."""
    judged = judge("run", *judged_run)
    assert [one for one in judged if one.verdict in {"contradicted", "unsupported"}] == []
    assert sum(one.verdict == "agrees" for one in judged) >= 8
    assert "No statement is contradicted or unsupported." in render(judged, "x")


@pytest.mark.parametrize(
    ("name", "change", "verdict"),
    [
        ("tasks.failed", {"value": 3.0}, "contradicted"),
        ("primary_cause", {"value": "disk_full"}, "contradicted"),
        ("tasks.total", {"support": []}, "unsupported"),
        ("primary_cause", {"support": [{"source": "finding", "name": "disk_full", "n": 3, "lines": []}]}, "unsupported"),
        ("layers.failure_rate", {"low": 0.0, "high": 1.0}, "unsupported"),
    ],
)  # fmt: skip
def test_the_judge_notices_what_is_wrong(judged_run, name, change, verdict):
    """A count that is off, a cause that nobody planted, support that is missing, and a share of which all is possible."""
    report, truth = judged_run
    turned = {**report, "statements": [{**one, **change} if one["id"] == name else one for one in report["statements"]]}
    assert [one.verdict for one in judge("run", turned, truth) if one.statement == name] == [verdict]
