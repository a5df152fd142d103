"""Opens what the user names: files, folders, globs, archives, compressed files, standard input; streams with an address."""

from dfly_analysis.sources.opened import Opened
from dfly_analysis.sources.walk import open_sources

__all__ = ["Opened", "open_sources"]
