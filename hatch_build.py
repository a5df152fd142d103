"""Builds the native reader, if there is a C compiler, and the catalogue's cache; the package works without them, only slower."""

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

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Validate the catalogue and compile; ``DFLY_ANALYSIS_COMPILE=no`` skips the compiler, ``=must`` makes its failure an error."""
        if self.target_name != "wheel":
            return
        fill_cache(Path(self.root))
        build_data["artifacts"].append(f"/{CACHE}/*")
        self._compile(build_data)

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
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["artifacts"].append(f"/{library.relative_to(self.root)}")


def compile_library(root: Path) -> tuple[Path, str | None]:
    """Compile by the package's own code, which needs no other library for it; return the file, and why that failed or None."""
    sys.path.insert(0, str(root))
    try:
        build = import_module("dfly_analysis.native.build")
    finally:
        sys.path.remove(str(root))
    return build.LIBRARY, build.compile_library(build.LIBRARY)


def fill_cache(root: Path) -> None:
    """Write the records of the catalogue, by the package's own code."""
    folder = root / CACHE
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    sys.path.insert(0, str(root))
    try:
        import_module("dfly_analysis.catalog").load_catalog()
    finally:
        sys.path.remove(str(root))
