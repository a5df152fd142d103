"""How many modules one log line passes."""

from __future__ import annotations

import sys
import threading
from types import FrameType

from reading_cases import line

from dfly_analysis.dataset import load

ROOMS = ("io", "readers", "dataset", "native", "catalog", "redaction")
OF_THE_RUN = {
    "dfly_analysis.dataset.assemble", "dfly_analysis.dataset.completeness",
    "dfly_analysis.catalog.piece_length_rules", "dfly_analysis.dataset.clock_offsets", "dfly_analysis.dataset.run_separation",
    "dfly_analysis.readers.pods",
}  # fmt: skip
"""Settings, versions, clocks, a Prometheus server: what concerns the run and no line of a log."""
MOST_MODULES = 25


def test_a_log_line_passes_at_most_25_modules(tmp_path):
    """From the file to the table of events; what is loaded once (catalogue, native library) is loaded before."""
    paths = [tmp_path / name for name in ("first.log", "second.log")]
    for path in paths:  # of different words, for causes of words are remembered
        text = line(1, f"download failed: error decoding response body of {path.stem}", level="ERROR")
        path.write_text(text + "\n", "utf-8")
    load(paths[0])
    passed: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        name = str(frame.f_globals.get("__name__"))
        if event == "call" and name.startswith(tuple(f"dfly_analysis.{room}" for room in ROOMS)):
            passed.add(name)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        events = load(paths[1]).events
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert events["event_id"].tolist() == ["task_failed"]
    assert {"dfly_analysis.io.open_inputs", "dfly_analysis.readers.logs.parse_block"} <= passed
    assert len(passed - OF_THE_RUN) <= MOST_MODULES, sorted(passed - OF_THE_RUN)
