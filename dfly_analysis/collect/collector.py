"""Fetches item after item into a folder next to the bundle, so that an interrupted collection continues where it stopped."""

import gzip
import json
import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dfly_analysis.collect import commands
from dfly_analysis.collect.commands import Cluster, Item, Pod
from dfly_analysis.collect.kubectl import fetch
from dfly_analysis.errors import DflyError, SourceError
from dfly_analysis.redaction import redact

_PACKED = ("PK\x03\x04", "BZh", "\x1f", "\x28\udcb5", "\udcfd7zXZ")

Progress = Callable[[str], object]


@dataclass
class Collection:
    """What was fetched into a bundle, what an earlier, interrupted run had fetched, and what is missing, with the reason."""

    cluster: Cluster
    bundle: Path
    silence_s: float
    progress: Progress
    fetched: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where files are kept until the bundle is complete."""
        return self.bundle.with_name(f"{self.bundle.name}.partial")

    def take(self, item: Item) -> Path | None:
        """Fetch an item unless it is there, and return its path; None if it cannot be fetched."""
        target = self.folder / item.path
        if target.exists():
            self.kept.append(item.path)
            return target
        self.progress(f"{len(self.fetched) + len(self.kept) + 1} {item.path}")
        reason = fetch(item, target, self.silence_s)
        if reason is None:
            self.fetched.append(item.path)
            return target
        if not item.optional:
            self.missing.append((item.path, reason))
        return None


def collect(
    cluster: Cluster,
    bundle: Path,
    *,
    add: Sequence[Path] = (),
    silence_s: float = 60.0,
    progress: Progress = lambda _text: None,
) -> Collection:
    """Collect what an analysis needs, and write it as one archive, a ``.tar.gz``.

    Until it is complete, ``<bundle>.partial`` keeps what was fetched; a later call with the same bundle does not fetch that again.
    Files of your own to `add`, e.g. the jobs' JSON, are redacted. A command without output for `silence_s` seconds is stopped, and
    its item counts as missing.
    """
    if not bundle.name.endswith((".tar.gz", ".tgz")):
        raise DflyError("the bundle must be a .tar.gz", where=str(bundle), hint=f"use -o {bundle.name}.tar.gz")
    if bundle.exists():
        raise DflyError("already exists", where=str(bundle), hint="choose another file, or remove this one")
    collection = Collection(cluster, bundle, silence_s, progress)
    _open_folder(collection)
    helm = shutil.which("helm") is not None
    first, *more = commands.first_items(cluster, helm=helm)
    pods, others = _list_pods(collection, first)
    for item in (*more, *(commands.helm_items(cluster, pods) if helm else ())):
        collection.take(item)
    for pod in pods:
        for item in commands.pod_items(cluster, pod):
            collection.take(item)
        listing = collection.take(commands.log_listing(cluster, pod))
        text = listing.read_text("utf-8", "replace") if listing else ""
        for item in commands.log_items(cluster, pod, text):
            collection.take(item)
    for path in add:
        try:
            text = path.read_text("utf-8", "surrogateescape")
        except OSError as problem:
            raise DflyError(f"cannot be read: {problem.strerror}", where=str(path), hint="check --add") from problem
        if "\0" in text or text.startswith(_PACKED):
            reason, hint = (
                "is packed or no text, so that its secrets cannot be removed",
                "unpack it, then add the files",
            )
            raise DflyError(reason, where=str(path), hint=hint)
        (collection.folder / path.name).write_text(redact(text), "utf-8", "surrogateescape")
    missing = [{"path": path, "reason": reason} for path, reason in collection.missing]
    note = json.dumps({"missing": missing, "pods_left_out": list(others)}, indent=1)
    (collection.folder / "collected.json").write_text(note + "\n", "utf-8")
    _pack(collection.folder, bundle)
    shutil.rmtree(collection.folder)
    return collection


def _open_folder(collection: Collection) -> None:
    """Make the folder, or check that it belongs to the same request."""
    cluster, folder = collection.cluster, collection.folder
    requested = json.dumps({"namespace": cluster.namespace, "context": cluster.context, "since": cluster.since})
    mark = folder / ".of"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists():
            mark.write_text(requested, "utf-8")
    except OSError as problem:
        raise _unwritable(folder, problem) from problem
    if mark.read_text("utf-8") != requested:
        raise DflyError("contains files fetched with other options", where=str(folder), hint="remove it to start again")


def _list_pods(collection: Collection, item: Item) -> tuple[tuple[Pod, ...], tuple[str, ...]]:
    path = collection.take(item)
    if path is None:
        shutil.rmtree(collection.folder)  # the pods come first: it holds nothing
        hint = f"run `{' '.join(item.command)}` to check access"
        raise SourceError(f"the pods cannot be listed: {collection.missing[-1][1]}", where="kubectl", hint=hint)
    pods, others = commands.parse_pods(json.loads(path.read_bytes()))
    if not pods:
        path.unlink()
        hint = "give the namespace with -n; kubectl get pods -A -l app=dragonfly finds it"
        raise SourceError("no Dragonfly pod found", where=f"namespace {collection.cluster.namespace}", hint=hint)
    return pods, others


def _pack(folder: Path, bundle: Path) -> None:
    """Write the archive completely or not at all; the same content gives the same bytes."""
    part = bundle.with_name(f".{bundle.name}.part")
    top = bundle.name.removesuffix(".tgz").removesuffix(".tar.gz")
    try:
        with (
            part.open("wb") as raw,
            gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for path in sorted(one for one in folder.rglob("*") if one.is_file()):
                if path.name.startswith(".") or path.name.endswith(".part"):
                    continue
                member = archive.gettarinfo(path, f"{top}/{path.relative_to(folder)}")
                member.uid = member.gid = member.mtime = 0
                member.uname = member.gname = ""
                with path.open("rb") as content:
                    archive.addfile(member, content)
        part.replace(bundle)
    except OSError as problem:
        raise _unwritable(bundle, problem) from problem


def _unwritable(path: Path, problem: OSError) -> DflyError:
    return DflyError(f"cannot be written: {problem.strerror}", where=str(path), hint="choose another place with -o")
