"""Opens each notebook in a real JupyterLab and runs it as a person does: no error, every text legible, and the slider moves the picture.

Run it as ``python -m tests.evaluation.jupyterlab [NOTEBOOK …]``: it needs the extra `lab` and a Chromium, and ends with 1 where something fails.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from time import sleep
from typing import Any

from playwright.sync_api import sync_playwright

from dfly_analysis.reporting.notebook_renderer import notebook_names
from tests.evaluation.reading_tasks import CONTRAST

WAIT_MS = 600_000
BUSY = "[...document.querySelectorAll('.jp-InputPrompt')].filter(one => one.textContent.includes('*')).length"
ERRORS = ".jp-RenderedText[data-mime-type='application/vnd.jupyter.error'], .jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']"
SCROLL = "top => { for (const one of document.querySelectorAll('.jp-WindowedPanel-outer')) one.scrollTop = top }"


def problems_of(browser: Any, address: str, name: str, scheme: str) -> list[str]:
    """Run a notebook from its first cell to its last, and return what is wrong."""
    page = browser.new_page(viewport={"width": 1280, "height": 3000}, color_scheme=scheme)
    page.goto(f"{address}/lab/tree/{name}.ipynb?reset", timeout=WAIT_MS)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=WAIT_MS)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=WAIT_MS)
    page.click("li.lm-MenuBar-item:has-text('Run')")
    page.click("li.lm-Menu-item[data-command='runmenu:run-all']")
    page.wait_for_function(f"{BUSY} > 0", timeout=WAIT_MS)
    page.wait_for_function(f"{BUSY} === 0", timeout=WAIT_MS)
    found = []
    for top in range(0, 18_000, 2800):  # JupyterLab keeps only what is in view
        page.evaluate(SCROLL, top)
        page.wait_for_timeout(800)
        found += page.locator(ERRORS).all_inner_texts()
        found += [f"faint: {one}" for one in page.evaluate(CONTRAST.replace("'body *'", "'.dfly, .dfly *'"))]
    if name == "explore":
        page.locator(".jupyter-widgets .noUi-handle").nth(1).focus()
        before = page.locator(".widget-html-content img").first.get_attribute("src")
        page.keyboard.press("ArrowRight")
        moved = "before => document.querySelector('.widget-html-content img').src !== before"
        try:
            page.wait_for_function(moved, arg=before, timeout=60_000)
        except Exception as problem:  # noqa: BLE001 - playwright's own timeout is one of many
            found.append(f"the slider does not move the picture: {problem}")
    page.close()
    return sorted(set(found))


def main() -> int:
    """Run the notebooks in light and dark."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, failed = f"http://127.0.0.1:{port}", False
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        subprocess.run([sys.executable, "-m", "dfly_analysis", "init", folder], check=True, stdout=subprocess.DEVNULL)
        as_root = ["--allow-root"] if os.geteuid() == 0 else []
        lab = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            *as_root,
            f"--port={port}",
            "--IdentityProvider.token=",
            folder,
        ]
        with Path(folder, "lab.log").open("wb") as log, subprocess.Popen(lab, stdout=log, stderr=log) as server:
            browser = started.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            _wait_for(port)
            for name in sys.argv[1:] or notebook_names():
                for scheme in ("light", "dark"):
                    found = problems_of(browser, address, name, scheme)
                    failed |= bool(found)
                    sys.stdout.write(f"{name}, {scheme}: {found or 'nothing wrong'}\n")
                    sys.stdout.flush()
            browser.close()
            server.terminate()
    return int(failed)


def _wait_for(port: int) -> None:
    for _ in range(600):
        with socket.socket() as tried:
            tried.settimeout(1)
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.2)


if __name__ == "__main__":
    raise SystemExit(main())
