"""A page as PDF, printed by a Chromium that is installed."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from dfly_analysis.errors import StoreError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "chrome")


def find_chromium() -> str:
    """Return the path of a browser; raises StoreError where none is installed."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        hint = "install Chromium, or print report.html from your own browser"
        raise StoreError("no browser that prints was found", where="--pdf", hint=hint)
    return found


def print_pdf(browser: str, page: Path, timeout_s: float) -> Path:
    """Print a page to a PDF beside it, and return its path; raises StoreError where the browser cannot."""
    target = page.with_suffix(".pdf")
    target.unlink(missing_ok=True)
    hint = "print report.html from your own browser"
    with tempfile.TemporaryDirectory(prefix="dfly-analysis-", ignore_cleanup_errors=True) as profile:
        # the page loads nothing and runs one script known by its hash; in containers Chromium's sandbox cannot start
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}", "--no-pdf-header-footer")  # fmt: skip
        command = (browser, *flags, f"--print-to-pdf={target.absolute()}", page.absolute().as_uri())
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=timeout_s)  # noqa: S603 - no shell, own flags
        except subprocess.TimeoutExpired as problem:
            raise StoreError("the browser did not end in time", where=str(target), hint=hint) from problem
        except (OSError, subprocess.CalledProcessError) as problem:
            raise StoreError(f"the browser failed: {problem}", where=str(target), hint=hint) from problem
    if not target.is_file():
        raise StoreError("the browser wrote nothing", where=str(target), hint=hint)
    return target
