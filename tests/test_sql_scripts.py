"""Scripts in SQL."""

import re
from pathlib import Path

import pytest

from dfly_analysis import sql_scripts
from dfly_analysis.reconstruction import event_records

PACKAGE = Path(sql_scripts.__file__).parent
SCRIPTS = sorted((path.parts[-3], path.stem) for path in PACKAGE.glob("*/sql/*.sql"))
OF_RECONSTRUCTION = [name for package, name in SCRIPTS if package == "reconstruction"]
GIVEN = (
    "AT_TIMEOUT", "READ_EVENTS", "RECORDS_AT_A_TIME", "LATE_S", "STEP", "STEPS", "SECOND_ROUND",
)  # fmt: skip


def test_every_script_is_used():
    """No script is left over that no module names."""
    code = {
        package: "".join(path.read_text("utf-8") for path in (PACKAGE / package).rglob("*.py"))
        for package, _ in SCRIPTS
    }
    assert [
        name for package, name in SCRIPTS if not re.search(rf'sql\((?:"{package}", )?"{name}"', code[package])
    ] == []


@pytest.mark.parametrize("name", OF_RECONSTRUCTION)
def test_constants_become_lists_and_numbers(name):
    """No placeholder is left where the values that a caller gives are there."""
    text = event_records.sql(name, **dict.fromkeys(GIVEN, 1))
    assert not re.search(r"\$[A-Z]", text)
    if "$ENDS" in sql_scripts.read_script("reconstruction", name):
        assert "('piece_finished', 'piece_report_closed')" in text
