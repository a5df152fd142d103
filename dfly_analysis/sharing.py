"""What several reports of one batch have in common, computed by the first of them and read by the others."""

from __future__ import annotations

import hashlib
import json
import pickle
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class _Place:
    """Where this process and its forks share; nowhere at first."""

    folder: Path | None = None


def share_in(folder: Path | None) -> None:
    """Let this process and what it forks share through a folder that only this user may enter; None ends it."""
    _Place.folder = folder


def shared(asked: Mapping[str, Any], make: Callable[[], T]) -> T:
    """Return what was made for the same question, or make it and leave it to the others.

    Parameters
    ----------
    asked : mapping of str to value
        All that the answer depends on.
    make : callable
        Its result is pickled where processes share; what cannot be kept is not shared.
    """
    if _Place.folder is None:
        return make()
    name = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    path = _Place.folder / f"{name}.pickle"
    if path.exists():
        kept: T = pickle.loads(path.read_bytes())  # noqa: S301 - written by this batch, into its own folder
        return kept
    made = make()
    with suppress(OSError, pickle.PicklingError, TypeError, AttributeError):
        _keep(made, path)
    return made


def _keep(made: Any, path: Path) -> None:
    """Write whole or not at all; not where the batch has ended and its folder is gone."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unfinished = Path(folder, path.name)
        with unfinished.open("wb") as file:
            pickle.dump(made, file, protocol=5)
        unfinished.replace(path)
