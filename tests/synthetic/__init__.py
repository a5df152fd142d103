"""Synthetic runs with planted truth, in the log formats of three client eras.

`write_run` simulates the piece pipeline (seeds, slots, two passes a layer, siblings, limits, pulls) and writes
what an operator would hold; the truth lies beside it. The lines' shapes come from logs of real clients where
there are some; ``eras/*.yaml`` says which do not.
"""

from tests.synthetic.origin_model import Limits, Origin, draw_request
from tests.synthetic.run_writer import Truth, write_run, write_sample
from tests.synthetic.scenarios import CASES, COMPLAINTS, VARIANTS, Case, find_case
from tests.synthetic.topology import Hosts, piece_length
from tests.synthetic.versions import CLIENTS

__all__ = [
    "CASES",
    "CLIENTS",
    "COMPLAINTS",
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
