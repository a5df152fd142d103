"""Opens what the user names: files, folders, globs, archives, compressed files, standard input, ``s3://``; streams with an address."""

from dfly_analysis.sources.caps import CAPS, Caps
from dfly_analysis.sources.opened import Opened
from dfly_analysis.sources.walk import SourceFile, list_files, open_file, open_sources

__all__ = ["CAPS", "Caps", "Opened", "SourceFile", "list_files", "open_file", "open_sources"]
