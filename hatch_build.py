"""Builds what a wheel has beyond its sources: native reader (if there is a C compiler), catalogue's cache, man page, completions."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from importlib import import_module
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CACHE = "dfly_analysis/catalog/parsed"


class Faster(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles the native library beside its sources, and fills `CACHE`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Validate the catalogue, compile, and write what shells read.

        ``DFLY_ANALYSIS_COMPILE=no`` skips the compiler, ``=must`` makes its failure an error; ``DFLY_ANALYSIS_PLATFORM`` is the
        platform in the wheel's name, for a compiler that builds for another one than this.
        """
        if self.target_name != "wheel":
            return
        fill_cache(Path(self.root))
        build_data["artifacts"].append(f"/{CACHE}/*")
        self._compile(build_data)
        if version != "editable":
            build_data["shared_data"] |= shell_files(Path(self.root), self.metadata.version)

    def _compile(self, build_data: dict[str, Any]) -> None:
        wish = os.environ.get("DFLY_ANALYSIS_COMPILE", "try")
        if wish == "no":
            return
        library, problem = compile_library(Path(self.root))
        if problem and wish == "must":
            raise RuntimeError(problem)
        if problem:
            self.app.display_warning(f"the native reader was not built, logs are read more slowly: {problem}")
            return
        build_data["pure_python"] = False
        platform = os.environ.get("DFLY_ANALYSIS_PLATFORM") or sysconfig.get_platform()
        build_data["tag"] = f"py3-none-{platform.replace('-', '_').replace('.', '_')}"
        build_data["artifacts"].append(f"/{library.relative_to(self.root)}")


def compile_library(root: Path) -> tuple[Path, str | None]:
    """Compile by the package's own code, which needs no other library for it; return the file, and why that failed or None."""
    build = import_from(root, "dfly_analysis.native.build")
    return build.LIBRARY, build.compile_library(build.LIBRARY)


def fill_cache(root: Path) -> None:
    """Write the records of the catalogue, by the package's own code."""
    folder = root / CACHE
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    import_from(root, "dfly_analysis.catalog").load_catalog()


def shell_files(root: Path, version: str) -> dict[str, str]:
    """Write man page and completions by the commands themselves; return where each belongs in an installation."""
    written: dict[str, str] = import_from(root, "tools.release.shell_files").write_shell_files(
        root / "build" / "share", version
    )
    return written


def import_from(root: Path, module: str) -> Any:
    """Import a module of the sources, whatever is installed."""
    sys.path.insert(0, str(root))
    try:
        return import_module(module)
    finally:
        sys.path.remove(str(root))
