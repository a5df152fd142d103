"""Builds what makes the package faster: the native reader, where there is a C compiler, and the knowledge parsed from YAML.

Without them it is complete too, only slower.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import sysconfig
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KNOWLEDGE, PARSED = "dfly_analysis/knowledge", "dfly_analysis/knowledge/parsed"


class Faster(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles the native library beside its sources, and writes `PARSED`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Parse and compile; ``DFLY_ANALYSIS_COMPILE=no`` leaves the compiler out, ``=must`` makes its failure an error."""
        if self.target_name != "wheel":
            return
        parsed = parse_knowledge(Path(self.root, KNOWLEDGE), Path(self.root, PARSED))
        build_data["artifacts"] += [f"/{path.relative_to(self.root)}" for path in parsed]
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


def parse_knowledge(folder: Path, parsed: Path) -> list[Path]:
    """Write each YAML file that JSON can hold anew as JSON, named by its bytes, so that no other content is ever taken for it."""
    parsed.mkdir(exist_ok=True)
    made = []
    for path in sorted(folder.rglob("*.yaml")):
        data = path.read_bytes()
        content = yaml.safe_load(data)
        text = json.dumps(content, ensure_ascii=False, default=str)
        if json.loads(text) == content:
            made.append(parsed / f"{hashlib.sha256(data).hexdigest()[:32]}.json")
            unfinished = made[-1].with_suffix(f".{os.getpid()}")
            unfinished.write_text(text, "utf-8")
            unfinished.replace(made[-1])
    for path in set(parsed.iterdir()) - set(made):
        path.unlink(missing_ok=True)
    return made
