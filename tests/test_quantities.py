"""What is not known is not printed as a figure; everything else has three significant digits."""

import re

from hypothesis import given
from hypothesis import strategies as st

from dfly_analysis.estimates import FACTOR, Interval
from dfly_analysis.quantities import figure, interval_text, known_value, range_text

NUMBERS = st.floats(1e-4, 1e7)


def interval(values) -> Interval:
    low, value, high = sorted(values)
    return Interval(value, low, high)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), st.sampled_from(["s", "bytes", "B/s"]))
def test_a_figure_shows_only_with_a_narrow_interval(values, unit):
    """A quantity whose ends are more than a factor of ten apart is not known yet, and its lower end is all that is said."""
    found = interval(values)
    text = str(interval_text(found, unit))
    if found.high > FACTOR * found.low and figure(found.low, unit) != figure(found.high, unit):
        assert text == f"not known yet: at least {figure(found.low, unit)}"
        assert known_value(found, unit) == "not known yet"
    else:
        assert "not known" not in text


@given(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)))
def test_a_share_of_which_all_is_possible_is_no_figure(values):
    """From 0 to 100 % says nothing; an upper end is said alone where the rest is far below it."""
    found = interval(values)
    text = str(interval_text(found, "share"))
    if found.high - found.low >= 0.9:
        assert text == "not known yet"
    elif found.value > 0.0 and found.high > FACTOR * found.value and found.high >= 1e-5:
        assert text == f"at most {figure(found.high, 'share')}"


@given(NUMBERS, st.sampled_from(["s", "B/s", "1"]))
def test_figures_have_three_significant_digits(value, unit):
    """Of no measured number are more digits printed than it has."""
    for number in re.findall(r"\d+\.\d+", str(figure(value, unit))):
        assert len(number.replace(".", "").lstrip("0")) <= 3


def test_the_faults_of_the_first_edition_are_gone():
    """Ranges over orders of magnitude, days from minutes, and parts of a millisecond."""
    assert range_text(4.57, 91.5, "s") == "not known yet: at least 4.57 s"
    assert range_text(0.0, 1.0, "share") == "not known yet"
    assert interval_text(Interval(0.00032, 0.00000155, 0.0659), "s") == "not known yet: at least 1.55 µs"
    assert interval_text(Interval(720.0, 300.0, 86400.0 * 30), "s") == "not known yet: at least 5 min"
    assert interval_text(Interval(5e-6, 0.0, 0.0347), "share") == "at most 3.47 %"
    assert interval_text(Interval(0.37, 0.30, 0.45), "share") == "37 % (30 % to 45 %)"


def test_what_was_never_seen_has_no_upper_end():
    """Beyond ten times the longest time seen only the lower end is stated."""
    assert Interval(40.0, 20.0, 90.0).up_to(5.0).high == float("inf")
    assert Interval(40.0, 20.0, 45.0).up_to(5.0) == Interval(40.0, 20.0, 45.0)
    assert Interval(80.0, 70.0, 90.0).up_to(5.0).low == 50.0
