"""Reads log files of every era into `events`, and counts what became of each line."""

from dfly_analysis.readers.logs.envelopes import Sniffed, sniff
from dfly_analysis.readers.logs.format_detection import find_format, sniff_format
from dfly_analysis.readers.logs.reader import LogPart, LogReader, read_log

__all__ = ["LogPart", "LogReader", "Sniffed", "find_format", "read_log", "sniff", "sniff_format"]
