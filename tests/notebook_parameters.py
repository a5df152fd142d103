"""The parameters cells of the notebooks and the calls that pass them on, as the declared options make them.

``python tests/notebook_parameters.py`` writes them into the notebooks after an option has changed.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from dfly_analysis.options import AnalysisOptions, ComparisonOptions, Options, WhatIfOptions

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
PATHS = "paths = []  # logs, archives, directories and job JSON to read, paths"
OWN = {
    "before_after": (
        ComparisonOptions,
        [
            "before = []  # logs of the run before the change, paths",
            "after = []  # logs of the run after the change, paths",
        ],
        ['output_dir = "reports/notebook"  # where comparison.json and the manifest are written, path'],
    ),
    "what_if": (
        WhatIfOptions,
        [PATHS, "changes = {}  # settings to try such as download.pieceTimeout with 180s, key and value"],
        ['output_dir = "reports/notebook"  # where whatif.json and the manifest are written, path'],
    ),
    "explore": (
        AnalysisOptions,
        [PATHS],
        [
            "interactive = True  # whether to show sliders where ipywidgets is installed, yes or no",
            'output_dir = "reports/notebook"  # where report.json and the Helm values are written, path',
        ],
    ),
}
USUAL = (
    AnalysisOptions,
    [PATHS],
    ['output_dir = "reports/notebook"  # where report.json and the Helm values are written, path'],
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
    return [f"    {line.split(' ')[0]}," for line in first] + [f"    {one}={one}," for one in names]


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
