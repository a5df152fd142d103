"""Makes the reports of a batch, several at a time; one that fails is kept with its error and stops no other."""

import json
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from dfly_analysis.errors import DflyError, require_extra
from dfly_analysis.options import ANSWER_ONLY
from dfly_analysis.reporting.batch.spec import RunSpec
from dfly_analysis.reporting.notebook_renderer import notebook_names
from dfly_analysis.reporting.notebooks import CellProcess, run_notebook
from dfly_analysis.reporting.provenance import write_whole

STATE = "batch.json"
ERROR = "error.txt"


@dataclass(frozen=True)
class Outcome:
    """State of one report: ``kept`` where an earlier run wrote it; the key is the hash of its parameters, the error one line."""

    name: str
    state: Literal["done", "kept", "failed"]
    key: str
    seconds: float = 0.0
    error: str = ""
    exit_code: int = 0


class Queue:
    """Reports that wait for workers; a worker makes those of one input one after another."""

    def __init__(self, specs: Sequence[RunSpec]) -> None:
        self._waiting = [(_input_of(spec), spec) for spec in specs]
        self._last: dict[Hashable, str] = {}

    def __bool__(self) -> bool:
        """Return whether a report waits."""
        return bool(self._waiting)

    def next(self, worker: Hashable) -> RunSpec:
        """Take a report of the input the worker read last, else of one that no other has read last, else any."""
        own, others = self._last.get(worker), set(self._last.values())
        inputs = [name for name, _ in self._waiting]
        new = (place for place, name in enumerate(inputs) if name not in others)
        place = inputs.index(own) if own in inputs else next(new, 0)
        self._last[worker], spec = self._waiting.pop(place)
        return spec


def _input_of(spec: RunSpec) -> str:
    """Return what names the input of a report: all parameters but those that change only the answer."""
    read = {name: value for name, value in spec.parameters.items() if name not in ANSWER_ONLY}
    return json.dumps([spec.notebook, read], sort_keys=True)


def run_batch(
    specs: Sequence[RunSpec],
    output_dir: Path,
    *,
    workers: int = 1,
    resume: bool = False,
    timeout_s: float = 1800.0,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> tuple[Outcome, ...]:
    """Make reports, and return their outcomes in the order of `specs`; `on_outcome` is called with each as they come.

    Each gets a folder of its name and at most `timeout_s` seconds; one that fails gets ``error.txt`` in it. Each of the `workers` is a
    process that is replaced where it dies. With `resume`, reports of an earlier run with the same parameters are kept.
    """
    require_extra("report")
    output_dir.mkdir(parents=True, exist_ok=True)
    earlier = _earlier(output_dir) if resume else {}
    kept = {name: Outcome(name, "kept", key) for name, key in earlier.items()}
    found: dict[str, Outcome] = {}
    for one in specs:
        if earlier.get(one.name) == one.key and (output_dir / one.name / "report.html").is_file():
            found[one.name] = kept[one.name]
            on_outcome(kept[one.name])
    left = [one for one in specs if one.name not in found]
    _write_state(output_dir, kept | found)
    for outcome in _run_all(left, output_dir, max(1, min(workers, len(left))), timeout_s):
        found[outcome.name] = outcome
        _write_state(output_dir, kept | found)
        on_outcome(outcome)
    return tuple(found[one.name] for one in specs)


def _earlier(output_dir: Path) -> dict[str, str]:
    """Return the keys of the reports of an earlier run."""
    try:
        listed = json.loads((output_dir / STATE).read_text("utf-8"))["reports"]
        return {str(one["name"]): str(one["key"]) for one in listed if one["state"] != "failed"}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_state(output_dir: Path, outcomes: dict[str, Outcome]) -> None:
    listed = [asdict(one) for one in outcomes.values()]
    write_whole(output_dir / STATE, json.dumps({"schema_version": 1, "reports": listed}, indent=1) + "\n")


def _run_all(specs: Sequence[RunSpec], output_dir: Path, workers: int, timeout_s: float) -> Iterator[Outcome]:
    queue = Queue(specs)
    processes = [CellProcess() for _ in range(workers)]
    idle = list(processes)
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
    for name in (ERROR, "report.html"):
        (folder / name).unlink(missing_ok=True)
    error, code = "", 0
    try:
        run_notebook(spec.notebook, spec.parameters, folder, timeout_s=timeout_s, cell_timeout_s=timeout_s, process=process)  # fmt: skip
    except DflyError as problem:
        if process.closed:  # the batch was interrupted
            raise
        error, code = " ".join(str(problem).split()), problem.exit_code
    except OSError as problem:
        error, code = (
            f"{problem.filename or folder}: {problem.strerror or problem} (check the path and the room there)",
            2,
        )
    except Exception as problem:  # noqa: BLE001 - one report's fault stops no other
        error, code = " ".join(f"internal error: {type(problem).__name__}: {problem}".split()), 5
    finally:
        if spec.notebook not in notebook_names():  # a notebook of the user's own may have changed the process
            process.stop()
    if error:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / ERROR, f"{error}\n")
    return Outcome(spec.name, "failed" if error else "done", spec.key, time.monotonic() - begin, error, code)
