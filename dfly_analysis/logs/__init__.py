"""Reads log files of every era into checked `events`, and counts what became of each line."""

from dfly_analysis.logs.read import LogPart, LogReader, read_log
from dfly_analysis.logs.sniff import Sniffed, find_format, sniff, sniff_format

__all__ = ["LogPart", "LogReader", "Sniffed", "find_format", "read_log", "sniff", "sniff_format"]
