"""The native library is used only where it fits the package; otherwise the Python reader is, with one warning."""

from __future__ import annotations

import re
import subprocess
import warnings
from pathlib import Path

import pytest

from dfly_analysis import redaction
from dfly_analysis.native import build, library
from dfly_analysis.native.interface import ABI_VERSION, FUNCTIONS, layout
from dfly_analysis.native.library import load_library


@pytest.fixture
def path(tmp_path, monkeypatch) -> Path:
    """Let the library be another file."""
    monkeypatch.setattr(build, "LIBRARY", tmp_path / "_core.so")
    monkeypatch.delenv("DFLY_ANALYSIS_COMPILE", raising=False)
    return build.LIBRARY


def compile_stub(
    path: Path, *, version: int = ABI_VERSION, numbers: list[int] | None = None, functions=FUNCTIONS
) -> None:
    """Compile a library that has the symbols, and does nothing."""
    lines = [f"const long long dfly_abi_version = {version};", f"const long long dfly_layout[] = {{{', '.join(map(str, numbers or layout()))}}};"]  # fmt: skip
    lines += [f"void {name}(void) {{}}" for name in functions]
    source = path.with_suffix(".c")
    source.write_text("\n".join(lines), "ascii")
    subprocess.run([*build.compiler(), "-shared", "-fPIC", "-o", str(path), str(source)], check=True)


def load_with_warnings() -> tuple[library.Library | None, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return load_library.__wrapped__(), [str(one.message) for one in caught]


def test_a_stub_that_fits_is_loaded(path, monkeypatch):
    """The tests below would prove nothing if every stub were refused."""
    monkeypatch.setattr(build, "is_current", lambda _: True)
    compile_stub(path)
    found, said = load_with_warnings()
    assert found is not None
    assert said == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"version": ABI_VERSION + 1}, f"version {ABI_VERSION + 1} of the interface, not {ABI_VERSION}"),
        ({"numbers": [size + 8 for size in layout()]}, "structures of another layout"),
        ({"functions": list(FUNCTIONS)[1:]}, f"lacks a symbol: .*{next(iter(FUNCTIONS))}"),
    ],
    ids=["version", "layout", "function"],
)
def test_a_library_that_does_not_fit_is_refused(path, monkeypatch, wrong, said):
    """Another version, another layout or a missing function: one warning that names the file, and no library."""
    monkeypatch.setattr(build, "is_current", lambda _: True)
    compile_stub(path, **wrong)
    found, (line,) = load_with_warnings()
    assert found is None
    assert re.search(said, line)
    assert str(path) in line
    assert "install the package again" in line


def test_a_file_that_is_no_library_is_refused(path, monkeypatch):
    """A damaged file costs speed, not the analysis."""
    monkeypatch.setattr(build, "is_current", lambda _: True)
    path.write_bytes(b"no library")
    found, (line,) = load_with_warnings()
    assert found is None
    assert "not used" in line


def test_a_stale_library_is_built_again(path):
    """A library of other sources is replaced before it is loaded."""
    compile_stub(path)
    assert not build.is_current(path)
    found, said = load_with_warnings()
    assert (found is not None, said) == (True, [])
    assert build.is_current(path)
    assert found.calls.dfly_count_lines(b"a\nb\n", 4) == 2


@pytest.mark.parametrize("reason", ["no compiler", "not wanted", "broken compiler"])
def test_a_stale_library_is_never_used(path, monkeypatch, reason):
    """Where it cannot be built again the Python reader is used."""
    compile_stub(path)
    if reason == "no compiler":
        monkeypatch.setattr(build, "compiler", list)
    elif reason == "not wanted":
        monkeypatch.setenv("DFLY_ANALYSIS_COMPILE", "no")
    else:
        monkeypatch.setenv("CC", "false")
    found, (line,) = load_with_warnings()
    assert found is None
    assert re.search("older than its sources|cannot be built", line)


def test_without_library_and_compiler_nothing_is_said(path, monkeypatch):
    """A pure installation is complete, only slower."""
    monkeypatch.setattr(build, "compiler", list)
    assert load_with_warnings() == (None, [])


def test_the_python_engine_loads_no_library(monkeypatch):
    """DFLY_ANALYSIS_ENGINE=python leaves the library out."""
    monkeypatch.setenv("DFLY_ANALYSIS_ENGINE", "python")
    assert load_with_warnings() == (None, [])


def test_a_changed_table_makes_a_library_stale(monkeypatch):
    """What Python's tables say is part of what a library is built from."""
    before = build.source_hash()
    monkeypatch.setattr(build, "NAME_ENDINGS", (*redaction.NAME_ENDINGS, "pin"))
    assert build.source_hash.__wrapped__() != before
