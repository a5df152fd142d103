"""Copies of files that can be shared: what is known of Dragonfly passes, and everything free is scrubbed."""

from dfly_analysis.sharing.copies import Copied, copy_files
from dfly_analysis.sharing.pseudonyms import Pseudonyms
from dfly_analysis.sharing.scrubbing import Scrubber

__all__ = ["Copied", "Pseudonyms", "Scrubber", "copy_files"]
