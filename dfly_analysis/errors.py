"""The errors of this package: each is one line that says where, what is wrong, and what to do."""

from collections.abc import Iterable
from importlib.util import find_spec

EXTRAS = {
    "report": ("IPython", "matplotlib", "nbconvert", "nbformat", "papermill", "traitlets"),
    "lab": ("jupyterlab", "ipywidgets"),
    "s3": ("obstore",),
    "cluster": ("distributed",),
}
"""The modules of each extra, which the package does without until they are needed."""


class DflyError(Exception):
    """Root of all errors of this package.

    Parameters
    ----------
    message : str
        What is wrong, one sentence.
    where : str, optional
        File, line or key it concerns.
    hint : str, optional
        What to do.
    """

    exit_code = 2

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """Return the error as one line: where, what, what to do."""
        text = f"{self.where}: {self.message}" if self.where else self.message
        if self.hint:
            text = f"{text} ({self.hint})"
        return " ".join(text.split())


class SourceError(DflyError):
    """A path, archive or stream cannot be read, or contains nothing this package can read."""

    exit_code = 3


class StoreError(SourceError):
    """An output cannot be written to its place."""

    exit_code = 2


class LogFormatError(DflyError):
    """The definition of a log format is wrong, or a file is not in the requested format."""

    exit_code = 3


class TableError(DflyError):
    """A column of a table is missing or has the wrong type, or a query failed."""


class CatalogError(DflyError):
    """An entry of the catalogue is wrong; the text names file, line, entry and key."""


class FactMissingError(DflyError):
    """A key, version or id is unknown; the text suggests similar ones."""


class SettingsError(DflyError):
    """A values file or a rendered configuration cannot be used."""


class OverlayConflictError(DflyError):
    """Recommendations contradict each other, or the written overlay does not read back as intended."""


class NotEnoughDataError(DflyError):
    """The input does not contain the data that the answer needs."""

    exit_code = 4


class NotebookError(DflyError):
    """A notebook breaks the rules, got a wrong parameter, or failed in a cell."""

    exit_code = 5


class RunTimeoutError(NotebookError):
    """A notebook ran longer than its time limit."""

    exit_code = 6


def require_extra(extra: str) -> None:
    """Raise a DflyError that names the extra, if a module of it is not installed."""
    for module in EXTRAS[extra]:
        if find_spec(module) is None:
            raise DflyError(
                f"this needs {module}, which is not installed", hint=f"pip install 'dfly-analysis[{extra}]'"
            )


def suggest_similar(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean a, b?`` with the known names most similar to a misspelt one; empty if none is similar."""
    from difflib import get_close_matches  # only where something was misspelt

    lowered = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), list(lowered), cutoff=0.5)
    close += [low for low in lowered if name.lower() in low and low not in close][: 3 - len(close)]
    return f"did you mean {', '.join(lowered[low] for low in close)}?" if close else ""
