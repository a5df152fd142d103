"""What reports take: of a large log, and of a batch of twenty."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.big_log import write_client_log
from tests.bench.measure import ROOT, Command, Figure, run

OURS = str(Path(sys.executable).with_name("dfly-analysis"))
SAMPLES = {
    "article-v0.1.118": "v0.1.118",
    "slow-v1.5.1": "v1.5.1",
    "twenty-after": "v1.0.26",
    "twenty-before": "v1.0.26",
}
TARGETS = ("0.01", "0.005", "0.002", "0.001", "0.0005")
AT_A_TIME = 2


def measure_reports(size_bytes: int, name: str, work: Path, repeats: int) -> Iterator[dict[str, object]]:
    """Yield a row for the report of a client's log of a size, for a batch of twenty, and for each report of that batch."""
    log = work / "dfdaemon.log"
    write_client_log(log, size_bytes)
    yield _row(Command(f"`dfly-analysis report` on {name}", (OURS, "report", str(log), "-o", "{out}")), work, repeats)
    log.unlink()
    matrix = work / "twenty.yaml"
    matrix.write_text(twenty(), "utf-8")
    batch = (OURS, "batch", str(matrix), "-j", str(AT_A_TIME), "-o", "{out}")
    row = _row(Command(f"`dfly-analysis batch` of twenty samples, {AT_A_TIME} at a time", batch), work, repeats)
    yield row
    each = {key: round(float(str(row[key])) / 20, 3) for key in ("median_s", "fastest_s", "slowest_s") if key in row}
    yield {**row, "name": "a batch of twenty by `dfly-analysis batch`, each", **each}


def twenty() -> str:
    """Return the file of a batch: each committed sample, asked five times with targets of its own."""
    lines = ["reports:"]
    for sample, client in SAMPLES.items():
        path = ROOT / "data" / "samples" / f"{sample}.tar.gz"
        lines += [
            f"  - {{name: {sample}-{place}, paths: ['{path}'], client: {client}, target_failure_rate: {target}}}"
            for place, target in enumerate(TARGETS)
        ]
    return "\n".join(lines) + "\n"


def _row(command: Command, work: Path, repeats: int) -> dict[str, object]:
    figure = Figure(command.name)
    while not figure.failure and len(figure.runs) < repeats:
        figure.runs.append(run(command, work))
    return figure.record()
