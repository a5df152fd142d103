"""Tries every pattern with many pumps: `python -m tests.patterns [TRIES]`; prints those that are not linear."""

from __future__ import annotations

import sys

from tests.patterns.backtracking import Steps
from tests.patterns.collected import all_patterns
from tests.patterns.pumps import GROWTH, RECURSION, worst_growth

if __name__ == "__main__":
    sys.setrecursionlimit(RECURSION)
    tries = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    is_linear = True
    for used in all_patterns():
        growth = worst_growth(Steps(used.pattern), anchored=used.anchored, tries=tries)
        if growth and growth.ratio > GROWTH:
            is_linear = False
            print(
                f"{used.name}: {growth.ratio:.1f} times the steps for twice the text: {growth.before!r} + {growth.pump!r} * N + {growth.after!r}"
            )
    sys.exit(not is_linear)
