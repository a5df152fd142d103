"""What an artifact contains and where it comes from: SBOM (CycloneDX), licences, provenance, all from the locked environment."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from os import environ
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_NAME = "dfly-analysis"
_FILES_OF_RELEASE = (".txt", ".json", ".md", ".yaml", "SUMS")


@dataclass(frozen=True)
class Environment:
    """The libraries that the lock installs: what CycloneDX says of each, and which are needed without extras, directly or not."""

    document: dict[str, Any]
    direct: frozenset[str]
    core: frozenset[str]
    all: frozenset[str]

    def components(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Return the components of these names, as CycloneDX writes them, in order of their names."""
        listed = {str(canonicalize_name(one["name"])): one for one in self.document["components"]}
        return [listed[name] for name in sorted(names) if name in listed]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def read_environment(folder: Path, locks: Path, wheel: Path) -> Environment:
    """Install the lock `runtime.txt` and our wheel into a new environment, and list what is there."""
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    commands = (
        [sys.executable, "-m", "venv", str(folder)],
        [*pip, "--no-compile", "--require-hashes", "-r", str(locks / "runtime.txt")],
        [*pip, "--no-compile", "--no-deps", str(wheel)],
    )
    for command in commands:
        subprocess.run(command, check=True)  # noqa: S603 - this Python and pip
    asked = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--of", "JSON", str(python)]
    document = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)  # noqa: S603
    with zipfile.ZipFile(wheel) as content:
        (name,) = (one for one in content.namelist() if one.endswith(".dist-info/METADATA"))
        lines = message_from_bytes(content.read(name)).get_all("Requires-Dist") or []
    needed = [Requirement(line) for line in lines]
    direct = frozenset(str(canonicalize_name(one.name)) for one in needed if _holds(one, ""))
    return Environment(document, direct, _pinned(locks / "core.txt"), _closure(document, needed, "report"))


def _pinned(lock: Path) -> frozenset[str]:
    """Return the names in a lock: what is installed leads to more, for a library's own extras count as well."""
    lines = lock.read_text("utf-8").splitlines()
    return frozenset(str(canonicalize_name(line.partition("==")[0])) for line in lines if "==" in line)


def _closure(document: dict[str, Any], needed: Sequence[Requirement], extra: str) -> frozenset[str]:
    """Return the names of what requirements lead to, through the dependencies that are installed."""
    names = {one["bom-ref"]: canonicalize_name(one["name"]) for one in document["components"]}
    leads = {names[one["ref"]]: [names[ref] for ref in one.get("dependsOn", ())] for one in document["dependencies"] if one["ref"] in names}  # fmt: skip
    found: set[str] = set()
    left = [canonicalize_name(one.name) for one in needed if _holds(one, extra)]
    while left:
        name = left.pop()
        if name not in found and name in leads:
            found.add(name)
            left += leads[name]
    return frozenset(found)


def _holds(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def sboms(artifacts: Sequence[Path], version: str, environment: Environment) -> dict[str, str]:
    """Return the SBOM of each artifact by its file name; libraries that only an extra brings are optional in sdist and wheels."""
    return {
        f"{path.name}.cdx.json": _sbom(path, version, environment)
        for path in artifacts
        if not path.name.endswith(_FILES_OF_RELEASE)
    }


def _sbom(path: Path, version: str, environment: Environment) -> str:
    is_whole = path.name.endswith(".pex") or path.name.startswith("kubectl")
    names = environment.core if is_whole else environment.all
    components = [
        one | {"scope": "required" if canonicalize_name(one["name"]) in environment.core else "optional"}
        for one in environment.components(names)
    ]
    refs = {one["bom-ref"] for one in components}
    dependencies = [
        {"ref": one["ref"], "dependsOn": [ref for ref in one.get("dependsOn", ()) if ref in refs]}
        for one in environment.document["dependencies"]
        if one["ref"] in refs
    ]
    own = {
        "type": "application", "bom-ref": path.name, "name": _NAME, "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}], "purl": f"pkg:pypi/{_NAME}@{version}?file_name={path.name}",
        "hashes": [{"alg": "SHA-256", "content": digest(path)}],
    }  # fmt: skip
    direct = [one["bom-ref"] for one in environment.components(environment.direct)]
    document = {
        **environment.document,
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, digest(path))}",
        "metadata": {**environment.document["metadata"], "component": own},
        "components": components,
        "dependencies": [{"ref": path.name, "dependsOn": direct}, *dependencies],
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def licences(environment: Environment) -> str:
    """Return a Markdown list of all libraries that a release installs, with their licences."""
    lines = ["# Licences of dependencies", "", "| library | version | licence | with extra |", "|---|---|---|---|"]
    for one in environment.components(environment.all):
        extra = "" if canonicalize_name(one["name"]) in environment.core else "report"
        lines.append(f"| {one['name']} | {one['version']} | {_licence(one)} | {extra} |")
    return "\n".join(lines) + "\n"


def _licence(component: dict[str, Any]) -> str:
    texts = [
        given.get("expression") or given["license"].get("id") or given["license"].get("name", "")
        for given in component.get("licenses", ())
    ]
    return "; ".join(dict.fromkeys(" ".join(text.split("\n")[0].split()) for text in texts)) or "not declared"


def provenance(artifacts: Sequence[Path], tag: str, commit: str, locks: Path) -> str:
    """Return what the artifacts were made from, as an in-toto statement with a SLSA predicate; the release workflow signs its own."""
    moment = datetime.fromtimestamp(int(environ["SOURCE_DATE_EPOCH"]), UTC)
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": path.name, "digest": {"sha256": digest(path)}} for path in artifacts],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "make release",
                "externalParameters": {"tag": tag},
                "internalParameters": {
                    "python": sys.version.split()[0],
                    "SOURCE_DATE_EPOCH": environ["SOURCE_DATE_EPOCH"],
                },
                "resolvedDependencies": [
                    {"name": "git commit", "digest": {"gitCommit": commit}},
                    *(
                        {"name": f"lock/{path.name}", "digest": {"sha256": digest(path)}}
                        for path in sorted(locks.iterdir())
                    ),
                ],
            },
            "runDetails": {"builder": {"id": "tools/release"}, "metadata": {"finishedOn": moment.isoformat()}},
        },
    }
    return json.dumps(statement, indent=1) + "\n"
