"""The registry's own time told apart from the hosts': where stretches differ, whose doing it was, and what cannot be told."""

import numpy as np
import pandas as pd
import pytest

from dfly_analysis.estimates import Interval
from dfly_analysis.findings import Diagnosis
from dfly_analysis.messages import Message
from dfly_analysis.models import fit_all, fit_duration, registry_time
from dfly_analysis.models.registry_time import NAME, RegistryFit, fit_registry
from dfly_analysis.models.slow_periods import find_slow_periods
from dfly_analysis.recommendation.recommendations import Advice
from dfly_analysis.reporting import plots
from dfly_analysis.reporting.figures import Figure
from dfly_analysis.reporting.report import Report
from tests.frames import dataset_of

MIB = 2**20
BEGIN = pd.Timestamp("2026-01-01T00:00:00Z")
TRUTH_S = float(np.exp(0.2 * 2.326))
"""The registry's 99 % quantile: a median of 1 s, and 0.2 of spread."""


def run(slowed, seed=3, tasks_a_host=4, hosts=3, pieces=60, slots=8):
    """Let hosts fetch tasks of eight slots one second a piece; `slowed(host, task, t)` seconds are added on average."""
    rng = np.random.default_rng(seed)
    rows = []
    for host in range(hosts):
        for task in range(tasks_a_host):
            free = np.full(slots, 20.0 * (task // 2) + 0.1 * rng.random())
            for number in range(pieces):
                slot = int(free.argmin())
                begin, added = free[slot], slowed(host, task, free[slot])
                lasted = np.exp(0.2 * rng.standard_normal()) + rng.exponential(added) * bool(added)
                rows.append((f"{host}-{task}", f"host-{host}", number, begin, lasted))
                free[slot] += lasted
    frame = pd.DataFrame(rows, columns=["task_id", "host", "piece_number", "begin", "duration_s"])
    frame["started"] = BEGIN + pd.to_timedelta(frame.pop("begin"), unit="s")
    return frame.assign(size_bytes=4 * MIB, outcome="ok", origin="source", timeout_s=np.nan, round=1)


def told(frame):
    return fit_registry(frame, fit_duration(frame))


@pytest.fixture(scope="module")
def slow_host():
    """The first host takes a second more a piece for its first two tasks, while the others are as quick as ever."""
    return run(lambda host, task, t: 1.0 if host == 0 and task < 2 else 0.0)


@pytest.fixture(scope="module")
def of_hosts(slow_host):
    return told(slow_host)


@pytest.fixture(scope="module")
def at_once():
    """All hosts take a second more a piece for eight seconds."""
    return told(run(lambda host, task, t: 1.0 if t < 8.0 else 0.0))


def test_alike_stretches_tell_nothing_apart():
    """Where hosts add nothing, in ten runs no stretch is called slow, and there is no second distribution."""
    frames = [run(lambda *_: 0.0, seed=seed) for seed in range(10)]
    assert [find_slow_periods(frame) for frame in frames] == [None] * 10
    assert told(frames[0]) is None


def test_a_slow_host_beside_quick_ones_is_not_the_registry(slow_host, of_hosts):
    """The registry's quantile is found within a tenth and held, while the clients' is far above; the note names the hosts."""
    found = of_hosts.quantile(4 * MIB, 0.99)
    assert of_hosts.of_hosts
    assert of_hosts.hosts == ("host-0",)
    assert found.value == pytest.approx(TRUTH_S, rel=0.1)
    assert found.low <= TRUTH_S <= found.high < of_hosts.clients.quantile(4 * MIB, 0.99).low
    assert "most of all on host-0; another host was as fast as usual" in of_hosts.notes[1]
    truly = slow_host["task_id"].isin(["0-0", "0-1"])
    slow = find_slow_periods(slow_host)
    assert truly.iloc[slow.row[slow.slow]].mean() > 0.95
    assert not truly.iloc[slow.row[slow.quick]].any()


def test_what_slows_all_hosts_at_once_may_be_the_registry(at_once):
    """The interval holds the quick reading and the clients' distribution, the value lies between."""
    made = at_once
    found, clients = made.quantile(4 * MIB, 0.99), made.clients.quantile(4 * MIB, 0.99)
    assert not made.of_hosts
    assert found.low <= TRUTH_S < found.value < clients.value
    assert found.high >= clients.high
    assert "do not show whether" in made.notes[1]


def test_a_slow_blob_proves_nothing_of_its_host():
    """One task alone is slow on its host while others are quick: it may be the blob, so nothing is proven."""
    found = find_slow_periods(
        run(lambda host, task, t: 1.0 if (host, task) == (0, 0) else 0.0, tasks_a_host=1, hosts=4, pieces=120)
    )
    assert found.slow.any()
    assert not found.excluded.any()
    assert found.proven_share == 0.0


def test_ends_that_were_noted_late_do_not_make_slow_stretches():
    """A scheduler that hung notes all ends at one moment: an order by begins would be one by durations, and find slow stretches."""
    frame = run(lambda *_: 0.0, seed=4)
    hung = frame["task_id"].str.endswith("1")
    lasted = pd.to_timedelta(frame["duration_s"], unit="s")
    frame.loc[hung, "started"] = (BEGIN + pd.Timedelta("30s")) - lasted[hung]
    assert find_slow_periods(frame) is None


def test_what_a_full_disk_ends_is_not_slow():
    """A write that fails ends as late as the piece would have: whole stretches of those are no slow ones."""
    frame = run(lambda *_: 0.0, seed=6)
    assert (
        find_slow_periods(frame.assign(outcome=np.where(frame["task_id"].isin(["0-1", "1-1"]), "storage", "ok")))
        is None
    )


def test_frames_that_do_not_tell_when_are_left_alone(slow_host):
    """Without begins, hosts or enough rows there is no answer; the frame is not changed."""
    before = slow_host.copy()
    assert find_slow_periods(slow_host.drop(columns="started")) is None
    assert find_slow_periods(slow_host.assign(started=pd.NaT)) is None
    assert find_slow_periods(slow_host.iloc[:50]) is None
    find_slow_periods(slow_host)
    pd.testing.assert_frame_equal(slow_host, before)


def test_fit_all_has_both_models(slow_host, of_hosts):
    """The clients' distribution stays what it was, and the registry's stands beside it, with quantiles for the JSON."""
    made = fit_all(dataset_of(pieces=slow_host))
    assert isinstance(made[NAME], RegistryFit)
    assert made[NAME].quantile(4 * MIB, 0.99) == of_hosts.quantile(4 * MIB, 0.99)
    assert made["piece_from_source"].quantile(4 * MIB, 0.99) == of_hosts.clients.quantile(4 * MIB, 0.99)
    row = next(row for row in made[NAME].common_quantiles() if row["p"] == 0.99)
    assert row["value_s"] == of_hosts.quantile(4 * MIB, 0.99).value


def test_the_caption_of_the_durations_says_it(of_hosts, monkeypatch):
    """Below the picture of durations stands what the registry itself takes, and who was slow; the picture is not drawn here."""
    monkeypatch.setattr(plots, "draw_durations", lambda *_: Figure(b"", "", "Green: the fit."))
    monkeypatch.setattr(Report, "prediction", None)
    fits = {"piece_from_source": of_hosts.clients, NAME: of_hosts}
    drawn = Report(None, Diagnosis([]), fits, Advice()).draw("durations")
    assert drawn.caption == f"Green: the fit. {of_hosts.notes[0]}. {of_hosts.notes[1]}."


def test_notes_are_messages(of_hosts, at_once):
    """The page can translate them."""
    assert all(isinstance(note, Message) for note in (*of_hosts.notes, *at_once.notes))


def test_ends_far_apart_are_not_printed_as_a_range(of_hosts, monkeypatch):
    """Ends more than a factor of ten apart say only what is known."""
    wide = Interval(81.6, 8.83, 68_000.0)
    monkeypatch.setattr(registry_time.RegistryFit, "quantile", lambda *_: wide)
    note = registry_time._notes(of_hosts)[0]
    assert note == "how long 99 % of pieces of 4 MiB take the registry itself: not known yet: at least 8.83 s"
