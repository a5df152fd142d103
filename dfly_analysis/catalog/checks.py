"""Descriptions of the diagnosis' checks; `dfly_analysis.diagnosis.checks` holds their code."""

from functools import cache

from dfly_analysis.catalog.yaml_loader import load_entries, record


@record
class CheckDescription:
    """What a check compares and what to do about its finding."""

    id: str
    title: str
    method: str
    remedy: str
    collect: str = ""  # what to collect if the input cannot tell
    knob: str | None = None  # the setting that governs it
    cause: str | None = None  # the cause that its finding shows, one of `dfly_analysis.schema.CAUSES`
    fails_tasks: bool = True
    """Whether it matters only where it fails tasks; what costs time or bytes keeps its severity without."""


@cache
def load_checks() -> dict[str, CheckDescription]:
    """Return the descriptions of all checks by id, sorted."""
    entries = load_entries(CheckDescription, "checks")
    return {entry.id: entry for entry in sorted(entries, key=lambda entry: entry.id)}
