"""Texts for ids (causes, roles, outcomes, layers of settings) and for numbers with their units."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from dfly_analysis.messages import Message
from dfly_analysis.quantities import NOTHING, figure
from dfly_analysis.units import parse_duration

_TEXTS = yaml.safe_load(Path(__file__).with_name("labels.yaml").read_text("utf-8"))


def _texts(kind: str, field: str = "label") -> dict[str, Message]:
    return {name: Message(texts[field], {}) for name, texts in _TEXTS[kind].items()}


CAUSES, REMEDIES, FITS, ROLES = _texts("causes"), _texts("causes", "remedy"), _texts("fits"), _texts("roles")
OUTCOMES, TASK_OUTCOMES, LAYERS = _texts("outcomes"), _texts("task_outcomes"), _texts("layers")
CONFIDENCES = _texts("confidences")
SEVERITIES = CONFIDENCES | _texts("severities")
TOPICS, BASES, CHANGES, UNCERTAINTIES = _texts("topics"), _texts("bases"), _texts("changes"), _texts("uncertainties")
FILES = _texts("files")


def readable_duration(proposed: str, unit: str) -> str:
    """Return a proposed duration as people write it, ``3 h`` for ``10800s``; empty where that is the same."""
    text = figure(parse_duration(proposed), "s") if unit == "s" else ""
    return text if "".join(text.split()) != proposed else ""


def moment(time: Any) -> str:
    """Return a time to the second, or a dash where it is missing."""
    import pandas as pd  # here and below: the process that only starts a notebook needs none

    return NOTHING if time is None or pd.isna(time) else f"{pd.Timestamp(time):%Y-%m-%d %H:%M:%S}"


def text_of(value: Any) -> str:
    """Return a cell of a frame as text; a dash where it is missing."""
    if isinstance(value, str):
        return value
    import pandas as pd

    return NOTHING if value is None or (not isinstance(value, list | tuple | dict) and pd.isna(value)) else str(value)


def parameter_text(value: Any) -> str:
    """Return a parameter as it is given on a command line; a dash where nothing was given."""
    if isinstance(value, list | tuple):
        return " ".join(map(parameter_text, value))
    return str(value).lower() if isinstance(value, bool) else text_of(value)


def remark(value: Any) -> str:
    """Return a cell that is often empty, at most 200 characters."""
    text = text_of(value)
    return "" if text == NOTHING else text if len(text) <= 200 else text[:200]


def common_folder(paths: Iterable[str]) -> str:
    """Return the beginning that all paths share, up to a slash or an archive's mark; empty where they share none."""
    listed = list(paths)
    first, last = min(listed, default=""), max(listed, default="")
    alike = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    return first[: max(first.rfind("/", 0, alike), first.rfind("!", 0, alike)) + 1]
