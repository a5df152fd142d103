"""A made-up cluster: executables named kubectl and helm that serve the files of a generated run, and write down what was asked."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

_FAKE = """#!{python} -IS
import json, os, sys, time
from pathlib import Path

root = Path({root!r})
words = sys.argv[1:]
with (root / "asked.jsonl").open("a") as log:
    log.write(json.dumps([Path(sys.argv[0]).name, *words]) + "\\n")
name = None
for flag in ("-n", "--context", "--kube-context"):
    if flag in words:
        place = words.index(flag)
        del words[place : place + 2]
line = " ".join(words)
plan = json.loads((root / "plan.json").read_text())
for part, action in plan.items():
    if part in line:
        if action == "hang":
            sys.stdout.write("first\\n"); sys.stdout.flush(); time.sleep(600)
        elif action == "fail":
            sys.stderr.write("E0101 memcache.go:265] noise before\\n")
            sys.exit("Error from server (Forbidden): " + part + " token=s3cr3tv4lue")
        elif action == "interrupt":
            import signal
            os.kill(os.getppid(), signal.SIGINT); time.sleep(600)
if Path(sys.argv[0]).name == "helm":
    name = "helm-list" if words[0] == "list" else "helm-values"
    if words == ["list", "-q"]:
        print("dragonfly"); sys.exit()
    sys.stdout.write((root / name).read_text()); sys.exit()
if words[0] == "get" and words[1] == "--raw":
    name = "pods/" + words[2].split("/")[6].split(":")[0] + "/metrics.txt"
elif words[0] == "get" and words[1] == "pod":
    pods = json.loads((root / "pods.json").read_text())["items"]
    names = [c["name"] for p in pods if p["metadata"]["name"] == words[2] for c in p["spec"]["containers"]]
    print("\\n".join(names)); sys.exit()
elif words[0] == "get" and "jsonpath" in line:
    print("\\n".join(p["metadata"]["name"] for p in json.loads((root / "pods.json").read_text())["items"])); sys.exit()
elif words[0] == "get":
    name = words[1] + ("." + words[3] if len(words) > 3 else "")
elif words[0] == "top":
    name = "top"
elif words[0] == "logs":
    name = "pods/" + words[1] + "/console-" + words[3] + (".previous" if "--previous" in words else "") + ".log"
elif words[0] == "exec" and "find" in words:
    folder = root / "pods" / words[1] / "var"
    print("\\n".join("/var/log/dragonfly/" + str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()))
    sys.exit()
elif words[0] == "exec":
    path = words[-1]
    name = "pods/" + words[1] + path.replace("/var/log/dragonfly", "/var").replace("/etc/dragonfly", "")
target = root / name
if not target.is_file():
    sys.exit("Error from server (NotFound): " + name)
sys.stdout.buffer.write(target.read_bytes())
"""
COMPONENTS = {"seed-client": "seed-client", "client": "client", "scheduler": "scheduler", "manager": "manager"}
PASSWORD = "s3cr3t-p4ssw0rd-of-redis"


class FakeCluster:
    """Serves a generated run as a cluster would; `plan` says what goes wrong."""

    def __init__(self, root: Path, run: Path) -> None:
        self.root, self.bin = root, root / "bin"
        self.bin.mkdir(parents=True)
        for name in ("kubectl", "helm"):
            path = self.bin / name
            path.write_text(_FAKE.format(python=sys.executable, root=str(root)))
            path.chmod(0o755)
        self.plan({})
        hosts = sorted(path.name for path in run.iterdir() if path.is_dir())
        for host in hosts:
            self._host(run / host, root / "pods" / host)
        pods = [_pod(host) for host in hosts]
        pods.append(_pod("dragonfly-redis-0", "redis"))
        self._json("pods.json", {"apiVersion": "v1", "kind": "List", "items": pods})
        self._json("events.json", {"apiVersion": "v1", "kind": "List", "items": []})
        (root / "configmaps.yaml").write_text(
            f"data:\n  manager.yaml: |\n    password: {PASSWORD}\n    addr: redis:6379\n"
        )
        (root / "top").write_text("POD NAME CPU(cores) MEMORY(bytes)\n")
        self._json("helm-list", [{"name": "dragonfly", "chart": "dragonfly-1.7.4"}])
        (root / "helm-values").write_text(f"externalRedis:\n  password: {PASSWORD}\n")

    def plan(self, actions: dict) -> None:
        """Say which commands fail, hang or interrupt: a part of the command line to what it does."""
        self._json("plan.json", actions)

    def asked(self) -> list[list[str]]:
        """Return every command that was run since the last call."""
        log = self.root / "asked.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        log.write_text("")
        return [json.loads(line) for line in lines]

    def shown(self) -> list[str]:
        """Return them as one would type them."""
        return [shlex.join(words) for words in self.asked()]

    def _host(self, source: Path, target: Path) -> None:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                inside = path.relative_to(source)
                place = target / inside if path.suffix == ".yaml" else target / "var" / inside
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(path.read_bytes())
        component = _component(source.name)
        (target / "metrics.txt").write_text("# TYPE up gauge\nup 1\n")
        (target / f"console-{component}.log").write_text("")

    def _json(self, name: str, content: object) -> None:
        (self.root / name).write_text(json.dumps(content))


def _component(host: str) -> str:
    return next((part for part in COMPONENTS if host.startswith(part)), "redis")


def _pod(name: str, component: str | None = None) -> dict:
    component = component or _component(name)
    env = [{"name": "REDIS_PASSWORD", "value": PASSWORD}, {"name": "LANG", "value": "C"}]
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"env": env})}
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"component": component, "release": "dragonfly"}, "annotations": applied},
        "spec": {"containers": [{"name": component, "env": env}]},
        "status": {"containerStatuses": [{"name": component, "restartCount": int(name == "seed-client-0")}]},
    }  # fmt: skip
