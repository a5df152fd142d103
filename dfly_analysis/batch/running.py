"""Makes the reports of a batch, several at a time; one that fails is kept with its error and stops no other."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from dfly_analysis.batch.matrix import Asked
from dfly_analysis.batch.queue import Queue
from dfly_analysis.beside import refuse
from dfly_analysis.errors import DflyError, NotebookError
from dfly_analysis.leaving import end, leave_when_told
from dfly_analysis.notebook import prepare_runs, run_notebook
from dfly_analysis.notebook.cells import CAN_FORK
from dfly_analysis.report.saving import write_whole
from dfly_analysis.sharing import share_in

STATE = "batch.json"
ERROR = "error.txt"
Tell = Callable[["Outcome"], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one report.

    Attributes
    ----------
    name : str
    state : {"done", "kept", "failed"}
        ``kept`` where an earlier run had made it already.
    key : str
        Hash of what was asked.
    seconds : float
        How long it took.
    error : str
        One line; empty where it worked.
    exit_code : int
    """

    name: str
    state: str
    key: str
    seconds: float = 0.0
    error: str = ""
    exit_code: int = 0


def run_batch(
    asked: Sequence[Asked],
    output_dir: Path,
    *,
    workers: int = 1,
    resume: bool = False,
    timeout_s: float = 1800.0,
    tell: Tell | None = None,
) -> tuple[Outcome, ...]:
    """Make reports.

    Parameters
    ----------
    asked : sequence of Asked
    output_dir : Path
        Each report gets a folder of its name; one that fails gets ``error.txt`` in it.
    workers : int
        How many at a time.
    resume : bool
        Keep what an earlier run made of the same parameters.
    timeout_s : float
        For each report.
    tell : callable, optional
        Called with each outcome, as they come.

    Returns
    -------
    tuple of Outcome
        In the order asked.

    Notes
    -----
    Each report is made in a fork of this process, which has everything imported already; where a system cannot fork, in
    threads that each drive a kernel. What reports of the same input have in common, the first of them reads and fits for all.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    earlier = _earlier(output_dir) if resume else {}
    found: dict[str, Outcome] = {}
    left = []
    for one in asked:
        if earlier.get(one.name) == one.key and (output_dir / one.name / "report.html").is_file():
            found[one.name] = Outcome(one.name, "kept", one.key)
        else:
            left.append(one)
    running = _in_forks if CAN_FORK else _in_threads
    for outcome in [*found.values()]:
        (tell or _silent)(outcome)
    for outcome in running(left, output_dir, max(1, workers), timeout_s):
        found[outcome.name] = outcome
        _remember(output_dir, found, earlier)
        (tell or _silent)(outcome)
    _remember(output_dir, found, earlier)
    return tuple(found[one.name] for one in asked)


def _silent(_: Outcome) -> None:
    pass


def _earlier(output_dir: Path) -> dict[str, str]:
    """Return the keys of the reports an earlier run made."""
    try:
        listed = json.loads((output_dir / STATE).read_text("utf-8"))["reports"]
        return {str(one["name"]): str(one["key"]) for one in listed if one["state"] != "failed"}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _remember(output_dir: Path, found: dict[str, Outcome], earlier: dict[str, str]) -> None:
    listed = [asdict(one) for one in found.values()]
    listed += [asdict(Outcome(name, "kept", key)) for name, key in earlier.items() if name not in found]
    write_whole(output_dir / STATE, json.dumps({"schema_version": 1, "reports": listed}, indent=1) + "\n")


def make_report(one: Asked, output_dir: Path, timeout_s: float) -> Outcome:
    """Make one report; whatever goes wrong is its outcome."""
    folder, begin = output_dir / one.name, time.monotonic()
    (folder / ERROR).unlink(missing_ok=True)
    (folder / "report.html").unlink(missing_ok=True)
    try:
        run_notebook(one.notebook, dict(one.parameters), folder, timeout_s=timeout_s, cell_timeout_s=timeout_s)
    except DflyError as problem:
        return _failed(one, folder, begin, str(problem), problem.exit_code)
    except Exception as problem:  # noqa: BLE001 - one report's fault stops no other
        return _failed(one, folder, begin, f"a fault of this program: {type(problem).__name__}: {problem}", 5)
    return Outcome(one.name, "done", one.key, time.monotonic() - begin)


def _failed(one: Asked, folder: Path, begin: float, error: str, exit_code: int) -> Outcome:
    text = " ".join(error.split())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ERROR).write_text(f"{text}\n", "utf-8")
    return Outcome(one.name, "failed", one.key, time.monotonic() - begin, text, exit_code)


def _in_forks(asked: Sequence[Asked], output_dir: Path, workers: int, timeout_s: float) -> Iterator[Outcome]:
    if not asked:
        return
    prepare_runs()
    forking = multiprocessing.get_context("fork")
    running: dict[Connection, tuple[Asked, Any, float]] = {}
    with tempfile.TemporaryDirectory(prefix="dfly-analysis-batch-", ignore_cleanup_errors=True) as folder:
        queue = Queue(asked, Path(folder))
        try:
            while queue or running:
                while queue and len(running) < workers:
                    one, place = queue.next()
                    ours, theirs = forking.Pipe(duplex=False)
                    process = forking.Process(target=_make_and_tell, args=(one, output_dir, timeout_s, theirs, place))
                    process.start()
                    theirs.close()
                    running[ours] = (one, process, time.monotonic())
                for ready in wait(list(running)):
                    assert isinstance(ready, Connection)
                    one, process, begin = running.pop(ready)
                    queue.done(one)
                    yield _told(ready, process, one, output_dir, begin)
        finally:
            for _, process, _ in running.values():
                end(process)


def _make_and_tell(one: Asked, output_dir: Path, timeout_s: float, pipe: Connection, place: Path | None) -> None:
    leave_when_told()
    share_in(place)
    refuse()
    pipe.send(make_report(one, output_dir, timeout_s))


def _told(pipe: Connection, process: Any, one: Asked, output_dir: Path, begin: float) -> Outcome:
    try:
        outcome = pipe.recv()
        assert isinstance(outcome, Outcome)
    except EOFError:
        process.join(5)
        text = str(NotebookError(f"its process ended with {process.exitcode}", where=one.name, hint="out of memory?"))
        outcome = _failed(one, output_dir / one.name, begin, text, NotebookError.exit_code)
    pipe.close()
    process.join(5)
    return outcome


def _in_threads(asked: Sequence[Asked], output_dir: Path, workers: int, timeout_s: float) -> Iterator[Outcome]:
    with ThreadPoolExecutor(workers) as pool:
        for done in as_completed([pool.submit(make_report, one, output_dir, timeout_s) for one in asked]):
            yield done.result()
