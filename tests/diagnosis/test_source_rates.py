"""Whether requests to the registry share a link: the slope of their rates over the requests in flight."""

import numpy as np
import pytest
from conftest import examples
from diagnosis_cases import dataset_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dfly_analysis.diagnosis import source_rates
from dfly_analysis.diagnosis.source_rates import share_a_link
from tests.reconstruction.test_task_time import piece

_SPANS = st.tuples(st.integers(0, 30), st.integers(1, 20)).map(lambda span: (span[0], span[0] + span[1]))


def requests(spans):
    return [piece(number, *span, host=host, size_bytes=1_000_000) for number, (host, span) in enumerate(spans)]


@settings(max_examples=examples(40))
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), _SPANS), min_size=3, max_size=12))
def test_slope_is_that_over_the_mean_in_flight(spans):
    """Counted directly: the overlap of all requests of a host with each, over its duration."""
    mean = [
        sum(max(0, min(end, other[1]) - max(begin, other[0])) for name, other in spans if name == host) / (end - begin)
        for host, (begin, end) in spans
    ]
    assume(np.ptp(mean) > 0.1)
    rates = [1e6 / (end - begin) for _, (begin, end) in spans]
    expected = np.polyfit(np.log(mean), np.log(rates), 1)[0]
    assert source_rates._slope(dataset_of(pieces=requests(spans)), "host") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("sample", [20_000, 5])
def test_requests_that_slow_each_other_share_a_link(monkeypatch, sample):
    """On each of two hosts one request alone, then four at a time: a quarter of the rate each, or the same rate."""
    monkeypatch.setattr(source_rates, "_SAMPLE", sample)
    spans = [(host, (40 * turn, 40 * turn + 10)) for host in "ab" for turn in range(4)]
    spans += [(host, (200 + 40 * turn, 240 + 40 * turn)) for host in "ab" for turn in range(4) for _ in range(4)]
    assert share_a_link(dataset_of(pieces=requests(spans)))
    same = [(host, (begin, begin + 10)) for host, (begin, _) in spans]
    assert not share_a_link(dataset_of(pieces=requests(same)))
