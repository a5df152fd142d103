"""Writes small notebooks for tests that run them."""

from __future__ import annotations

import json
from pathlib import Path

PARAMETERS = """\
paths = []  # files to read, paths
size = None  # layer to advise for, size
rate = 0.001  # share that may fail, share
count = 3  # how often, repeats
keep = True  # whether to keep them, yes or no
output_dir = "out"  # where to write, path
"""


def cell(kind, source, **metadata):
    made = {"cell_type": kind, "id": f"c{abs(hash((kind, source))) % 10**8}", "metadata": metadata, "source": source}
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def write(folder: Path, *sources: str, parameters: str = PARAMETERS) -> Path:
    """Write a notebook: a heading, the parameters, then each source with a heading before it."""
    cells = [cell("markdown", "# A test"), cell("code", parameters, tags=["parameters"])]
    for number, source in enumerate(sources, 1):
        cells += [cell("markdown", f"## Question {number}"), cell("code", source)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path = folder / "asked.ipynb"
    path.write_text(json.dumps(content))
    return path
