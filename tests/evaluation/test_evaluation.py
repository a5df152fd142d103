"""The evaluation in small: planted causes are found, and public reports are judged as their maintainers judged them."""

import pandas as pd
import pytest

from tests.evaluation import advice, diagnosis, judging, practice, real_law, runs
from tests.synthetic import VARIANTS

SMALL = [
    *(runs.Planned(VARIANTS[name], "v1.5.1", 2) for name in ("bad-host", "oom", "unused", "nanoseconds", "false-failure", "throttled")),
    *(runs.Planned(case, client, 1) for case, client in zip(runs.MIXTURES, ("v0.1.118", "v1.5.1", "v1.0.26", "v0.1.118", "v1.5.1", "v1.0.26"), strict=True)),
    runs.Planned(VARIANTS["healthy-pods"], "v1.0.26", 1, shape="cri", noise="harmless lines"),
    runs.Planned(VARIANTS["wrong-key"], "v0.1.118", 1, shape="gzip", noise="no jobs"),
]  # fmt: skip


@pytest.fixture(scope="module")
def summary():
    """Return what became of the small runs."""
    return judging.Summary.of(SMALL)


def test_planted_causes_are_found(summary):
    """The primary cause is right, tasks are counted exactly, shares are within 0.05, and what is planted beside is named."""
    assert [(run.planned.case.name, why) for run, why in summary.wrong()] == []


def test_high_confidence_is_right_at_least_as_often_as_medium(summary):
    """Of the tasks with a cause of high confidence nearly all have the planted one."""
    right = {sure: good / n for sure, (n, good) in summary.calibration().items()}
    assert right["high"] > 0.95
    assert right["high"] >= right.get("medium", 0.0) - 0.05


def test_the_page_shows_what_was_measured(summary):
    """Each planted cause is a row of the confusion table, and each count of it is there."""
    text = diagnosis.render(summary, 1)
    for (planted, _), count in summary.confusion().items():
        assert any(line.startswith(f"| {planted} |") and f" {count} |" in line for line in text.splitlines())


def test_the_measure_notices_what_is_wrong(summary):
    """It is not blind: another primary cause, a task too many and a finding missed are each told."""
    one = next(run for run in summary.runs if run.planned.case.name == "bad-host")
    other = type(one)(
        **{
            **vars(one),
            "primary": (one.primary[0], "auth"),
            "said": one.said + type(one.said)(["auth"]),
            "present": frozenset(),
        }
    )
    told = [why for _, why in judging.Summary([other]).wrong()]
    assert len(told) >= 3
    assert any("host_outlier" in why for why in told)


@pytest.mark.parametrize(
    "planned",
    [
        advice.Planned("slower registry", "v1.5.1", "to 95 MB", "8 in flight", 1),
        advice.Planned("write limit", "v1.0.26", "to 315 MB", "4 in flight", 1),
    ],
    ids=lambda planned: planned.cause,
)
def test_advice_is_followed_to_a_run_that_works(planned):
    """What the overlay sets meets the target in the simulator and in the world, and the comparison says that it helped."""
    found = advice.judge(planned, truth_runs=4)
    assert found.failed > 0
    assert found.set
    assert found.met
    assert found.really_met
    assert found.verdict == "helped"


def test_public_reports_are_judged_as_their_maintainers_did():
    """Each difference is explained, and the page says what every fourth gives."""
    rows = list(practice.rows(every=4))
    assert len(rows) >= 10
    assert [row.issue for row in rows if not row.agrees and not row.why] == []
    page = practice.PAGE.read_text("utf-8").splitlines()
    assert [row.issue for row in rows if practice.line_of(row) not in page] == []


def test_what_a_registry_took_for_a_piece(tmp_path):
    """Seconds count for what was sent, rate and stall for what was cut; requests for less than a piece do not."""
    path = tmp_path / "run.served.csv.gz"
    piece = 4 << 20
    pd.DataFrame([
        {"start": 0, "stop": 1, "how": "sent", "seconds": 0.1, "rate_bps": 1.0, "stalled_s": None},
        {"start": 0, "stop": piece, "how": "sent", "seconds": 2.5, "rate_bps": piece / 2, "stalled_s": None},
        {"start": piece, "stop": 2 * piece, "how": "sent", "seconds": 1.9, "rate_bps": piece / 2, "stalled_s": None},
        {"start": 0, "stop": piece, "how": "cut at the limit", "seconds": 6.0, "rate_bps": piece / 2, "stalled_s": 12.0},
    ]).to_csv(path, index=False)  # fmt: skip
    length, took = real_law.origin_times(path)
    assert length == piece
    assert took.tolist() == [2.5, 2.0, 14.0]
