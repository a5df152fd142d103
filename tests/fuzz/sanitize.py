"""Runs the native library under the address and undefined-behaviour sanitizers: `python -m tests.fuzz.sanitize`.

Over the fuzzing corpus in a program of its own, where memory ends exactly where it should; and, as Python calls it, over the tests of all
its functions.
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
TESTS = ("test_rows.py", "test_engine.py")
SLOW = "hypothesis or any_ or generated or secret or redaction or ids_do_not_matter or cutting"
"""Tests that take long and bring no call that the others do not."""


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
    """Run the tests of the library's calls in a Python that has the sanitizer's allocator."""
    library = folder / build.LIBRARY.name
    problem = build.compile_library(library, *SANITIZERS)
    if problem:
        raise RuntimeError(problem)
    runtime = subprocess.run(
        [*build.compiler(), "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    )
    environment = {
        **os.environ,
        "LD_PRELOAD": runtime.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
    }
    program = (
        "import sys, pathlib, pytest\nfrom dfly_analysis.native import build\n"
        f"build.LIBRARY = pathlib.Path({str(library)!r})\n"
        f"sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-k', 'not ({SLOW})', *{[str(HERE.parent / name) for name in TESTS]!r}]))"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)


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
