"""Records the answers of the commands, or compares them with what is recorded: ``python -m tests.golden --help``."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .answers import Tree, differences, essential, read, split, write
from .cases import Case, load_cases
from .inputs import ROOT, Build

HERE = Path(__file__).parent
RESULTS, TEXTS = HERE / "results", HERE / "texts"
# Of the other groups only the sentences on what was found, for the size of it.
ALL_TEXTS = ("samples", "values")


@dataclass(frozen=True)
class Answer:
    """What a command answered, and how many seconds it took."""

    data: Tree
    texts: Tree
    seconds: float


def main() -> int:
    """Run and return the exit code: 1 where an answer differs."""
    asked = _arguments()
    real = asked.real if asked.real is not None and asked.real.is_dir() else None
    cases, inputs = load_cases(real)
    chosen = [case for case in cases if asked.only is None or re.search(asked.only, case.name)]
    if not chosen:
        print(f"no case matches {asked.only!r}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="golden-") as work:
        folder = Path(work).resolve()
        _make_inputs(folder, chosen, inputs)
        with ThreadPoolExecutor(asked.jobs) as pool:
            answers = dict(zip(chosen, pool.map(lambda case: _run(folder, case), chosen), strict=True))
    if asked.times:
        _print_times(answers)
    if asked.action == "record":
        _record(answers)
        return 0
    return _compare(answers, lines=asked.lines, ignore_text=asked.ignore_text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("--only", metavar="PATTERN", help="cases whose name GROUP/INPUT.COMMAND holds this pattern")
    parser.add_argument("--real", type=Path, metavar="DIR", help="folder of real runs; without it they are left out")
    parser.add_argument("--ignore-text", action="store_true", help="compare no sentences")
    parser.add_argument("--lines", type=int, default=12, help="differences shown of a case (default: 12)")
    parser.add_argument("--times", action="store_true", help="print how long each command took")
    parser.add_argument("-j", "--jobs", type=int, default=len(os.sched_getaffinity(0)), help="commands at a time")
    return parser.parse_args()


def _make_inputs(folder: Path, cases: list[Case], inputs: dict[str, dict[str, Build]]) -> None:
    for group, name in sorted({(case.group, name) for case in cases for name in case.inputs}):
        (folder / group).mkdir(exist_ok=True)
        inputs[group][name](folder / group / name)


def _run(folder: Path, case: Case) -> Answer:
    """Run the command in the folder of its inputs, without the user's cache."""
    environment = os.environ | {"DFLY_ANALYSIS_CACHE": "off", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "dfly_analysis", *case.arguments],
        cwd=folder / case.group, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - began
    try:
        data, texts = split(json.loads(done.stdout.replace(f"{folder}/", "")))
    except ValueError:
        data, texts = {}, {"stderr": done.stderr.replace(f"{folder}/", "").splitlines()}
    if case.group not in ALL_TEXTS:
        texts = essential(texts)
    return Answer(data | {"exit_code": done.returncode}, texts, seconds)


def _record(answers: dict[Case, Answer]) -> None:
    for case, answer in answers.items():
        for folder, tree in ((RESULTS, answer.data), (TEXTS, answer.texts)):
            write(folder / f"{case.name}.json", tree)
    size = sum(path.stat().st_size for folder in (RESULTS, TEXTS) for path in folder.rglob("*.json"))
    print(f"recorded {len(answers)} cases; all files together {size / 1e6:.2f} MB")


def _compare(answers: dict[Case, Answer], *, lines: int, ignore_text: bool) -> int:
    tally: Counter[str] = Counter()
    for case, answer in answers.items():
        parts = [("result", RESULTS, answer.data), ("text", TEXTS, answer.texts)]
        for kind, folder, tree in parts[:1] if ignore_text else parts:
            path = folder / f"{case.name}.json"
            found = iter(differences(read(path), tree) if path.exists() else ["not recorded"])
            shown = list(islice(found, lines))
            if not shown:
                continue
            tally[kind] += 1
            print(f"{case.name}: {kind} differs  (dfly-analysis {' '.join(case.arguments)})")
            print("".join(f"  {line}\n" for line in shown), end="")
            more = sum(1 for _ in found)
            print(f"  and {more} more\n" if more else "", end="")
    print(f"{len(answers)} cases: the result differs in {tally['result']}, the text in {tally['text']}")
    return 1 if tally else 0


def _print_times(answers: dict[Case, Answer]) -> None:
    groups: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for case, answer in answers.items():
        groups.setdefault((case.group, case.command), []).append((answer.seconds, case.name))
    for (group, command), took in sorted(groups.items()):
        longest, name = max(took)
        total = sum(seconds for seconds, _ in took)
        print(f"{group:10} {command:13} {len(took):3} runs {total:7.1f} s, longest {longest:5.1f} s {name}")


if __name__ == "__main__":
    sys.exit(main())
