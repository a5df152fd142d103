"""Runs a command and writes what it took; a process of its own, so small that a child's memory does not count its parent's.

    python -I -S launch.py RECORD COMMAND...

RECORD gets seconds, largest resident set (in the kernel's unit) and wait status, or the number of the error that kept the command
from starting.
"""

import os
import sys
import time

began = time.perf_counter()
try:
    pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
except OSError as problem:
    record = f"error {problem.errno}"
else:
    _, status, usage = os.wait4(pid, 0)
    record = f"{time.perf_counter() - began} {usage.ru_maxrss} {status}"
with open(sys.argv[1], "w") as file:  # noqa: PTH123 (pathlib would double the size of this process)
    file.write(record)
