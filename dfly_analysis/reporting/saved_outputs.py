"""What is written as files: one base for reports, comparisons and answers."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from dfly_analysis.reporting.views import Listing


class Saved(ABC):
    """Base of what a command answers with: it is written as JSON files beside a page."""

    @property
    @abstractmethod
    def lang(self) -> str:
        """Language it shows itself in."""

    @abstractmethod
    def contents(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what is written, in JSON's own types, by the names of the files."""

    def save(self, directory: str | os.PathLike[str]) -> Listing:
        """Write the answer and what it was made of.

        Parameters
        ----------
        directory : path
            Made where it is missing; gets the JSON files and ``manifest.json``.

        Returns
        -------
        Listing
            The files that were written; shows itself.

        Raises
        ------
        SourceError
            Where the folder cannot be written.
        """
        from dfly_analysis.reporting.writer import write_listed

        return write_listed(directory, self.contents(), self.lang)
