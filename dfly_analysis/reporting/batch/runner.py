"""Makes the reports of a batch, several at a time; one that fails is kept with its error and stops no other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

from dfly_analysis.errors import DflyError
from dfly_analysis.reporting.batch.queue import Queue
from dfly_analysis.reporting.batch.spec import RunSpec
from dfly_analysis.reporting.notebook_renderer import notebook_names
from dfly_analysis.reporting.notebooks import CellProcess, run_notebook
from dfly_analysis.reporting.writer import write_whole

STATE = "batch.json"
ERROR = "error.txt"


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
    specs: Sequence[RunSpec],
    output_dir: Path,
    *,
    workers: int = 1,
    resume: bool = False,
    timeout_s: float = 1800.0,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> tuple[Outcome, ...]:
    """Make reports.

    Parameters
    ----------
    specs : sequence of RunSpec
    output_dir : Path
        Each report gets a folder of its name; one that fails gets ``error.txt`` in it.
    workers : int
        How many at a time.
    resume : bool
        Keep what an earlier run made of the same parameters.
    timeout_s : float
        For each report.
    on_outcome : callable, optional
        Called with each outcome, as they come.

    Returns
    -------
    tuple of Outcome
        In the order of `specs`.

    Notes
    -----
    Cells run in as many processes as there are workers, each driven by a thread. A process that is killed for its time, or
    dies, is replaced. It keeps what it read and fitted last, and makes the reports of one input one after another.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    earlier = _earlier(output_dir) if resume else {}
    found: dict[str, Outcome] = {}
    left = []
    for one in specs:
        if earlier.get(one.name) == one.key and (output_dir / one.name / "report.html").is_file():
            found[one.name] = Outcome(one.name, "kept", one.key)
        else:
            left.append(one)
    for outcome in [*found.values()]:
        (on_outcome or _ignore)(outcome)
    for outcome in _run_all(left, output_dir, max(1, min(workers, len(left))), timeout_s):
        found[outcome.name] = outcome
        _remember(output_dir, found, earlier)
        (on_outcome or _ignore)(outcome)
    _remember(output_dir, found, earlier)
    return tuple(found[one.name] for one in specs)


def _ignore(_: Outcome) -> None:
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


def _run_all(specs: Sequence[RunSpec], output_dir: Path, workers: int, timeout_s: float) -> Iterator[Outcome]:
    queue: Queue[CellProcess] = Queue(specs)
    idle = [CellProcess() for _ in range(workers)]
    processes = tuple(idle)
    running: dict[Future[Outcome], CellProcess] = {}
    with ThreadPoolExecutor(workers) as threads:
        try:
            while queue or running:
                while queue and idle:
                    process = idle.pop()
                    running[threads.submit(_run, queue.next(process), output_dir, timeout_s, process)] = process
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    idle.append(running.pop(done))
                    yield done.result()
        finally:  # an interrupt ends the cells at once, so that the threads do not hold the program up
            for process in processes:
                process.close()


def _run(spec: RunSpec, output_dir: Path, timeout_s: float, process: CellProcess) -> Outcome:
    """Make one report; whatever goes wrong is its outcome."""
    folder, begin = output_dir / spec.name, time.monotonic()
    (folder / ERROR).unlink(missing_ok=True)
    (folder / "report.html").unlink(missing_ok=True)
    try:
        run_notebook(
            spec.notebook,
            dict(spec.parameters),
            folder,
            timeout_s=timeout_s,
            cell_timeout_s=timeout_s,
            process=process,
        )
    except DflyError as problem:
        if process.closed:  # the batch was interrupted
            raise
        return _failed(spec, folder, begin, str(problem), problem.exit_code)
    except Exception as problem:  # noqa: BLE001 - one report's fault stops no other
        return _failed(spec, folder, begin, f"a fault of this program: {type(problem).__name__}: {problem}", 5)
    finally:
        if spec.notebook not in notebook_names():  # a notebook of the user's own may have changed the process
            process.stop()
    return Outcome(spec.name, "done", spec.key, time.monotonic() - begin)


def _failed(spec: RunSpec, folder: Path, begin: float, error: str, exit_code: int) -> Outcome:
    text = " ".join(error.split())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ERROR).write_text(f"{text}\n", "utf-8")
    return Outcome(spec.name, "failed", spec.key, time.monotonic() - begin, text, exit_code)
