"""The scripts of reconstruction."""

import re
from pathlib import Path

import pytest

from dfly_analysis.reconstruction import sql_scripts

SCRIPTS = sorted(path.stem for path in Path(sql_scripts.__file__).with_name("sql").glob("*.sql"))


def test_every_script_is_used():
    """A script that no module names is not left over."""
    folder = Path(sql_scripts.__file__).parent
    code = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    assert [name for name in SCRIPTS if f'sql("{name}"' not in code] == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_constants_become_lists_and_numbers(name):
    """No placeholder is left where the values that a caller gives are there."""
    given = dict.fromkeys(
        (
            "AT_TIMEOUT",
            "READ_EVENTS",
            "RECORDS_AT_A_TIME",
            "LATE_S",
            "VERDICTS",
            "FAILED_VERDICTS",
            "STEP",
            "STEPS",
            "SECOND_ROUND",
        ),
        1,
    )
    text = sql_scripts.sql(name, **given)
    assert not re.search(r"\$[A-Z]", text)
    if "$ENDS" in sql_scripts.read_script(name):
        assert "('piece_finished', 'piece_report_closed')" in text
