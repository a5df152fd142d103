"""The languages that the program speaks."""

from __future__ import annotations

LANGUAGES = ("en", "zh")
"""What is said is said in the first; `dfly_analysis.catalog.translation` puts it into the others."""
