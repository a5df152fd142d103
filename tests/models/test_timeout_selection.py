"""The chosen timeout surely meets its target, costs what it costs, and moves the right way; further runs are compared."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import dfly_analysis as dfly
from dfly_analysis.errors import TableError
from dfly_analysis.models import LayerShape, choose_timeout, plan_runs, timeout_sensitivity

MIB = 2**20


def attempts(n: int = 700, limit_s: float = 6.0) -> pd.DataFrame:
    time = np.random.default_rng(7).lognormal(0.9, 0.5, n)
    return pd.DataFrame(
        {
            "size_bytes": np.full(n, 4.0 * MIB), "duration_s": np.minimum(time, limit_s), "timeout_s": limit_s,
            "outcome": np.where(time > limit_s, "timeout", "ok"), "task_id": [f"{place // 35}" for place in range(n)],
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def fit():
    return dfly.fit_duration(attempts())


@pytest.fixture(scope="module")
def layer():
    return LayerShape.of_client(300 * MIB, 8, "v1.5.1")


def test_the_chosen_timeout_is_the_shortest_that_is_safe(fit, layer):
    """It is the smallest such limit; the estimate alone would ask for less."""
    chosen = choose_timeout(fit, layer, 0.01)
    assert chosen.failure_rate.high <= 0.01
    assert chosen.estimate_s <= chosen.timeout_s
    assert choose_timeout(fit, layer, 0.01, slower=2.0).timeout_s == pytest.approx(2 * chosen.timeout_s, rel=0.01)


def test_waiting_costs_more_where_more_stall():
    """A source that stalls makes a long limit dear: the expected wait grows with the share of stalls."""
    time = np.random.default_rng(3).lognormal(0.5, 0.3, 1500)
    stalled = np.random.default_rng(4).random(1500) < 0.03
    time = np.where(stalled, time + 60.0, time)
    rows = pd.DataFrame(
        {"size_bytes": 4.0 * MIB, "duration_s": np.minimum(time, 20.0), "timeout_s": 20.0, "outcome": np.where(time > 20.0, "timeout", "ok")}
    )  # fmt: skip
    shape = LayerShape(100 * 4.0 * MIB, 4.0 * MIB, 8)
    dead, alive = (choose_timeout(dfly.fit_duration(one), shape, 0.9) for one in (rows, rows[~stalled]))
    assert dead.waited_s.value > 3 * alive.waited_s.value
    assert dead.waited_s.low <= dead.waited_s.value <= dead.waited_s.high


def test_the_answer_moves_with_what_is_asked(fit, layer):
    """A stricter target, a larger layer, half the bandwidth or more siblings at risk ask for a longer limit."""
    table = timeout_sensitivity(
        fit,
        layer,
        0.01,
        targets=(0.1, 0.001),
        sizes_bytes=(1200 * MIB,),
        speeds=(0.5,),
        slots=(32,),
        client_version="v1.5.1",
    )
    asked = table[table["changed"] == "asked"].iloc[0]
    longer = table[(table["changed"] != "asked") & (table["target_failure_rate"] <= 0.01)]
    assert len(table) == 6
    assert (longer["timeout_s"] > asked["timeout_s"]).all()
    assert float(table.loc[table["target_failure_rate"] == 0.1, "timeout_s"].iloc[0]) < asked["timeout_s"]


def test_a_target_that_is_none_is_refused(fit, layer):
    """With the place and the value."""
    with pytest.raises(TableError, match="target must be between 0 and 1 .* got a target of 0"):
        choose_timeout(fit, layer, 0.0)


def test_a_longer_timeout_narrows_more_than_repeating(fit):
    """The tail is beyond the limit: runs that see it tell most, and the plan says so in words."""
    rows = attempts()
    plan = plan_runs(rows, fit, 4 * MIB)
    repeated = min(one.width for one in plan.options if one.timeout_s == 6.0)
    raised = min(one.width for one in plan.options if one.timeout_s > 6.0)
    assert raised < repeated < plan.now.high / plan.now.low
    assert plan.best.timeout_s > 6.0
    assert "raised from 6s" in plan.how_to
    assert rows.equals(attempts())


def test_too_few_attempts_make_no_plan():
    """A reason in place of a plan."""
    few = attempts(40)
    assert isinstance(plan_runs(few, dfly.fit_duration(few), 4 * MIB), dfly.NotFitted)
