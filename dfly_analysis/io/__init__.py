"""Opens what the user names: files, folders, globs, archives, compressed files, standard input, ``s3://``."""

from dfly_analysis.io.archive_limits import DEFAULT_LIMITS, ArchiveLimits
from dfly_analysis.io.input_stream import Opened
from dfly_analysis.io.open_inputs import SourceFile, list_files, local_files, open_file, open_sources

__all__ = [
    "DEFAULT_LIMITS",
    "ArchiveLimits",
    "Opened",
    "SourceFile",
    "list_files",
    "local_files",
    "open_file",
    "open_sources",
]
