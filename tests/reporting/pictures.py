"""Makes the pictures of the report that the documentation shows, of the committed sample, in Chromium.

Run it as ``python tests/reporting/pictures.py [FOLDER]`` after a change of the page; without a folder it writes ``docs/images/``. It needs a font with
Chinese characters, such as Debian's fonts-noto-cjk.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from dfly_analysis import analyse

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "samples" / "article-v0.1.118.tar.gz"
IMAGES = ROOT / "docs" / "images"
WIDTH_PX, HEIGHT_PX = 1280, 780
FLAGS = ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none", "--hide-scrollbars"]
COLOURS = 128  # a page of text and flat surfaces needs no more, and takes a third of the bytes
LANGUAGES = {"en": "", "zh": "-zh"}
SCHEMES = {"light": "", "dark": "-dark"}


def make_pictures(folder: Path) -> list[Path]:
    """Write one picture of the first screen for each language and colour scheme.

    Parameters
    ----------
    folder : pathlib.Path
        Gets ``report.png``, ``report-dark.png``, ``report-zh.png`` and ``report-zh-dark.png``.

    Returns
    -------
    list of pathlib.Path
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not on the PATH; `make test` installs it")
    listed = subprocess.run(["fc-list", ":lang=zh", "family"], capture_output=True, text=True, check=False).stdout
    if not listed.strip():
        sys.exit("no font has Chinese characters, which the pictures would show as boxes; install fonts-noto-cjk")
    report = analyse([SAMPLE.relative_to(ROOT)], client="v0.1.118")
    made = []
    with tempfile.TemporaryDirectory() as pages, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        for lang, of_lang in LANGUAGES.items():
            shown = replace(report, parameters={**report.parameters, "lang": lang})
            shown.save(Path(pages, lang))
            for scheme, of_scheme in SCHEMES.items():
                target = folder / f"report{of_lang}{of_scheme}.png"
                _take(browser, Path(pages, lang, "report.html"), scheme, target)
                made.append(target)
        browser.close()
    return made


def _take(browser: Browser, page: Path, scheme: str, target: Path) -> None:
    opened = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX}, color_scheme=scheme)
    opened.goto(page.as_uri())
    target.parent.mkdir(parents=True, exist_ok=True)
    opened.screenshot(path=target)
    opened.close()
    with Image.open(target) as taken:
        smaller = taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    smaller.save(target, optimize=True)


if __name__ == "__main__":
    for path in make_pictures(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES):
        sys.stdout.write(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}\n")
