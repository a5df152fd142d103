"""Prints the notes of a release from the changelog: ``python -m tools.release.notes CHANGELOG.md v1.0.0``."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def notes(changelog: str, tag: str) -> str:
    """Return the section of a version; a ValueError where there is none."""
    heading = rf"^## \[?{re.escape(tag.removeprefix('v'))}\]?(?: [^\n]*)?\n(.*?)(?=^## |\Z)"
    found = re.search(heading, changelog, re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise ValueError(f"the changelog has no section for {tag}")
    return found[1].strip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(notes(Path(sys.argv[1]).read_text("utf-8"), sys.argv[2]))
