"""The rules of the house hold for the whole checkout: floors, sizes, names, locks, and nothing of this machine in it."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dfly_analysis"
MODULES = sorted(PACKAGE.rglob("*.py"))
CATALOGUE = sorted((PACKAGE / "catalog").rglob("*.yaml"))
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


def undocumented(tree: ast.Module) -> list[str]:
    """Name the public functions, classes and methods of a module that have no docstring."""
    found = [] if ast.get_docstring(tree) else ["the module"]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in (node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")):
        if not ast.get_docstring(node):
            found.append(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (inner for inner in node.body if isinstance(inner, kinds) and not inner.name.startswith("_"))
            found += [f"{node.name}.{method.name}" for method in methods if not ast.get_docstring(method)]
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


def test_imports_go_downward():
    """Every contract of import-linter in pyproject.toml is kept."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout), done.stdout


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_public_names_have_docstrings(path):
    """Every module and every public class, function and method says what it is."""
    assert undocumented(ast.parse(path.read_text("utf-8"))) == []


def test_a_missing_docstring_is_noticed():
    """The check names modules, functions, classes and methods, and passes over private ones."""
    code = "def f(): pass\ndef _g(): pass\nclass A:\n  def m(self): pass\n  def _n(self): pass\n"
    assert undocumented(ast.parse(code)) == ["the module", "f", "A", "A.m"]


def test_modules_are_named_after_the_domain():
    """No module or folder is named after being leftover."""
    empty_words = re.compile(r"(^|_)(utils?|helpers?|managers?|misc|common)(_|$)")
    names = {part.removesuffix(".py") for path in MODULES for part in path.relative_to(PACKAGE).parts}
    assert sorted(filter(empty_words.search, names)) == []


def test_importing_the_package_does_not_import_the_heavy_libraries():
    """Numbers and plots are imported where they are used, so that the command answers at once."""
    heavy = "{'pandas', 'numpy', 'scipy', 'matplotlib', 'pyarrow', 'papermill'}"
    asked = f"import sys, dfly_analysis; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", CATALOGUE, ids=named)
def test_catalogue_files_are_yaml_with_entries(path):
    """Every file of the catalogue is read by the safe loader and holds entries."""
    assert yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("word", [*REGISTRY_HOSTS, *MACHINE_PATHS])
def test_no_committed_file_names_a_registry_or_a_folder_of_this_machine(word):
    """The checkout works behind any mirror and in any place."""
    assert [named(path) for path in committed_files() if word.encode() in path.read_bytes()] == []


def test_locks_are_pinned_hashed_and_agree():
    """What runs the package in a report is what the tests ran it with."""
    runtime, development = (
        {(name, version) for (name, _), version in pins(lock).items()} for lock in ("runtime.txt", "dev.txt")
    )
    assert len(runtime) > 20
    assert runtime - development == set()


def test_locks_hold_what_builds_the_package():
    """An editable install needs nothing from outside the lock."""
    for lock in ("runtime.txt", "dev.txt"):
        assert {"hatchling", "editables"} <= {name for name, _ in pins(lock)}


def test_the_changelog_has_a_place_for_the_next_change():
    """Its first section is the one not yet released."""
    sections = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert sections[0] == "Unreleased"
