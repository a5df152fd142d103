"""Builds what makes the package faster: the compiled reader, where there is a C compiler, and the catalogue's cache.

Without them it is complete too, only slower.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from importlib import import_module
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = "dfly_analysis/logs/core"
TARGET = "dfly_analysis/logs/_core"
NEWER = ("-march=x86-64-v3", "-mtune=skylake")
"""Builds the same once more for processors of the last ten years; which one is taken is decided when it is loaded."""

CACHE = "dfly_analysis/catalog/parsed"


class Faster(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles `SOURCES` to one shared library beside the modules that load it, and fills `CACHE`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Validate the catalogue and compile; ``DFLY_ANALYSIS_COMPILE=no`` leaves the compiler out, ``=must`` makes its failure an error."""
        if self.target_name != "wheel":
            return
        fill_cache(Path(self.root))
        build_data["artifacts"].append(f"/{CACHE}/*")
        self._compile(build_data)

    def _compile(self, build_data: dict[str, Any]) -> None:
        wish = os.environ.get("DFLY_ANALYSIS_COMPILE", "try")
        if wish == "no":
            return
        ending = ".dll" if sys.platform == "win32" else ".so"
        library, newer = Path(self.root, f"{TARGET}{ending}"), Path(self.root, f"{TARGET}_newer{ending}")
        problem = compile_library(Path(self.root, SOURCES), library)
        if problem and wish == "must":
            raise RuntimeError(problem)
        if problem:
            self.app.display_warning(f"the compiled reader was not built, logs are read more slowly: {problem}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        made = [library]
        if (
            platform.machine().lower() in {"x86_64", "amd64"}
            and compile_library(Path(self.root, SOURCES), newer, *NEWER) is None
        ):
            made.append(newer)
        build_data["artifacts"] += [f"/{path.relative_to(self.root)}" for path in made]


def compile_library(folder: Path, library: Path, *more: str) -> str | None:
    """Compile all sources of a folder to a shared library, with more flags; return why that failed, or None."""
    command = shlex.split(os.environ.get("CC", "")) or [
        next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), "")
    ]
    if not command[0]:
        return "there is no C compiler"
    unfinished = library.with_suffix(f".{os.getpid()}")
    flags = ["-O3", "-flto", "-std=c11", "-shared", "-fPIC", *more, *shlex.split(os.environ.get("CFLAGS", ""))]
    sources = [str(path) for path in sorted(folder.glob("*.c"))]
    try:
        done = subprocess.run(  # noqa: S603 - the compiler that the user's environment names
            [*command, *flags, "-o", str(unfinished), *sources], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return str(error)
    if done.returncode:
        unfinished.unlink(missing_ok=True)
        return (done.stderr.strip().splitlines() or ["the compiler failed"])[0]
    unfinished.replace(library)
    return None


def fill_cache(root: Path) -> None:
    """Write the records of the catalogue and the steps of the compiled reader, by the package's own code."""
    folder = root / CACHE
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    sys.path.insert(0, str(root))
    try:
        import_module("dfly_analysis.catalog").load_catalog()
        import_module("dfly_analysis.catalog.regex_compiler").write_steps(folder)
    finally:
        sys.path.remove(str(root))
