"""Preheat jobs as the manager's API of a release takes them, and the commands that show whether every layer is there."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dfly_analysis.catalog.job_api import JobApi
from dfly_analysis.errors import DflyError
from dfly_analysis.messages import Message, message
from dfly_analysis.recommendation.manifest import Manifest
from dfly_analysis.units import format_duration

_LEAST_S, _ROOM = 600.0, 2.0
_NS = 1_000_000_000


def scope_name(api: JobApi, scope: str) -> str | None:
    """Return how a release spells a scope, None where it preheats one seed only; a DflyError if it cannot preheat that scope."""
    if scope in api.scopes:
        return api.scopes[scope]
    if not api.scopes and scope == "single_seed_peer":
        return None
    known = " and ".join(api.scopes) or "single_seed_peer"
    raise DflyError(f"manager {api.version} has no scope {scope}", hint=f"it has {known}")


def job_timeout_s(api: JobApi, longest_s: float | None) -> float | None:
    """Return the deadline to ask for: twice the longest predicted time, within what the manager waits for; None where it cannot be set."""
    if not api.settable:
        return None
    if longest_s is None or not math.isfinite(longest_s):
        return api.deadline_s
    return min(max(_LEAST_S, math.ceil(_ROOM * longest_s / 60.0) * 60.0), api.window_s)


def image_job(manifest: Manifest, api: JobApi, scope: str, parallel: int, timeout_s: float | None) -> dict[str, Any]:
    """Return the payload that preheats the whole image."""
    url = manifest.url or "https://REGISTRY/v2/NAME/manifests/TAG"
    extra = {"platform": manifest.platform} if manifest.platform else {}
    return job_of({"type": "image", "url": url, **extra}, api, scope, parallel, timeout_s)


def job_of(
    arguments: dict[str, Any], api: JobApi, scope: str, parallel: int, timeout_s: float | None
) -> dict[str, Any]:
    """Return the payload of a preheat with some arguments."""
    name = scope_name(api, scope)
    if name is not None:
        arguments["scope"] = name
    if api.layers_field:
        arguments[api.layers_field] = parallel
    if api.peers_field and scope == "all_peers":
        arguments[api.peers_field] = 50
    if timeout_s is not None:
        arguments["timeout"] = round(timeout_s) * _NS  # Go reads a bare number as nanoseconds
    return {"type": "preheat", "args": arguments}


def command_of(payload: Mapping[str, Any]) -> str:
    """Return the call of the API that starts a job; token and address are the user's."""
    body = json.dumps(payload, separators=(",", ":")).replace("'", "'\\''")
    return (
        "curl -sS -X POST -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
        f"\"$MANAGER/oapi/v1/jobs\" -d '{body}'"
    )


@dataclass(frozen=True)
class PlannedCheck:
    """Something to look at once the jobs have ended: what, with which command, and what to expect."""

    what: str
    command: str
    expect: str


def checks_of(manifest: Manifest, api: JobApi, scope: str) -> tuple[PlannedCheck, ...]:
    """Return the checks that every layer has arrived."""
    digests = [layer.digest for layer in manifest.layers]
    wanted = "printf '%s\\n' " + " ".join(digests)
    fetched = 'curl -sS -H "Authorization: Bearer $TOKEN" "$MANAGER/oapi/v1/jobs/$JOB"'
    listed = "jq -r '.result.job_states[].results[]?.success_tasks[]?.url'"
    what = message("the layers that the job names as arrived (its state names no layer)")
    if api.false_success:
        what = message("the layers that the job names as arrived (SUCCESS does not mean all layers)")
    command = f"{fetched} | {listed} | grep -o 'sha256:[0-9a-f]*' | sort -u > there.txt; {wanted} | sort -u | comm -23 - there.txt"
    expected = message("no line: each line is one of the {n:,} layers that is missing", n=len(digests))
    if api.per_layer:
        what = message("the state of each layer's own task")
        command = f"{fetched} | jq -r '.result.job_states[] | [.state, .error] | @tsv'"
        expected = message("at least {n:,} lines, all SUCCESS", n=len(digests))
    hosts = PlannedCheck(
        message("hosts on which a layer failed"),
        f"{fetched} | jq -r '.result.job_states[].results[]?.failure_tasks[]? | [.hostname, .url, .description] | @tsv'",
        message("no line; success_tasks does not list hosts with a failed layer at all"),
    )
    again = PlannedCheck(
        message("the same job a second time fetches nothing"),
        'kubectl -n "$NAMESPACE" get --raw "/api/v1/namespaces/$NAMESPACE/pods/$SEED:4002/proxy/metrics" | grep \'download_traffic.*BACK_TO_SOURCE\'',
        message("the bytes are the same before and after, on every seed client"),
    )
    failures = PlannedCheck(
        message("what failed, and why"),
        'dfly-analysis collect -n "$NAMESPACE" -o after.tar.gz --add job.json && dfly-analysis diagnose after.tar.gz',
        message("no finding preheat_false_success, and no failed task"),
    )
    return (PlannedCheck(what, command, expected), *([hosts] if scope != "single_seed_peer" else []), again, failures)


def notes_of(api: JobApi, timeout_s: float | None, assumed: Message | None = None) -> Iterator[Message]:
    """Yield notes on the API of a release; `assumed` is why that is not known (`Settings.assumed`)."""
    release = api.version
    if assumed is not None:
        yield message("{reason}: the API of jobs is that of {version}", reason=assumed, version=release)
    elif api.is_assumed and api.asked is not None:
        yield message(
            "manager {version} is not known to this version of dfly-analysis: the API of jobs is that of {known}, the nearest known release",
            version=api.asked, known=release,
        )  # fmt: skip
    elif api.is_assumed:
        yield message("the manager's release is not known, {release} is assumed (set --scheduler)", release=release)
    if timeout_s is not None:
        seconds = round(timeout_s)
        yield message(
            "`timeout` is in nanoseconds: {ns} is {time}; {seconds} would be {us:g} microseconds, and the job would fail at once",
            ns=seconds * _NS, time=format_duration(timeout_s), seconds=seconds, us=seconds / 1000,
        )  # fmt: skip
    elif api.deadline_s is not None:
        time = format_duration(api.deadline_s)
        yield message("manager {release} takes no timeout: each layer has {time}", release=release, time=time)
    if api.layers_field is None:
        yield message("manager {release} does not limit concurrent layers: start no more jobs at a time than planned", release=release)  # fmt: skip
    time = format_duration(api.window_s)
    yield message("the manager polls a job for {time}; a longer job may be reported as FAILURE while it runs", time=time)  # fmt: skip
    yield message("a job of type file needs the registry's token in `headers`; an image job gets its own")
