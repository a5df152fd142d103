"""What no linter holds: locks, names, light imports, and nothing of this machine in the checkout."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from dfly_analysis.errors import EXTRAS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dfly_analysis"
NOT_COMMITTED = {
    ".git",
    ".venv",
    "__pycache__",
    "build",
    "dist",
    "_build",
    "generated",
    "raw",
    "interim",
    "node_modules",
}
# Written in parts, for these files are searched too.
REGISTRY_HOSTS = ("py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "crates" + ".io", "ana" + "conda.org")
MACHINE_PATHS = ("/work" + "/main", "/work" + "/shared", "/work" + "/.library", "/tmp" + "/env", "/tmp" + "/real", "/root" + "/.pyenv")  # fmt: skip


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def committed_files() -> list[Path]:
    """List what git holds or would take; without git, all but what is known to be made."""
    if shutil.which("git") and (ROOT / ".git").exists():
        asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        return [ROOT / name for name in listed if name and (ROOT / name).is_file()]
    found = []
    for folder, below, files in os.walk(ROOT):
        below[:] = [name for name in below if name not in NOT_COMMITTED and not name.endswith("_cache")]
        found += [Path(folder, name) for name in files]
    return found


def pins(lock: str) -> dict[str, str]:
    """Read a lock: package and the condition it is taken under -> version."""
    lines = (ROOT / "lock" / lock).read_text("utf-8").replace("\\\n", " ").splitlines()
    found = {}
    for line in filter(str.strip, lines):
        match = re.match(r"(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<condition>.*?))?\s+--hash=sha256:\w+", line)
        assert match, f"{lock}: {line[:80]!r} is not a pinned and hashed package"
        found[match["name"], match["condition"]] = match["version"]
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_distributions() -> set[str]:
    """Name the distributions whose modules the package imports."""
    modules = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    known = packages_distributions()
    return {normal(name) for module in modules & set(known) for name in known[module]} - {"dfly-analysis"}


def test_modules_are_named_after_the_domain():
    """No module or folder is named after being leftover."""
    empty_words = re.compile(r"(^|_)(utils?|helpers?|managers?|misc|common)(_|$)")
    names = {part.removesuffix(".py") for path in PACKAGE.rglob("*.py") for part in path.relative_to(PACKAGE).parts}
    assert sorted(filter(empty_words.search, names)) == []


def test_importing_the_package_imports_no_heavy_library():
    """Numbers and plots are imported where they are used, so that the command answers at once."""
    heavy = "{'pandas', 'numpy', 'scipy', 'matplotlib', 'pyarrow', 'papermill', 'duckdb', 'pydantic'}"
    asked = f"import sys, dfly_analysis; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("word", [*REGISTRY_HOSTS, *MACHINE_PATHS])
def test_no_file_names_a_registry_or_a_local_folder(word):
    """The checkout works behind any mirror and in any place."""
    assert [named(path) for path in committed_files() if word.encode() in path.read_bytes()] == []


def test_imported_distributions_are_declared():
    """None arrives only because another depends on it, and none is declared that nothing imports."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    required, optional = (
        {normal(re.split(r"[^\w.-]", line)[0]) for line in lines}
        for lines in (project["dependencies"], [*extras["report"], *extras["s3"], *extras["cluster"]])
    )
    imported = imported_distributions() - {"pydantic-core"}  # always of pydantic's own version
    assert imported - required - optional == set()
    assert required - imported == set()


def test_each_extra_is_named_where_it_is_missing():
    """What `require_extra` looks for is what the extra installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for extra, modules in EXTRAS.items():
        lines = project["optional-dependencies"][extra]
        declared = {normal(re.split(r"[^\w.-]", line)[0]) for line in lines} - {"dfly-analysis"}
        assert {normal(module) for module in modules} == declared


def test_locks_are_pinned_hashed_and_agree():
    """What runs the package in a report is what the tests ran it with."""
    core, runtime, development = (
        {(name, version) for (name, _), version in pins(lock).items()}
        for lock in ("core.txt", "runtime.txt", "dev.txt")
    )
    assert len(core) > 20
    assert core - runtime == runtime - development == set()


def test_locks_hold_what_builds_the_package():
    """An editable install needs nothing from outside the lock."""
    for lock in ("runtime.txt", "dev.txt"):
        assert {"hatchling", "editables"} <= {name for name, _ in pins(lock)}
