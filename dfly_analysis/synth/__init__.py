"""Synthetic runs with planted truth, in the log formats of three client eras.

`write_run` simulates the piece pipeline (seeds, slots, two passes a layer, siblings, limits, pulls) and writes
what an operator would hold; the truth lies beside it. The lines' shapes come from logs of real clients where
there are some; ``eras/*.yaml`` says which do not.
"""

from dfly_analysis.synth.cases import CASES, VARIANTS, Case, find_case
from dfly_analysis.synth.eras import CLIENTS
from dfly_analysis.synth.laws import Limits, Origin, draw_request
from dfly_analysis.synth.layout import Hosts, piece_length
from dfly_analysis.synth.tree import Truth, write_run, write_sample

__all__ = [
    "CASES",
    "CLIENTS",
    "VARIANTS",
    "Case",
    "Hosts",
    "Limits",
    "Origin",
    "Truth",
    "draw_request",
    "find_case",
    "piece_length",
    "write_run",
    "write_sample",
]
