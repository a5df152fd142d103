"""Reads all facts of a component from a source tree: which files are its own, and where its configuration is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from tools.learn import go, rust
from tools.learn.facts import Facts
from tools.learn.sources import NoSourcesError, Sources

COMPONENTS: Mapping[str, tuple[str, ...]] = {"client": ("client",), "server": ("manager", "scheduler")}
"""The components of a numbering line."""
_CLIENT_CONFIGS = ("dragonfly-client-config/src/", "src/config/")
_SHARED = ("pkg/", "internal/")
_GO = (*_SHARED, "cmd/", "manager/", "scheduler/")
_NAMES = ("cmd/dependency/base/", "pkg/types/", "pkg/rpc/", "internal/")
"""Where the names stand that configuration and metrics use."""
_rust_file = cache(rust.read_file)


def read_component(component: str, sources: Sources) -> Facts:
    """Return the facts of ``client``, ``manager`` or ``scheduler`` in a source tree."""
    found = _client(sources) if component == "client" else _service(component, sources)
    if not found.keys:
        raise NoSourcesError(
            f"no configuration of the {component} among {len(sources)} files; is this its source tree?"
        )
    return found


def _client(sources: Sources) -> Facts:
    folder = next((one for one in _CLIENT_CONFIGS if f"{one}dfdaemon.rs" in sources), "")
    crate = sources.get(f"{folder}lib.rs") or sources.get(f"{folder}mod.rs") or b""
    config = sources.get(f"{folder}dfdaemon.rs", b"")
    files = {file: text for file, text in sources.items() if file.endswith(".rs") and not file.endswith("build.rs")}
    keys = rust.read_keys(f"{folder}dfdaemon.rs", config, crate, others=files)
    return Facts.join([Facts(keys), *(_rust_file(*one) for one in files.items())])


def _service(component: str, sources: Sources) -> Facts:
    files = {file: text for file, text in sources.items() if file.endswith(".go") and file.startswith(_GO)}
    own = {
        file: text for file, text in files.items() if file.startswith((f"{component}/", f"cmd/{component}/", *_SHARED))
    }
    other = "manager/" if component == "scheduler" else "scheduler/"
    package = go.Package({file: text for file, text in files.items() if not file.startswith(other)})
    return Facts.join([Facts(go.read_keys(package, "config")), go.read_files(own, package)])
