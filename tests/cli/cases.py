"""What the tests of the commands share: how to call one, and input with mistakes and secrets in it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import yaml
from click.testing import CliRunner

from dfly_analysis.cli import main

CANARY = "cAnArY5up3rs3cr3tV4lu3"
START = "2026-03-01T10:00:00.000000000+00:00  INFO dragonfly-client/src/tracing/mod.rs:131: "
LOG = START + "tracing initialized directory: /var/log/dragonfly/dfdaemon, level: INFO\n"
SECRETS = (
    f'get url failed request_header={{"authorization": "Bearer {CANARY}"}}',
    f"GET https://reg.example/v2/blob?X-Amz-Signature={CANARY}&X-Amz-Credential={CANARY}%2F2026 failed",
    f"proxy https://user:{CANARY}@proxy.example:3128 refused: error decoding response body",
    f"set-cookie: session={CANARY}; Path=/",
    f'registry config {{ username: "a", password: "{CANARY}" }}',
)


def invoke(*arguments, **more):
    return CliRunner().invoke(main, [str(one) for one in arguments], prog_name="dfly-analysis", **more)


def command(*arguments, **more):
    call = [sys.executable, "-m", "dfly_analysis", *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, check=False, **more)


def with_output(name, folder):
    return ("-o", folder / "out") if name in ("load", "redact", "report") else ()


def is_one_line(text):
    return text.startswith("dfly-analysis: ") and text.endswith("\n") and text.count("\n") == 1


def write_wrong(folder, kind):
    path = folder / "input"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "random":
        path.write_bytes(bytes((number * 7919 + 13) % 256 for number in range(4000)))
    elif kind == "truncated":
        path.write_bytes(gzip.compress(LOG.encode() * 50)[:20])
    elif kind == "no logs":
        path.mkdir()
        (path / "notes.txt").write_text("hello\n", "utf-8")
    elif kind == "no files":
        path.mkdir()
    return path


def write_secrets(folder):
    """Write a log, jobs and values with a secret in every place where one is seen in practice."""
    logs = folder / "run" / "seed-0" / "dfdaemon"
    logs.mkdir(parents=True)
    lines = [START.replace("INFO", "ERROR").replace("  ", " ", 1) + text + "\n" for text in SECRETS]
    (logs / "dfdaemon.log").write_text(LOG + "".join(lines), "utf-8")
    args = {"headers": {"Authorization": f"Bearer {CANARY}"}, "password": CANARY, "username": "a", "url": f"https://u:{CANARY}@r.example/v2/a/manifests/1", "scope": "single_seed_peer"}  # fmt: skip
    state = {"state": "FAILURE", "error": f"401 with token={CANARY}: error decoding response body", "task_uuid": "t"}
    result = {"group_uuid": "group_1", "job_states": [state], "state": "FAILURE"}
    job = {"id": 1, "task_id": "group_1", "type": "preheat", "state": "FAILURE", "args": args, "result": result, "created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-01T10:01:00Z"}  # fmt: skip
    (folder / "run" / "jobs.json").write_text(json.dumps([job]), "utf-8")
    values = {
        "manager": {"config": {"auth": {"jwt": {"key": CANARY}}}},
        "mysql": {"auth": {"password": CANARY}},
        "seedClient": {"config": {"download": {"pieceDownloadTimeout": "600s"}, "backend": {"requestHeader": {"Authorization": CANARY}}}},
    }  # fmt: skip
    (folder / "values.yaml").write_text(yaml.safe_dump(values), "utf-8")
    return folder / "run", folder / "values.yaml"


def refused(*arguments):
    """Return exit code and the one line of a refusal; nothing may be on stdout."""
    done = invoke(*arguments)
    lines = done.stderr.splitlines()
    assert (len(lines), done.stdout) == (1, ""), done.output
    assert lines[0].startswith("dfly-analysis: ")
    return done.exit_code, lines[0]
