"""Fetches item after item into a folder beside the bundle, so that an interrupted run goes on where it was."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from dfly_analysis.collect.commands import (
    Cluster,
    Item,
    Pod,
    first_items,
    helm_items,
    items_of,
    listing_of,
    log_files_of,
    pods_of,
)
from dfly_analysis.collect.kubectl import fetch
from dfly_analysis.errors import DflyError, SourceError
from dfly_analysis.redaction import redact

SILENCE_S = 60.0
_NOTE = "collected.json"
Progress = Callable[[str], object]


@dataclass(frozen=True)
class Collected:
    """The result of a collection.

    Attributes
    ----------
    bundle : Path
    fetched, kept : tuple of str
        Paths in the bundle that this run fetched, and that an earlier, interrupted run had fetched.
    missing : tuple of (str, str)
        Path, and why it is not there; without optional ones.
    others : tuple of str
        Pods of the namespace that are not Dragonfly's.
    """

    bundle: Path
    fetched: tuple[str, ...]
    kept: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]
    others: tuple[str, ...]


@dataclass
class _Collection:
    folder: Path
    silence_s: float
    progress: Progress
    fetched: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)

    def take(self, item: Item) -> Path | None:
        """Fetch an item unless it is there, and return where it is."""
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
    silence_s: float = SILENCE_S,
    progress: Progress = lambda _text: None,
) -> Collected:
    """Collect what an analysis needs, and write it as one archive.

    Parameters
    ----------
    cluster : Cluster
    bundle : Path
        ``.tar.gz`` to write. Until it is whole, ``<bundle>.partial`` beside it holds what was fetched; a later call with the
        same bundle does not fetch that again.
    add : sequence of Path
        Files of your own to put in too, redacted, e.g. the jobs' JSON.
    silence_s : float
        Seconds without a byte after which a command is ended and its item counts as missing.
    progress : callable
        Called with what is being fetched.

    Returns
    -------
    Collected

    Raises
    ------
    DflyError
        Where kubectl is not installed, or a file to add cannot be read.
    SourceError
        Where the pods cannot be listed, or there are none of Dragonfly.
    """
    if not bundle.name.endswith((".tar.gz", ".tgz")):
        raise DflyError("the bundle is a tar.gz", where=str(bundle), hint=f"write -o {bundle.name}.tar.gz")
    if bundle.exists():
        raise DflyError("is there already", where=str(bundle), hint="name another file, or remove this one")
    folder = bundle.with_name(f"{bundle.name}.partial")
    _manifest(folder, cluster)
    at_work = _Collection(folder, silence_s, progress)
    helm = shutil.which("helm") is not None
    first, *more = first_items(cluster, helm=helm)
    pods, others = _pods(at_work, first, cluster)
    for item in chain(more, _rest(at_work, cluster, pods, helm=helm)):
        at_work.take(item)
    for path in add:
        _add(folder, path)
    _note(at_work, others)
    _pack(folder, bundle)
    shutil.rmtree(folder)
    return Collected(bundle, tuple(at_work.fetched), tuple(at_work.kept), tuple(at_work.missing), others)


def _manifest(folder: Path, cluster: Cluster) -> None:
    """Make the folder, or make sure that it is of the same cluster's namespace."""
    requested = json.dumps({"namespace": cluster.namespace, "context": cluster.context, "since": cluster.since})
    mark = folder / ".of"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not mark.exists():
            mark.write_text(requested, "utf-8")
    except OSError as problem:
        raise _unwritable(folder, problem) from problem
    if mark.read_text("utf-8") != requested:
        raise DflyError("holds what was fetched with other options", where=str(folder), hint="remove it to begin anew")


def _pods(at_work: _Collection, item: Item, cluster: Cluster) -> tuple[tuple[Pod, ...], tuple[str, ...]]:
    path = at_work.take(item)
    if path is None:
        if not at_work.kept:
            shutil.rmtree(at_work.folder)  # it holds nothing
        raise SourceError(f"the pods cannot be listed: {at_work.missing[-1][1]}", where=item.shown)
    pods, others = pods_of(json.loads(path.read_bytes()))
    if not pods:
        path.unlink()
        hint = "name the namespace with -n; kubectl get pods -A -l app=dragonfly shows where it is"
        raise SourceError("no pod of Dragonfly is here", where=f"namespace {cluster.namespace}", hint=hint)
    return pods, others


def _rest(at_work: _Collection, cluster: Cluster, pods: Iterable[Pod], *, helm: bool) -> Iterator[Item]:
    listed = tuple(pods)
    if helm:
        yield from helm_items(cluster, listed)
    for pod in listed:
        yield from items_of(cluster, pod)
        listing = at_work.take(listing_of(cluster, pod))
        if listing is not None:
            yield from log_files_of(cluster, pod, listing.read_text("utf-8", "replace"))


def _add(folder: Path, path: Path) -> None:
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except OSError as problem:
        raise DflyError(f"cannot be read: {problem.strerror}", where=str(path)) from problem
    cleaned = "\n".join(redact(line) for line in text.split("\n"))
    (folder / path.name).write_text(cleaned, "utf-8", "surrogateescape")


def _note(at_work: _Collection, others: Sequence[str]) -> None:
    missing = [{"path": path, "reason": reason} for path, reason in at_work.missing]
    content: dict[str, Any] = {"missing": missing, "pods_left_out": list(others)}
    (at_work.folder / _NOTE).write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def _pack(folder: Path, bundle: Path) -> None:
    """Write the archive whole or not at all; the same content gives the same bytes."""
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
    return DflyError(f"cannot be written: {problem.strerror}", where=str(path), hint="name another place with -o")
