"""The wheel carries everything: it is installed beside no checkout and the command works there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from dfly_analysis.catalog import load_catalog
from dfly_analysis.catalog.yaml_loader import CACHE

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = "article-v0.1.118.tar.gz"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    asked = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Install the wheel into a fresh environment that sees the libraries of this one, but not the checkout."""
    folder = tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    site = next((folder / "venv" / "lib").glob("python*/site-packages"))
    # A folder named in a .pth file has its own .pth files ignored: the editable install stays out of sight.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    asked = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel)]
    subprocess.run(asked, check=True, env=clean_environment())
    return folder


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in an empty folder; nbconvert's own templates are data files of the environment with the libraries."""
    environment = clean_environment() | {"JUPYTER_PATH": str(Path(sys.prefix) / "share" / "jupyter")}
    command = [installed / "venv" / "bin" / "dfly-analysis", *arguments]
    return subprocess.run(command, cwd=installed, env=environment, capture_output=True, text=True, check=False)


def packaged_sample(installed: Path) -> str:
    (found,) = (installed / "venv" / "lib").glob(f"python*/site-packages/dfly_analysis/_samples/{SAMPLE}")
    return str(found)


def test_the_wheel_carries_code_catalogue_and_notebooks(wheel):
    """Everything of the package that git holds is in it, with the notebooks, the samples and the type marker."""
    carried = set(zipfile.ZipFile(wheel).namelist())
    package = {str(path.relative_to(ROOT)) for path in (ROOT / "dfly_analysis").rglob("*") if path.suffix in {".py", ".yaml", ".j2", ".css"}}  # fmt: skip
    notebooks = {f"dfly_analysis/_notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    package.add("dfly_analysis/reporting/templates/page/conf.json")
    samples = {f"dfly_analysis/_samples/{path.name}" for path in (ROOT / "data" / "samples").iterdir()}
    assert notebooks, "there is no notebook to carry"
    assert len(samples) >= 5
    assert (package | notebooks | samples | {"dfly_analysis/py.typed"}) - carried == set()


def test_the_wheel_carries_the_cache_of_its_catalogue(wheel):
    """Each file's records stand there validated, under a name that only its bytes have."""
    load_catalog()
    with zipfile.ZipFile(wheel) as carried:
        cached = {Path(name).name for name in carried.namelist() if name.startswith("dfly_analysis/catalog/parsed/")}
    assert len(cached) > 20
    assert {path.name for path in CACHE.glob("*.pickle")} <= cached


def test_the_wheel_carries_nothing_else(wheel):
    """Tests, locks, caches and reports stay at home."""
    carried = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in carried} == {"dfly_analysis"}
    assert [name for name in carried if "__pycache__" in name or ".ipynb_checkpoints" in name] == []


def test_the_installed_package_is_the_wheel(installed):
    """The package comes from the environment, not from the checkout."""
    asked = [installed / "venv" / "bin" / "python", "-c", "import dfly_analysis; print(dfly_analysis.__file__)"]
    done = subprocess.run(asked, cwd=installed, env=clean_environment(), capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_the_installed_command_says_its_version(installed):
    """`--version` prints the version of pyproject.toml."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    done = run(installed, "--version")
    assert done.returncode == 0, done.stderr
    assert version in done.stdout


def test_the_installed_command_diagnoses_the_packaged_sample(installed, article_truth):
    """Outside the checkout the sample in the wheel is diagnosed with the cause that was planted."""
    done = run(installed, "diagnose", packaged_sample(installed), "--client", "v0.1.118", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["primary_cause"] == article_truth["primary_cause"]


def test_the_installed_command_writes_the_report(installed):
    """Outside the checkout the packaged notebook turns the packaged sample into a page, whose path is printed last."""
    done = run(installed, "report", packaged_sample(installed), "--client", "v0.1.118", "-o", "out")
    assert done.returncode == 0, done.stderr
    page = installed / done.stdout.splitlines()[-1].strip()
    assert page.name == "report.html"
    assert page.read_text("utf-8").lstrip().lower().startswith("<!doctype html>")
