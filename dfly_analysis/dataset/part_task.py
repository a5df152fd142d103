"""The unit of work of `load -o`: a group of files becomes one part."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

from dfly_analysis.dataset.event_parts import PartWriter
from dfly_analysis.dataset.file_reader import ReadOptions, read_files
from dfly_analysis.dataset.file_result import FileResult
from dfly_analysis.io import SourceFile
from dfly_analysis.io.output_store import open_store


@dataclass(frozen=True)
class PartTask:
    """Reads a group of files and writes their part; can be sent to another machine.

    Attributes
    ----------
    sources : tuple of SourceFile
    options : ReadOptions
    store : str
        Address of the store the part goes to.
    name : str
        Of the part in the store.
    """

    sources: tuple[SourceFile, ...]
    options: ReadOptions
    store: str
    name: str

    def run(self, executor: Executor | None = None) -> tuple[FileResult, int]:
        """Write the part where there are records, and return what else the files gave and how many records there are."""
        with open_store(self.store).atomic_write(self.name) as path:
            with PartWriter(path) as writer:
                result = read_files(self.sources, self.options, writer.write, executor)
                writer.finish(result)
            if not writer.count:
                path.unlink()
        return result, writer.count
