"""Everything that can go wrong, each error with the place and the way out, always one line."""

from __future__ import annotations

from collections.abc import Iterable


class DflyError(Exception):
    """Root of all errors of this package.

    Parameters
    ----------
    message : str
        What is wrong, one sentence.
    where : str, optional
        File, line or key it concerns.
    hint : str, optional
        The way out.
    """

    exit_code = 2

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Return the error as one line: where, what, way out."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        if self.hint:
            text = f"{text} ({self.hint})"
        return " ".join(text.split())


class SourceError(DflyError):
    """A path, archive or stream cannot be read, or holds nothing this package reads."""

    exit_code = 3


class StoreError(SourceError):
    """What was asked for cannot be written where it was asked to be."""

    exit_code = 2


class LogFormatError(DflyError):
    """A format's definition is wrong, or a file asked to be in a format is not."""

    exit_code = 3


class TableError(DflyError):
    """A table lacks a column, or a column has another type than its schema says."""


class CatalogError(DflyError):
    """An entry of the catalogue is wrong: file, line, entry, key and what to write are named."""


class FactMissingError(DflyError):
    """A key or version is not in the facts; the nearest names are offered."""


class SettingsError(DflyError):
    """A values file or a rendered configuration cannot be used."""


class OverlayConflictError(DflyError):
    """Advice contradicts itself, or the written overlay does not read back as it was meant."""


class NotEnoughDataError(DflyError):
    """What was asked needs data that the input does not hold."""

    exit_code = 4


class NotebookError(DflyError):
    """A notebook does not obey the rules, got a wrong parameter, or failed in a cell."""

    exit_code = 5


class RunTimeoutError(NotebookError):
    """A notebook ran longer than it may."""

    exit_code = 6


def suggest_similar(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """Return ``did you mean a, b?`` with the known names nearest to a misspelt one, or an empty text if none is near."""
    from difflib import get_close_matches  # only where something was misspelt

    lowered = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), list(lowered), n=most, cutoff=0.5)
    close += [low for low in lowered if name.lower() in low and low not in close][: most - len(close)]
    return f"did you mean {', '.join(lowered[low] for low in close)}?" if close else ""
