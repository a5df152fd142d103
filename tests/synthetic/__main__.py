"""Write a synthetic run: ``python -m tests.synthetic DIRECTORY [--case C] [--client V] [--seed N]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.synthetic import write_sample

parser = argparse.ArgumentParser(prog="python -m tests.synthetic", description=__doc__)
parser.add_argument("directory", type=Path)
parser.add_argument("--case", default="slow-source")
parser.add_argument("--client", default="v0.1.118")
parser.add_argument("--seed", type=int, default=1)
arguments = parser.parse_args()
write_sample(arguments.directory, arguments.case, arguments.client, arguments.seed)
