"""Reads log files of every era into `events`, and counts what became of each line."""

from dfly_analysis.readers.logs.envelopes import Sniffed, sniff
from dfly_analysis.readers.logs.format_detection import find_format, sniff_format
from dfly_analysis.readers.logs.reader import LogReader

__all__ = ["LogReader", "Sniffed", "find_format", "sniff", "sniff_format"]
