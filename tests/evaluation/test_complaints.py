"""Complaints planted in generated runs are answered; a healthy run of each era gets none of these findings."""

import pytest

from tests.evaluation.complaints import found_in
from tests.synthetic import CASES, CLIENTS, COMPLAINTS


@pytest.mark.parametrize("name", ["corrupt", "stale-scheduler", "slow-disk", "storm"])
def test_planted_complaint_is_answered(name):
    finding, case = COMPLAINTS[name]
    assert finding in found_in(case, "v1.5.1", 3)


@pytest.mark.parametrize("client", CLIENTS)
def test_healthy_run_gets_no_such_finding(client):
    assert found_in(CASES["healthy"], client, 3) == set()
