"""The manager's preheat jobs: layers handed to seeds, a few at a time, and seeds that are killed meanwhile."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.synthetic.log_writer import JOB
from tests.synthetic.pipeline import SourceTask
from tests.synthetic.state import HostState, World, blob_values, host_values
from tests.synthetic.topology import SCHEDULER_IP, Blob, Image, draw_uuid
from tests.synthetic.versions import filter_params

JOB_INTERVAL_S = 10.0
_SECOND_NS = 1_000_000_000
_LAYERS_AT_ONCE = {"one_task_a_layer": 20, "one_task_an_image": 8}
_AWAY_S = 4.0
_FIRST_KILL_S, _BETWEEN_KILLS_S = 3.0, 12.0


@dataclass
class Layer:
    """One blob of a job: where it went and how it ended."""

    blob: Blob
    task_uuid: str
    seed: HostState | None = None
    failure: str | None = None
    error: str = ""
    code: str = "Internal"
    ended_s: float | None = None


@dataclass
class Job:
    """One preheat job."""

    image: Image
    number: int
    group_uuid: str
    created_s: float
    layers: list[Layer] = field(default_factory=list)

    @property
    def urls(self) -> list[str]:
        """Addresses of its blobs."""
        return [layer.blob.url for layer in self.layers]

    @property
    def ended_s(self) -> float:
        """Moment its last blob ended."""
        return max(layer.ended_s or 0.0 for layer in self.layers)


class Preheat:
    """Runs the jobs of all images.

    Parameters
    ----------
    world : World
        What the run shares.
    images : tuple of Image
        What to preheat, one job each.
    """

    def __init__(self, world: World, images: tuple[Image, ...]) -> None:
        self.world = world
        self.per_layer = world.scheduler.jobs == "one_task_a_layer"
        self.jobs = [self._job(number, image) for number, image in enumerate(images, start=1)]
        self.queue: deque[tuple[Job, Layer]] = deque()
        self.running = 0
        self.kills_left = world.case.kills

    def _job(self, number: int, image: Image) -> Job:
        rng = self.world.rng
        created_s = self.world.first_job_s + (number - 1) * JOB_INTERVAL_S
        job = Job(image, number, f"group_{draw_uuid(rng)}", created_s)
        shared = f"task_{draw_uuid(rng)}"
        job.layers = [Layer(b, f"task_{draw_uuid(rng)}" if self.per_layer else shared) for b in image.blobs]
        return job

    def schedule(self) -> None:
        """Post all jobs at their times."""
        for job in self.jobs:
            self.world.clock.after(job.created_s, partial(self._post, job))
        if self.kills_left:
            self.world.clock.after(self.world.first_job_s + _FIRST_KILL_S, self._kill)

    def _post(self, job: Job) -> None:
        for layer in job.layers if self.per_layer else job.layers[:1]:
            self._job_log("message", message=self._message(job, layer), task_uuid=layer.task_uuid)
        self._core("job_started", job, job.layers[0])
        self.queue.extend((job, layer) for layer in job.layers)
        self._fill()

    def _fill(self) -> None:
        most = _LAYERS_AT_ONCE[self.world.scheduler.jobs]
        while self.queue and self.running < most:
            job, layer = self.queue.popleft()
            self.running += 1
            self._hand_out(job, layer)

    def _hand_out(self, job: Job, layer: Layer) -> None:
        seeds = self.world.seeds
        wanted = int(layer.blob.task_id[:8], 16) % len(seeds)
        alive = [seed for seed in seeds[wanted:] + seeds[:wanted] if seed.alive]
        if not alive:
            self.world.clock.after(1.0, partial(self._hand_out, job, layer))
            return
        layer.seed = alive[0]
        host = layer.seed.host
        self._core("layer_queued", job, layer)
        if (self.world.case.job_timeout_ns or _SECOND_NS) < _SECOND_NS:
            self.world.clock.after(0.0002, partial(self._late, job, layer))
            return
        peer_id = f"{host.ip}-{host.name}-{draw_uuid(self.world.rng)}-seed"
        values = self.world.task_values(host, layer.blob, peer_id, SCHEDULER_IP)
        task = SourceTask(self.world, layer.seed, layer.blob, values, partial(self._ended, job, layer))
        task.later(0.03 + float(self.world.rng.exponential(0.01)), task.start)

    def _late(self, job: Job, layer: Layer) -> None:
        """End a layer whose deadline had passed before its seed was asked."""
        layer.ended_s, layer.failure = self.world.clock.now_s, "deadline"
        layer.code, layer.error = "DeadlineExceeded", "context deadline exceeded"
        self.world.tally.fail(layer.blob.url, self.world.case.cause_of("deadline"))
        self.running -= 1
        self._core("layer_failed", job, layer)
        self._report(job, layer)
        self._fill()

    def _ended(self, job: Job, layer: Layer, task: SourceTask, failure: str | None) -> None:
        layer.ended_s, layer.failure = self.world.clock.now_s, failure
        self.running -= 1
        if failure is None:
            self.world.tally.preheated.add(layer.blob.digest)
            self._core("layer_succeeded", job, layer)
        else:
            self.world.tally.fail(str(task.values["peer_id"]), self.world.case.cause_of(failure))
            layer.code = "Unavailable" if failure == "killed" else "Internal"
            killed = "error reading from server: EOF"
            layer.error = killed if failure == "killed" else task.words(failure, task.failed_piece)["error"]
            self._core("layer_failed", job, layer)
        self._report(job, layer)
        self._fill()

    def _report(self, job: Job, layer: Layer) -> None:
        if self.per_layer:
            ok = layer.failure is None
            results = json.dumps(results_of([layer]), separators=(",", ":"))
            values = {"task_uuid": layer.task_uuid, "results": results, "code": layer.code, "error": layer.error}
            self._job_log("processed" if ok else "process_failed", **values)
        elif all(other.ended_s is not None for other in job.layers):
            failed = [other for other in job.layers if other.failure]
            if failed:
                self._core("job_had_failures", job, failed[0])
            results = json.dumps(results_of(job.layers), separators=(",", ":"))
            self._job_log("processed", task_uuid=layer.task_uuid, results=results)

    def _kill(self) -> None:
        """Kill the seed that runs most tasks; wait for one where none runs any."""
        live = [seed for seed in self.world.seeds if seed.alive]
        busy = [[task for task in seed.tasks if not task.ended] for seed in live]
        if not any(busy):
            if any(layer.ended_s is None for job in self.jobs for layer in job.layers):
                self.world.clock.after(1.0, self._kill)
            return
        seed, tasks = max(zip(live, busy, strict=True), key=lambda pair: len(pair[1]))
        now_s = self.world.clock.now_s
        seed.alive, seed.used_bytes, seed.wiped_at_s = False, 0, now_s
        seed.away.append((now_s, now_s + _AWAY_S))
        for task in seed.tasks:
            task.dead = True
        for task in tasks:
            task.scheduler_says("stream_lost")
            task.kill()
        self.world.clock.after(_AWAY_S, partial(self._restart, seed))
        self.kills_left -= 1
        if self.kills_left:
            self.world.clock.after(_BETWEEN_KILLS_S, self._kill)

    def _restart(self, seed: HostState) -> None:
        seed.alive = True
        start_lines(self.world, seed, self.world.clock.now_s)

    def _core(self, step: str, job: Job, layer: Layer) -> None:
        values = blob_values(layer.blob) | {
            "groupUUID": job.group_uuid,
            "taskUUID": layer.task_uuid,
            "group_uuid": job.group_uuid,
            "task_uuid": layer.task_uuid,
            "urls": job.urls,
            "url_list": " ".join(job.urls),
            "url_quoted": ", ".join(f'"{url}"' for url in job.urls),
            "filter_params": filter_params(),
            "seed_ip": layer.seed.host.ip if layer.seed else "",
            "error": layer.error,
            "code": layer.code,
        }
        self.world.journal.scheduler_says(self.world.clock.now_s + 0.001, step, values)

    def _job_log(self, name: str, **values: Any) -> None:
        moment_s = self.world.clock.now_s + 0.002
        self.world.journal.zap(moment_s, JOB, self.world.scheduler.lines[name], values)

    def _message(self, job: Job, layer: Layer) -> str:
        """Return the machinery message as the scheduler prints it: JSON within JSON, & escaped as Go does."""
        asked: dict[str, Any] = {"url": layer.blob.url} if self.per_layer else {"url": "", "urls": job.urls}
        asked |= {} if self.per_layer else {"pieceLength": None}
        headers = {"Accept": "application/vnd.oci.image.layer.v1.tar+gzip", "Authorization": ""}
        asked |= {"tag": "", "filtered_query_params": filter_params(), "headers": headers}
        asked |= {"application": "", "priority": 0, "scope": self.world.scheduler.scope}
        asked |= self._request_tail(job, layer)
        request = json.dumps(asked, separators=(",", ":")).replace("&", "\\u0026")
        return json.dumps(self._envelope(job, layer, request), separators=(",", ":"))

    def _request_tail(self, job: Job, layer: Layer) -> dict[str, Any]:
        """Return the end of the request, which differs by version."""
        trust = {"certificate_chain": None, "insecure_skip_verify": False}
        if self.per_layer:
            return {"concurrent_count": 50} | trust | {"timeout": self.world.case.job_timeout_ns or 1_800_000_000_000}
        chosen = {"ips": None, "percentage": None, "count": None}
        parallel = {"concurrent_task_count": 8, "concurrent_peer_count": 500}
        ids = {"group_uuid": job.group_uuid, "task_uuid": layer.task_uuid}
        sinks = {"object_storage": None, "hdfs": None, "output_path": None}
        return (
            chosen | parallel | trust | {"timeout": self.world.case.job_timeout_ns or 3_600_000_000_000} | ids | sinks
        )

    def _envelope(self, job: Job, layer: Layer, request: str) -> dict[str, Any]:
        """Return what the job queue wraps around a request."""
        return {
            "UUID": layer.task_uuid,
            "Name": "preheat",
            "RoutingKey": "scheduler_1_scheduler-0" + ("" if self.per_layer else f"_{SCHEDULER_IP}"),
            "ETA": None,
            "GroupUUID": job.group_uuid,
            "GroupTaskCount": len(job.layers) if self.per_layer else 1,
            "Args": [{"Name": "", "Type": "string", "Value": request}],
            "Headers": {},
            "Priority": 0,
            "Immutable": False,
            "RetryCount": 0,
            "RetryTimeout": 0,
            "OnSuccess": None,
            "OnError": None,
            "ChordCallback": None,
            "BrokerMessageGroupId": "",
            "SQSReceiptHandle": "",
            "StopTaskDeletionOnError": False,
            "IgnoreWhenTaskNotRegistered": False,
        }


def results_of(layers: list[Layer]) -> dict[str, Any]:
    """Return what a task reports of its layers: those that are there, never those that are not."""
    done = [
        {"url": layer.blob.url, "hostname": layer.seed.host.name, "ip": layer.seed.host.ip}
        for layer in layers
        if layer.failure is None and layer.seed is not None
    ]
    return {"success_tasks": done or None, "failure_tasks": None, "scheduler_cluster_id": 1}


def start_lines(world: World, state: HostState, moment_s: float) -> None:
    """Write what a dfdaemon prints when it starts."""
    values = host_values(state.host) | {"host_type": 1 if state.host.role == "seed" else 0, "cpu_percent": "100.0"}
    for line in world.client.start:
        world.journal.raw_client(moment_s, state.host.name, line.substitute(values))
        moment_s += 0.0031
