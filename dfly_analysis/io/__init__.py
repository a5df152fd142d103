"""Opens what the user names: files, folders, globs, archives, compressed files, standard input, ``s3://``; streams with an address."""

from dfly_analysis.io.archive_limits import CAPS, Caps
from dfly_analysis.io.input_stream import Opened
from dfly_analysis.io.open_inputs import SourceFile, list_files, open_file, open_sources

__all__ = ["CAPS", "Caps", "Opened", "SourceFile", "list_files", "open_file", "open_sources"]
