"""Runs the native library under the address and undefined-behaviour sanitizers: `python -m tests.fuzz.sanitize`.

Over the fuzzing corpus in a program of its own, where memory ends exactly where it should; and as Python calls it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from dfly_analysis.native import build
from tests.fuzz import seeds
from tests.fuzz.build_core import HERE, write_knowledge

SANITIZERS = (
    "-O1",
    "-g",
    "-fno-lto",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
)
CALLS = """
import pathlib, sys, pytest
from dfly_analysis.native import build
build.LIBRARY = pathlib.Path(sys.argv[1])
from tests.fuzz import targets
for path in sys.argv[3:]:
    targets.run("logs", pathlib.Path(path).read_bytes())
sys.exit(pytest.main(["-q", "--noconftest", "-p", "no:cacheprovider", sys.argv[2]]))
"""
"""What is run in a Python that has the sanitizer's allocator."""
EVERY = 8


def build_replay(folder: Path) -> Path:
    """Compile the program that replays files, once."""
    made = folder / "replay"
    if made.exists():
        return made
    write_knowledge(folder / "knowledge.h")
    (folder / build.HEADER).write_text(build.header(), "ascii")
    command = [
        *build.compiler(),
        "-std=c11",
        *SANITIZERS,
        "-DDFLY_REPLAY",
        f"-I{build.FOLDER}",
        f"-I{folder}",
        "-o",
        made,
    ]
    subprocess.run([*command, *build.sources(), HERE / "core_main.c"], check=True)
    return made


def replay_corpus(folder: Path) -> subprocess.CompletedProcess[str]:
    """Replay what fuzzing found and what it begins with."""
    seeds.write("logs", folder / "seeds")
    inputs = [path for path in sorted((HERE / "corpus").rglob("*")) if path.is_file()]
    command = [build_replay(folder), *inputs, *sorted((folder / "seeds").iterdir())]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run_calls(folder: Path) -> subprocess.CompletedProcess[str]:
    """Make every call of the library from Python: read some of what fuzzing begins with, and run the tests of the other calls."""
    library = folder / build.LIBRARY.name
    problem = build.compile_library(library, *SANITIZERS)
    if problem:
        raise RuntimeError(problem)
    asked = [*build.compiler(), "-print-file-name=libasan.so"]
    runtime = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    sanitizer = {"LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc"}
    environment = {**os.environ, **sanitizer, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    seeds.write("logs", folder / "seeds")
    inputs = sorted((folder / "seeds").iterdir())[::EVERY]
    command = [sys.executable, "-c", CALLS, library, HERE.parent / "readers/logs/test_blocks.py", *inputs]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=HERE.parent.parent, check=False)


def main() -> int:
    """Run both; the exit code says whether something was found."""
    with tempfile.TemporaryDirectory(prefix="dfly-sanitize-") as folder:
        for run in (replay_corpus, run_calls):
            done = run(Path(folder))
            print(done.stdout[-2000:], done.stderr[-8000:], sep="\n")
            if done.returncode:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
