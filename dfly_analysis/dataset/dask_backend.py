"""Sends the read stage of each group of files to the workers of a ``dask.distributed`` cluster."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from threading import Thread
from typing import Any

from dfly_analysis.dataset.event_parts import PartTask
from dfly_analysis.dataset.file_result import FileResult
from dfly_analysis.errors import SourceError, require_extra

RETRIES = 3
CONNECT_S = 30
_ADDRESS = re.compile(r"(?:[a-z]+://)?\S+:\d{1,5}/?|inproc://\S+")


def run_on_cluster(tasks: Sequence[PartTask], address: str) -> Iterator[tuple[FileResult, int]]:
    """Run the tasks on the cluster of a scheduler such as ``tcp://scheduler:8786`` and yield their results, in order; the files of a worker that dies are read by others, as a part is stored whole or not at all."""
    require_extra("cluster")
    from distributed import Client, KilledWorker

    client = _connect(Client, address)
    try:
        submit = partial(client.submit, _run, pure=False, retries=RETRIES)
        futures = [submit(task, key=f"dfly-analysis-{task.name}") for task in tasks]
        for task, future in zip(tasks, futures, strict=True):
            try:
                text, count = future.result()
            except KilledWorker as problem:
                where, hint = task.sources[0].address, "give the workers more memory, or leave the file out"
                raise SourceError("killed every worker that read it", where=where, hint=hint) from problem
            except (CancelledError, asyncio.CancelledError, OSError, TimeoutError) as problem:
                hint = "start it again, then run the command again"
                raise SourceError("the scheduler no longer answers", where=address, hint=hint) from problem
            yield FileResult.from_json(text), count
            future.release()
    finally:
        client.close()


def _connect(client: Any, address: str) -> Any:
    hint = "name it like tcp://scheduler:8786"
    if not _ADDRESS.fullmatch(address):
        raise SourceError("is no scheduler's address", where=address, hint=hint)
    connected: Future[Any] = Future()

    def connect() -> None:
        try:
            connected.set_result(client(address, timeout=CONNECT_S, set_as_default=False))
        except Exception as problem:  # noqa: BLE001 - the caller gets it
            connected.set_exception(problem)

    # a scheduler that takes the connection and is silent would be awaited for ever
    Thread(target=connect, daemon=True).start()
    try:
        return connected.result(CONNECT_S + 5)
    except (OSError, ValueError, TimeoutError) as problem:
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        raise SourceError(f"no scheduler answers: {reason}", where=address, hint=hint) from problem


def _run(task: PartTask) -> tuple[str, int]:
    """Run one task on a worker; what goes back is text, whatever the versions of pandas there and here."""
    result, count = task.run()
    return result.to_json(), count
