"""The parameters cells of the notebooks and the calls that pass them on, as the declared options make them.

``python tests/notebook_parameters.py`` writes them into the notebooks after an option has changed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from dfly_analysis.options import AnalysisOptions, ComparisonOptions, Options

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PATHS = "paths = []  # logs, archives, directories and job JSON to read (none: the packaged sample), paths"
OUTPUT = 'output_dir = "reports/notebook"  # where {} are written, path'
OWN = {
    "before_after": (
        ComparisonOptions,
        [
            "before = []  # logs of the run before the change (none: the packaged sample), paths",
            "after = []  # logs of the run after the change (none: the packaged sample), paths",
        ],
        [OUTPUT.format("comparison.json and the manifest")],
    ),
    "capacity_planning": (
        AnalysisOptions,
        [PATHS],
        [
            'changes = {"download.pieceTimeout": "60s"}  # settings to try, key and value',
            "bandwidth = None  # capacity of the link that concurrent pieces share such as 50MB/s (default: as fitted), rate",
            OUTPUT.format("report.json and the Helm values"),
        ],
    ),
    "explore": (
        AnalysisOptions,
        [PATHS],
        [
            "interactive = True  # whether to show sliders where ipywidgets is installed, yes or no",
            OUTPUT.format("report.json and the Helm values"),
        ],
    ),
}
SAMPLES = {"paths": "dfly.sample()", "before": 'dfly.sample("twenty-before")', "after": 'dfly.sample("twenty-after")'}
"""What a notebook reads where no path is given."""
USUAL = (
    AnalysisOptions,
    [PATHS],
    [OUTPUT.format("report.json and the Helm values")],
)


def parameter_lines(options: type[Options]) -> list[str]:
    """Return a line for each option: name, default, meaning, unit."""
    return [
        f"{one.name} = {json.dumps(one.default) if isinstance(one.default, str) else one.default}"
        f"  # {_meaning(one.help)}, {one.flag.unit}"
        for one in options.declarations()
        if one.flag.shown
    ]


def _meaning(text: str) -> str:
    whole = re.sub(r"\.(?:  \[(default: .*)\])?$", lambda end: f" ({end[1]})" if end[1] else "", text)
    return whole if whole.startswith(("Helm", "Manager")) else whole[0].lower() + whole[1:]


def parameters_cell(name: str) -> str:
    """Return the text of a notebook's parameters cell."""
    options, first, last = OWN.get(name, USUAL)
    return "\n".join([*first, *parameter_lines(options), *last])


def call_arguments(name: str) -> list[str]:
    """Return the lines of a notebook's call, between its brackets."""
    options, first, _ = OWN.get(name, USUAL)
    names = [one.name for one in options.declarations() if one.flag.shown]
    inputs = [line.split(" ")[0] for line in first]
    return [f"    {one} or {SAMPLES[one]}," for one in inputs] + [f"    {one}={one}," for one in names]


def with_declared_options(name: str, text: str) -> str:
    """Return a notebook's text with the parameters cell and the call that the declared options make."""
    notebook = json.loads(text)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code[0]["source"] = parameters_cell(name).splitlines(keepends=True)
    call = re.sub(
        r"\(\n.*?\n\)",
        lambda _: "\n".join(["(", *call_arguments(name), ")"]),
        "".join(code[1]["source"]),
        count=1,
        flags=re.DOTALL,
    )
    code[1]["source"] = call.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        path.write_text(with_declared_options(path.stem, path.read_text("utf-8")), "utf-8")
