"""Reads log files of every era into checked `events`, and counts what became of each line."""

from dfly_analysis.logs.read import LogPart, read_log
from dfly_analysis.logs.sniff import sniff_format

__all__ = ["LogPart", "read_log", "sniff_format"]
