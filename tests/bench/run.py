"""Measures the program as a user meets it, each time as a whole process, and writes docs/bench.md.

    python -m tests.bench.run [commands] [fleets] [reports] [reading] [scaling] [models] [--size 1GiB] [--work DIR]

Figures are kept in docs/bench.json, from which the page is rendered: an area that is not named keeps the figures it has.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dfly_analysis.units import format_size, parse_size
from tests.bench.fleets import COPIES, measure_fleets
from tests.bench.measure import ROOT, Command, Figure, end_when_told, run
from tests.bench.models import FAMILIES, FITS, PEER_FITS, measure_laws, measure_models
from tests.bench.page import PLOT, draw, page
from tests.bench.reading import GROUPS, OURS, measure_reading
from tests.bench.reports import measure_reports
from tests.bench.scaling import SIZES, measure_scaling

DOCS = ROOT / "docs"
AREAS = ("commands", "fleets", "reports", "reading", "scaling", "models")
READING_BYTES = 1 << 30
SAMPLE = "data/samples/article-v0.1.118.tar.gz"
COMMANDS = (
    (Command("python alone", (sys.executable, "-c", "pass")), 5),
    (Command("`import dfly_analysis`, python included", (sys.executable, "-c", "import dfly_analysis")), 5),
    (Command("`dfly-analysis --version`", (OURS, "--version")), 5),
    (Command("`dfly-analysis diagnose` on the sample", (OURS, "diagnose", SAMPLE, "--client", "v0.1.118")), 5),
    (
        Command("`dfly-analysis report` on the sample", (OURS, "report", SAMPLE, "--client", "v0.1.118", "-o", "{out}")),
        3,
    ),
)  # fmt: skip

Record = dict[str, Any]


def measure_commands() -> list[Record]:
    """Run each command once to warm the caches, then as often as asked; stop at its first failure."""
    rows = []
    for command, repeats in COMMANDS:
        warm = run(command)
        figure = Figure(command.name, [warm] if warm.failure else [])
        while not figure.failure and len(figure.runs) < repeats:
            figure.runs.append(run(command))
        rows.append(figure.record())
    return rows


def measure(given: argparse.Namespace, figures: Record, stamp: Record) -> None:
    """Measure the areas asked for, into the figures there are; each part is stored as soon as it is there."""
    with tempfile.TemporaryDirectory(prefix="dfly-bench-", dir=given.work) as folder:
        work = Path(folder).resolve()
        if "commands" in given.areas:
            figures["commands"] = {**stamp, "rows": measure_commands()}
            store(given, figures)
        if "fleets" in given.areas:
            fleets: list[Record] = []
            for row in measure_fleets(work, given.repeats, given.copies):
                fleets.append(row)
                figures["fleets"] = {**stamp, "rows": fleets}
                store(given, figures)
        if "reports" in given.areas:
            size_bytes = given.size or READING_BYTES
            rows: list[Record] = []
            for row in measure_reports(size_bytes, f"a client's log of {format_size(size_bytes)}", work, given.repeats):
                rows.append(row)
                figures["reports"] = {**stamp, "rows": rows}
                store(given, figures)
        if "reading" in given.areas:
            size_bytes = given.size or READING_BYTES
            for group in measure_reading(size_bytes, work, given.repeats, frozenset(given.only)):
                figures.setdefault("reading", {})[group["name"]] = {**stamp, **group}
                store(given, figures)
        if "scaling" in given.areas:
            for row in measure_scaling(given.size or SIZES[-1], work, given.repeats):
                kept = {(old["size_bytes"], old["name"]): old for old in figures.get("scaling", [])}
                kept[row["size_bytes"], row["name"]] = {**stamp, **row}
                figures["scaling"] = [kept[key] for key in sorted(kept)]
                store(given, figures)
        if "models" in given.areas:
            known = figures.get("models")
            if given.models:
                measured = measure_laws(given.models, given.fits, figures["models"])
            else:
                measured = measure_models(work, given.fits, given.minutes, given.peer_fits, known)
            for area in measured:
                figures["models"] = {**stamp, **area}
                store(given, figures)


def store(given: argparse.Namespace, figures: Record) -> None:
    """Write the figures, the plot and the page."""
    if "reading" in figures:
        figures["reading"] = {
            group.name: figures["reading"][group.name] for group in GROUPS if group.name in figures["reading"]
        }
    given.docs.mkdir(parents=True, exist_ok=True)
    (given.docs / "bench.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if "scaling" in figures:
        draw(figures["scaling"], given.docs / PLOT)
    (given.docs / "bench.md").write_text(page(figures), "utf-8")


def machine() -> str:
    """Name what the figures belong to."""
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors"


def main() -> int:
    """Measure, write the page, and fail where a command of ours did not run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"{', '.join(AREAS)}; all where none is named")
    parser.add_argument(
        "--size", type=parse_size, help="of the client log that is read, and the largest that scaling tries"
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each way of reading")
    parser.add_argument("--copies", type=int, nargs="*", default=COPIES, help="of a run in the fleets")
    parser.add_argument("--only", nargs="*", default=(), metavar="GROUP", help="groups of the area reading")
    parser.add_argument("--fits", type=int, default=FITS, help="samples of each law in the area models, at most")
    parser.add_argument(
        "--peer-fits",
        type=int,
        default=PEER_FITS,
        help="samples of each law for the peers; 0 keeps the figures they have",
    )
    parser.add_argument(
        "--models",
        nargs="*",
        default=(),
        choices=FAMILIES,
        metavar="DISTRIBUTION",
        help="only these, in the area models",
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), help="for the samples of the area models")
    parser.add_argument(
        "--work", type=Path, help="folder for the big files; the system's temporary folder if not named"
    )
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of bench.json and bench.md")
    given = parser.parse_args()
    end_when_told()
    given.areas = given.areas or AREAS
    if unknown := set(given.areas) - set(AREAS):
        parser.error(f"no such area: {', '.join(sorted(unknown))}; there are {', '.join(AREAS)}")
    kept = given.docs / "bench.json"
    figures: Record = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    measure(given, figures, {"date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()})
    print(page(figures))
    return 1 if failed({area: figures.get(area) for area in given.areas}) else 0


def failed(figures: Record) -> bool:
    """Say whether one of our own commands did not run, in the areas measured now."""
    groups = [figures.get("commands") or {}, figures.get("reports") or {}, *(figures.get("reading") or {}).values()]
    rows = [row for group in groups for row in group.get("rows", ())] + (figures.get("scaling") or [])
    return any("failure" in row and "dfly" in row["name"] for row in rows)


if __name__ == "__main__":
    sys.exit(main())
