"""Writes a synthetic run as an operator would hold it: one folder a host, the manager's jobs, and beside it the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dfly_analysis.errors import DflyError
from tests.synthetic.cluster import events_json, pods_json
from tests.synthetic.file_formats import dfdaemon_yaml, jobs_json, scheduler_yaml
from tests.synthetic.link import Link
from tests.synthetic.log_writer import CORE, JOB, Journal
from tests.synthetic.preheat import Preheat, start_lines
from tests.synthetic.pulls import schedule_pulls
from tests.synthetic.scenarios import Case, find_case
from tests.synthetic.state import Clock, HostState, World, host_values
from tests.synthetic.topology import MANAGER_IP, SCHEDULER_IP, Hosts, draw_sizes, make_hosts, make_images
from tests.synthetic.versions import load_client, load_scheduler

_FIRST_JOB_S = 25.0


@dataclass(frozen=True)
class Truth:
    """What was planted and what came of it; the shape of the truth files of the real runs, and a little more.

    Attributes
    ----------
    name, client, scheduler, log_level, planted : str
        What ran, and what was planted, in one sentence.
    primary_cause : str, optional
        Cause of most failed tasks; None where no task failed.
    seed_settings : mapping
        Settings of the seeds that matter here, as their configuration spells them.
    origin : mapping
        The registry's law: `tests.synthetic.origin_model.Origin`.
    images : int
        Preheat jobs.
    job_states : tuple of str
        What the manager says of each job.
    layers : tuple of mapping
        ``digest``, ``size_bytes``, ``preheated`` of each layer (configs left out).
    tasks_failed : int
        Blobs on hosts that failed: layers, configs and pulls.
    tasks_failed_by_cause : mapping of str to int
        The same by cause; the sum is `tasks_failed`.
    failed_peers : mapping of str to str
        Cause of each by its peer id, or by its blob's URL where no peer was made.
    layers_failed : int
        Layers that are not preheated.
    pulls, pulls_failed : int
        Layers pulled by clients.
    requests_at_origin : mapping of str to int
        Requests for pieces by how they ended.
    pieces_started, pieces_ok, pieces_failed : int
        Attempts at pieces from the source, waits for another round included.
    pieces_cut, pieces_cancelled : int
        Attempts cut at a limit, and attempts cancelled because a sibling failed.
    """

    name: str
    client: str
    scheduler: str
    log_level: str
    planted: str
    primary_cause: str | None
    seed_settings: Mapping[str, str | int]
    origin: Mapping[str, float | str]
    images: int
    job_states: tuple[str, ...]
    layers: tuple[Mapping[str, Any], ...]
    tasks_failed: int
    tasks_failed_by_cause: Mapping[str, int]
    failed_peers: Mapping[str, str]
    layers_failed: int
    pulls: int
    pulls_failed: int
    requests_at_origin: Mapping[str, int]
    pieces_started: int
    pieces_ok: int
    pieces_failed: int
    pieces_cut: int
    pieces_cancelled: int


def write_run(
    directory: str | Path,
    *,
    case: str | Case = "slow-source",
    client: str = "v0.1.118",
    seed: int = 1,
    images: int | None = None,
    layers_per_image: int = 5,
    scale: float = 1.0,
    hosts: Hosts | None = None,
) -> Truth:
    """Simulate a run with planted truth and write it in the log formats of one client era.

    Parameters
    ----------
    directory : str or Path
        Where to write: ``run/`` holds what an operator would hold, ``truth.json`` lies beside it.
    case : str or Case
        What to plant: a key of `CASES` or `VARIANTS`, or a case of your own (``dataclasses.replace`` of one).
    client : str
        ``v0.1.118``, ``v1.0.26`` or ``v1.5.1``; the scheduler's version follows from it.
    seed : int
        Same seed, same bytes.
    images : int, optional
        Images to preheat, one job each; by default what the case says.
    layers_per_image : int
        Layers of each image, where the case does not say their sizes.
    scale : float
        Factor on the layers' sizes (4 MB to 546 MB at 1.0) and on volumes.
    hosts : Hosts, optional
        How many seed clients and clients; 3 and 2 by default.

    Returns
    -------
    Truth
        What ``truth.json`` says.

    Raises
    ------
    DflyError
        Where the case or the client is not known, the client cannot show the case, or a number makes no sense.
    """
    load_client(client)
    planted = find_case(case, client) if isinstance(case, str) else case
    if layers_per_image < 1 or scale <= 0 or (hosts and hosts.seeds < 1) or (images is not None and images < 1):
        raise DflyError("a run needs an image, a layer, a seed and a scale above 0")
    rng = np.random.default_rng(seed)
    count = images or planted.images
    exact = planted.layer_sizes_bytes
    sizes = [list(exact)] * count if exact else draw_sizes(rng, count, layers_per_image, scale)
    world = _world(planted, client, rng, hosts or Hosts(), scale)
    preheat = Preheat(world, make_images(rng, client, sizes))
    _simulate(world, preheat)
    truth = _truth(world, preheat)
    _write(Path(directory), world, preheat, truth)
    return truth


def write_sample(directory: str | Path, case: str, client: str, seed: int = 1) -> Truth:
    """Write a run of default size; see `write_run`."""
    return write_run(directory, case=case, client=client, seed=seed)


def _world(case: Case, client: str, rng: np.random.Generator, hosts: Hosts, scale: float) -> World:
    era = load_client(client)
    scheduler = load_scheduler(era.scheduler)
    clock, bandwidth_bps = Clock(), case.origin.link_bps
    return World(
        case=case,
        client=era,
        scheduler=scheduler,
        rng=rng,
        journal=Journal(era, scheduler),
        hosts=[HostState(host, Link(clock, bandwidth_bps)) for host in make_hosts(rng, hosts)],
        clock=clock,
        volume_bytes=case.volume_bytes * scale if case.volume_bytes else float("inf"),
        first_job_s=_FIRST_JOB_S,
    )


def _simulate(world: World, preheat: Preheat) -> None:
    manager = {"manager_ip": MANAGER_IP, "scheduler_ip": SCHEDULER_IP}
    for path, lines in ((CORE, world.scheduler.start), (JOB, world.scheduler.start_job)):
        for number, line in enumerate(lines):
            world.journal.zap(0.001 * number, path, line, manager)
    for number, state in enumerate(world.hosts):
        start_lines(world, state, 2.0 + 0.37 * number)
    preheat.schedule()
    world.clock.run()
    schedule_pulls(world, preheat)
    world.clock.run()
    _routine(world, world.journal.last_s() + 5.0)


def _routine(world: World, until_s: float) -> None:
    """Write the lines that repeat whatever happens, and the announcements the scheduler hears or misses."""
    announce = world.scheduler.lines["announce"]
    for number, state in enumerate(world.hosts):
        is_seed = state.host.role == "seed"
        values = host_values(state.host) | {"host_type": 1 if is_seed else 0, "cpu_percent": "42.5"}
        begin_s = 2.5 + 0.37 * number
        for period_s, line in world.client.every:
            for moment_s in _ticks(state, begin_s, period_s, until_s):
                world.journal.raw_client(moment_s, state.host.name, line.substitute(values))
        values["host_type"] = "0x1" if is_seed else "0x0"
        for moment_s in _ticks(state, begin_s, 10.0, until_s):
            if moment_s < world.frozen_from_s:
                world.journal.zap(moment_s + 0.001, CORE, announce, values)
            else:
                shown = values | {"host_type": 1 if is_seed else 0}
                world.journal.client_says(moment_s + 5.0, state.host.name, "announce_failed", shown)


def _ticks(state: HostState, begin_s: float, period_s: float, until_s: float) -> list[float]:
    moments = np.arange(begin_s, until_s, period_s).tolist()
    return [at for at in moments if not any(gone <= at < back for gone, back in state.away)]


def _truth(world: World, preheat: Preheat) -> Truth:
    tally, case = world.tally, world.case
    failed = dict(sorted(tally.failed_tasks.items(), key=lambda pair: (-pair[1], pair[0])))
    blobs = [blob for job in preheat.jobs for blob in job.image.blobs if blob.is_layer]
    layers: tuple[dict[str, Any], ...] = tuple(
        {"digest": blob.digest, "size_bytes": blob.size_bytes, "preheated": blob.digest in tally.preheated}
        for blob in blobs
    )
    settings: dict[str, str | int] = {"pieceTimeout": f"{case.piece_timeout_s:g}s"}
    settings |= {"writePieceTimeout": f"{case.write_timeout_s:g}s", "concurrentPieceCount": case.concurrent_pieces}
    return Truth(
        name=f"{case.name}-{world.client.client}",
        client=world.client.client,
        scheduler=world.scheduler.scheduler,
        log_level="info",
        planted=case.planted,
        primary_cause=next(iter(failed), None),
        seed_settings=settings,
        origin=case.origin.planted(),
        images=len(preheat.jobs),
        job_states=tuple(job["state"] for job in jobs_json(preheat)),
        layers=layers,
        tasks_failed=sum(failed.values()),
        tasks_failed_by_cause=failed,
        failed_peers=dict(tally.failed_peers),
        layers_failed=sum(not layer["preheated"] for layer in layers),
        pulls=tally.pulls,
        pulls_failed=tally.pulls_failed,
        requests_at_origin=dict(sorted(tally.requests.items())),
        pieces_started=tally.pieces_started,
        pieces_ok=tally.pieces_ok,
        pieces_failed=tally.pieces_failed,
        pieces_cut=tally.pieces_cut,
        pieces_cancelled=tally.pieces_cancelled,
    )


def _write(directory: Path, world: World, preheat: Preheat, truth: Truth) -> None:
    texts = world.journal.files()
    for state in world.hosts:
        texts[f"{state.host.name}/dfdaemon.yaml"] = dfdaemon_yaml(world, state.host)
    texts["scheduler-0/scheduler.yaml"] = scheduler_yaml()
    texts["jobs.json"] = _json(jobs_json(preheat))
    if world.case.pods:
        texts |= {"pods.json": _json(pods_json(world)), "events.json": _json(events_json(world))}
    for path, text in texts.items():
        target = directory / "run" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8", newline="\n")
    (directory / "truth.json").write_text(_json(asdict(truth)), "utf-8", newline="\n")


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
