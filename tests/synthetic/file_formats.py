"""Files of a run that are not logs: rendered configurations and the manager's jobs."""

from __future__ import annotations

from string import Template
from typing import Any

from tests.synthetic.log_writer import moment
from tests.synthetic.preheat import Job, Layer, Preheat, results_of
from tests.synthetic.state import World
from tests.synthetic.topology import MANAGER_IP, SCHEDULER_IP, Host
from tests.synthetic.versions import filter_params

_DFDAEMON = Template("""host:
  ip: "$ip"
  hostname: "$name"
download:
  server:
    socketPath: "/var/run/dragonfly/dfdaemon.sock"
  pieceTimeout: "${piece_timeout_s}s"
  concurrentPieceCount: $concurrent_pieces
  $limit_key: "$limit"$wrong_key
upload:
  server:
    port: 4000
  $limit_key: "$limit"
scheduler:
  announceInterval: "10s"
  scheduleTimeout: "${schedule_timeout_s}s"
  maxScheduleCount: 5
  enableBackToSource: true
seedPeer:
  enable: $is_seed
  type: "super"
  clusterID: 1
  keepaliveInterval: "5s"
dynconfig:
  refreshInterval: "1m"
storage:
  dir: "/var/lib/dragonfly/"
  keep: false
  writePieceTimeout: "${write_timeout_s}s"
gc:
  interval: "900s"
  policy:
    taskTTL: "6h"
metrics:
  server:
    port: 4002
manager:
  addr: "http://$manager_ip:65003"
""")
_POLL_S = 30.0  # the manager sees a job's end only when it asks again


def dfdaemon_yaml(world: World, host: Host) -> str:
    """Return a host's rendered ``dfdaemon.yaml``."""
    case, key = world.case, world.client.behaviour.rate_limit_key
    return _DFDAEMON.substitute(
        ip=host.ip,
        name=host.name,
        piece_timeout_s=f"{case.piece_timeout_s:g}",
        write_timeout_s=f"{case.write_timeout_s:g}",
        schedule_timeout_s=f"{case.schedule_timeout_s:g}",
        concurrent_pieces=case.concurrent_pieces,
        limit_key=key,
        wrong_key=f"\n  {case.wrong_key}" if case.wrong_key else "",
        limit="10GiB" if key == "rateLimit" else "50GB",
        is_seed="true" if host.role == "seed" else "false",
        manager_ip=MANAGER_IP,
    )


def scheduler_yaml() -> str:
    """Return the rendered ``scheduler.yaml``."""
    return f"""server:
  advertiseIP: "{SCHEDULER_IP}"
  listenIP: "0.0.0.0"
  port: 8002
  host: "scheduler-0"
scheduler:
  algorithm: "default"
  backToSourceCount: 200
  retryBackToSourceLimit: 3
  retryLimit: 5
  retryInterval: "500ms"
  gc:
    pieceDownloadTimeout: "30m"
    peerGCInterval: "10s"
    peerTTL: "24h"
job:
  enable: true
  globalWorkerNum: 10
  schedulerWorkerNum: 10
  localWorkerNum: 20
console: false
manager:
  addr: "{MANAGER_IP}:65003"
  schedulerClusterID: 1
database:
  redis:
    addrs: ["{MANAGER_IP}:6379"]
    brokerDB: 1
    backendDB: 2
"""


def jobs_json(preheat: Preheat) -> list[dict[str, Any]]:
    """Return the manager's jobs as its API gives them.

    Parameters
    ----------
    preheat : Preheat
        The jobs, run to their end.

    Returns
    -------
    list of dict
        With one task a layer a job fails with any of them; with one task an image it always succeeds,
        and only ``success_tasks`` tells what is there.
    """
    return [_job(preheat, job) for job in preheat.jobs]


def _job(preheat: Preheat, job: Job) -> dict[str, Any]:
    heads = [[layer] for layer in job.layers] if preheat.per_layer else [job.layers]
    states = [_state(preheat, job, layers) for layers in heads]
    lost = preheat.world.case.manager_gives_up or any(found["state"] == "FAILURE" for found in states)
    state = "FAILURE" if lost else "SUCCESS"
    created, updated = moment(job.created_s), moment(job.created_s + _POLL_S * (1 + job_polls(job)))
    return {
        "id": job.number,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "updated_at": updated.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "is_del": 0,
        "task_id": job.group_uuid,
        "bio": "",
        "type": "preheat",
        "state": state,
        "args": _args(preheat, job),
        "result": {
            "created_at": created.isoformat().replace("+00:00", "Z"),
            "group_uuid": job.group_uuid,
            "job_states": states,
            "state": state,
            "updated_at": updated.isoformat().replace("+00:00", "Z"),
        },
        "user_id": 0,
        "seed_peer_clusters": [],
        "scheduler_clusters": [{"id": 1, "name": "cluster-1", "is_default": True}],
    }


def job_polls(job: Job) -> int:
    """Return how many polls saw the job still running."""
    return int((job.ended_s - job.created_s) // _POLL_S)


def _args(preheat: Preheat, job: Job) -> dict[str, Any]:
    concurrency = (
        {"concurrent_count": 50} if preheat.per_layer else {"concurrent_task_count": 8, "concurrent_peer_count": 500}
    )
    return concurrency | {
        "filtered_query_params": filter_params(),
        "headers": None,
        "password": "",
        "platform": "linux/amd64",
        "scope": preheat.world.scheduler.scope,
        "tag": "",
        "timeout": preheat.world.case.job_timeout_ns or (1800 if preheat.per_layer else 3600) * 1_000_000_000,
        "type": "image",
        "url": job.image.manifest_url,
        "username": "",
    }


def _state(preheat: Preheat, job: Job, layers: list[Layer]) -> dict[str, Any]:
    failed = preheat.per_layer and layers[0].failure is not None
    if preheat.world.case.manager_gives_up:
        return _unheard_state(job, layers[0])
    found = results_of(layers)
    order = ("failure_tasks", "scheduler_cluster_id", "success_tasks")
    return {
        "created_at": moment(job.created_s).isoformat().replace("+00:00", "Z"),
        "error": f"rpc error: code = {layers[0].code} desc = {layers[0].error}" if failed else "",
        "results": None if failed else [{name: found[name] for name in order}],
        "state": "FAILURE" if failed else "SUCCESS",
        "task_name": "preheat",
        "task_uuid": layers[0].task_uuid,
        "ttl": 0,
    }


def _unheard_state(job: Job, layer: Layer) -> dict[str, Any]:
    """Return the state of a task that still ran when the manager asked for the last time."""
    return {
        "created_at": moment(job.created_s).isoformat().replace("+00:00", "Z"),
        "error": "",
        "results": None,
        "state": "STARTED",
        "task_name": "preheat",
        "task_uuid": layer.task_uuid,
        "ttl": 0,
    }
