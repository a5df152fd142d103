"""Reads what ``coverage json`` wrote and fails where a room that has to be right has too few of its branches run."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

REQUIRED = 0.90
GATED = ("reconstruction", "diagnosis", "models", "recommendation", "config")


def main() -> int:
    """Print each room's share of branches that ran, and return 1 where a gated one has less than `REQUIRED`."""
    covered: Counter[str] = Counter()
    branches: Counter[str] = Counter()
    for path, file in json.loads(Path(sys.argv[1]).read_text("utf-8"))["files"].items():
        room = Path(path).parts[1].removesuffix(".py")
        covered[room] += file["summary"]["covered_branches"]
        branches[room] += file["summary"]["num_branches"]
    low = []
    for room in (room for room in sorted(branches) if branches[room]):
        share = covered[room] / branches[room]
        low += [room] if room in GATED and share < REQUIRED else []
        print(f"{room:15} {share:6.1%} of {branches[room]:5} branches{' (gated)' if room in GATED else ''}")
    if low:
        print(f"below {REQUIRED:.0%}: {', '.join(low)}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
