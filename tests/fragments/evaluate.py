"""Measures what share of pasted lines is recognised, by shape; writes docs/evaluation/fragments.md.

python -m tests.fragments.evaluate [--every N]
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import yaml

import dfly_analysis as dfly
from dfly_analysis.readers.fragments import read_fragments
from tests.fragments.shapes import SHAPES

_HERE = Path(__file__).parent
PAGE = _HERE.parents[1] / "docs" / "evaluation" / "fragments.md"


class Line(NamedTuple):
    """A decisive line: which finding it must give (one of several), and which causes it may have."""

    era: str
    finding: str
    causes: tuple[str, ...]
    line: str

    @property
    def findings(self) -> set[str]:
        return set(self.finding.split("|"))


def lines() -> list[Line]:
    """Return the lines of the corpus."""
    entries = [
        entry
        for name in ("lines.yaml", "neighbours.yaml")
        for entry in yaml.safe_load((_HERE / name).read_text("utf-8"))
    ]
    return [Line(**{**entry, "causes": tuple(entry["causes"])}) for entry in entries]


def is_recognised(line: Line, text: str) -> bool:
    """Return whether the reader of fragments finds the line's failure in a paste."""
    shown = {one.id for fragment in read_fragments(text) for one in fragment.signatures}
    return bool(shown & line.findings)


def judge(line: Line, text: str, folder: Path) -> tuple[bool, bool]:
    """Return whether a diagnosis of a paste has the right finding, and the right cause or set of alternatives."""
    path = folder / "paste.txt"
    path.write_text(text, "utf-8")
    try:
        found = dfly.diagnose(dfly.load(path))
    except dfly.DflyError:
        return False, False
    has_finding = bool({one.id for one in found.present()} & line.findings)
    if found.primary_cause not in (None, "unknown"):
        return has_finding, found.primary_cause in line.causes
    possible = {one.cause for one in found.alternatives}
    return has_finding, set(line.causes) - {"unknown"} <= possible or (not possible and "unknown" in line.causes)


def main() -> None:
    """Read every line in every shape, diagnose some of them, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="diagnose only every Nth paste")
    every = parser.parse_args().every
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    place = 0
    with TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            for line in lines():
                place += 1
                text = shape(line.line)
                counts[name][0] += 1
                counts[name][1] += is_recognised(line, text)
                if place % every == 0:
                    counts[name][2] += 1
                    counts[name][3] += judge(line, text, Path(folder))[1]
    total = [sum(row[column] for row in counts.values()) for column in range(4)]
    rows = [
        f"| {name} | {n} | {100 * found / n:.0f} % | {judged} | {100 * right / max(judged, 1):.0f} % |"
        for name, (n, found, judged, right) in [*counts.items(), ("**all**", total)]
    ]
    text = [
        "# Pasted lines that are recognised",
        "",
        f"Each of {len(lines())} decisive lines (of real runs from client v0.1.118 to v1.5.10, of the Go releases, and of kubelet, container runtimes, Harbor,",
        "registries and their proxies) was brought into each shape in which people paste it. *Recognised* is the share in which the right failure is found;",
        "*cause* is the share of the diagnosed pastes with the right cause, or the right alternatives where the line alone does not tell.",
        "Lines and shapes were written together with the reader, so this is no independent test.",
        f"Written by `python -m tests.fragments.evaluate{f' --every {every}' if every > 1 else ''}`.",
        "",
        "| shape | pastes | recognised | diagnosed | cause |",
        "|---|---|---|---|---|",
        *rows,
    ]
    PAGE.write_text("\n".join([*text, ""]), "utf-8")


if __name__ == "__main__":
    main()
