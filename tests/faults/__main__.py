"""Runs the fault matrix: `python -m tests.faults [PART OF A NAME…]`; whole, it writes docs/explanation/faults.md."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.faults.cases import CASES, ROOT, problems, run

PAGE = ROOT / "docs" / "explanation" / "faults.md"
HEAD = """# What happens when something fails

Every command is run under faults of its machine, its files, its servers and its user (`make faults`). Each run ends within its time limit,
says what happened in one line, leaves nothing half written and nothing in temporary folders, and has a documented exit code.

| command | fault | it ends with | exit code |
|---|---|---|---|
"""


def table() -> str:
    """Return the page of all cases."""
    rows = [
        f"| `{one.arguments[0]}` | {one.fault} | {one.ending} | {' or '.join('killed' if code < 0 else str(code) for code in one.codes)} |"
        for one in CASES
    ]
    return HEAD + "\n".join([*rows, ""])


def main() -> int:
    """Run the cases whose name holds one of the words, or all."""
    failed = 0
    for case in CASES:
        if sys.argv[1:] and not any(word in case.name for word in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
            found = problems(case, run(case, Path(folder)))
        failed += bool(found)
        print("\n       ".join([f"{'failed' if found else 'ok':6} {case.name}", *found]), flush=True)
    if not sys.argv[1:]:
        PAGE.write_text(table(), "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
