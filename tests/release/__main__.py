"""Runs every command of an artifact outside the checkout: ``python -m tests.release dist/*-none-any.whl --python python3.13``.

A wheel is installed into a new environment, from the lock or from constraints of one's own; with only the core first, where
reports have to name the extra that they need, then with the extra `report`. A PEX file or another program runs as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data" / "samples"
BEFORE, AFTER, ARTICLE = (
    str(SAMPLES / f"{name}.tar.gz") for name in ("twenty-before", "twenty-after", "article-v0.1.118")
)
CORE = {
    "diagnose": (ARTICLE, "--client", "v0.1.118", "--format", "json"),
    "fit": (ARTICLE,),
    "recommend": (ARTICLE, "--size", "20GiB", "--overlay", "overlay.yaml"),
    "check-config": ("overlay.yaml", "--chart", "1.7.4", "--size", "20GiB", "--bandwidth", "100MB/s"),
    "whatif": (ARTICLE, "--set", "download.pieceTimeout=120s"),
    "compare": (BEFORE, AFTER),
    "inspect": (ARTICLE,),
    "load": (BEFORE, "-o", "tables"),
    "facts": ("seedClient.config.download.pieceTimeout", "--diff", "1.4.0", "1.4.1"),
    "explain": ("error decoding response body",),
    "trace": (BEFORE, "-o", "trace.json"),
    "redact": (BEFORE, "-o", "redacted"),
    "alerts": (ARTICLE, "-o", "monitoring"),
    "collect": ("-n", "dragonfly-system", "-o", "bundle.tar.gz", "--dry-run"),
    "plan-preheat": ("manifest.json", "--bandwidth", "100MB/s"),
    "plan-stress": ("--size", "20GiB", "-o", "stress.csv"),
    "schema": ("diagnose",),
    "init": ("notebooks",),
}
"""Commands of the package without extras, in an order in which one's output is the next one's input."""
REPORT = {
    "report": (ARTICLE, "--client", "v0.1.118", "--lang", "zh", "-o", "page"),
    "rerun": ("page/report.html", "-o", "again"),
    "batch": ("matrix.yaml", "-o", "pages"),
}
REFUSED = {"report": REPORT["report"], "batch": REPORT["batch"], "lab": ("notebooks",)}
"""What the package without extras refuses; `lab` would become a server."""
MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "0" * 64, "size": 7023},
    "layers": [
        {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:" + "1" * 64, "size": 20 << 30}
    ],
}


def main() -> int:
    """Install, run, and print what failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--constraint", type=Path, help="versions to install instead of the lock's")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="release-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "manifest.json").write_text(json.dumps(MANIFEST))
        (folder / "matrix.yaml").write_text(f"reports: [{{name: one, paths: {BEFORE}}}]\n")
        if given.artifact.suffix == ".whl":
            failures = _wheel(given.artifact.resolve(), given.python, given.constraint, folder)
        else:
            failures = _run_all([str(given.artifact.resolve())], folder, CORE)
    print("\n".join(failures or [f"every command of {given.artifact.name} works"]))
    return bool(failures)


def _wheel(wheel: Path, python: str, constraint: Path | None, folder: Path) -> list[str]:
    environment = folder / "venv"
    subprocess.run([python, "-m", "venv", environment], check=True)
    bin_folder = environment / "bin"
    command = [str(bin_folder / "dfly-analysis")]
    _install(bin_folder, wheel, constraint, "core.txt", "")
    failures = _run_all(command, folder, CORE)
    for name, arguments in REFUSED.items():
        done = _run([*command, name, *arguments], folder)
        lines = done.stderr.strip().splitlines()
        if not lines or "pip install 'dfly-analysis[" not in lines[-1]:
            failures.append(f"{name} names no extra without it: {done.stderr[-500:]}")
    _install(bin_folder, wheel, constraint, "runtime.txt", "[report]")
    failures += _run_all(command, folder, REPORT)
    listed = _run([*command, "--help"], folder).stdout.partition("Commands:")[2].partition("Examples:")[0]
    failures += [
        f"{name} is in no case"
        for name in re.findall(r"^  ([a-z-]+)  ", listed, re.MULTILINE)
        if name not in {**CORE, **REPORT, **REFUSED}
    ]
    failures += _shell(environment, folder)
    return failures


def _install(bin_folder: Path, wheel: Path, constraint: Path | None, lock: str, extra: str) -> None:
    python = str(bin_folder / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if uv := shutil.which("uv"):  # in seconds what takes pip minutes
        pip = [uv, "pip", "install", "--quiet", "--python", python]
    if constraint:
        subprocess.run([*pip, "--constraint", str(constraint), f"{wheel}{extra}"], check=True)
        return
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "lock" / lock)], check=True)
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)


def _shell(environment: Path, folder: Path) -> list[str]:
    """Check what shells and kubectl look for."""
    files = (
        "man/man1/dfly-analysis.1",
        "bash-completion/completions/dfly-analysis",
        "zsh/site-functions/_dfly-analysis",
    )
    failures = [f"share/{name} is missing" for name in files if not (environment / "share" / name).is_file()]
    asked = {"_DFLY_ANALYSIS_COMPLETE": "bash_complete", "COMP_WORDS": "dfly-analysis diag", "COMP_CWORD": "1"}
    if "diagnose" not in _run([str(environment / "bin" / "dfly-analysis")], folder, variables=asked).stdout:
        failures.append("bash completes no command")
    if "dfly-analysis" not in _run([str(environment / "bin" / "kubectl-dfly"), "--version"], folder).stdout:
        failures.append("kubectl-dfly does not start")
    return failures


def _run_all(command: Sequence[str], folder: Path, cases: dict[str, tuple[str, ...]]) -> list[str]:
    failures = []
    for name, arguments in cases.items():
        done = _run([*command, name, *arguments], folder)
        if done.returncode or not done.stdout.strip():
            failures.append(f"{name}: exit code {done.returncode}: {done.stderr[-1000:]}")
        print(f"{'failed' if failures and failures[-1].startswith(name) else 'ok':6} {name}", flush=True)
    return failures


def _run(
    command: Sequence[str], folder: Path, *, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run outside the checkout, without what names it."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "VIRTUAL_ENV"))
    }
    variables = kept | {"DFLY_ANALYSIS_CACHE": "off"} | (variables or {})
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
