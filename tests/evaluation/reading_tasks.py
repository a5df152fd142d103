"""Five tasks of an on-call engineer on the page of each real run, in a browser: how many screens down stands the answer, and is it right?

Run it as ``python -m tests.evaluation.reading_tasks FOLDER [--pages DIR]``: FOLDER holds real runs (``NAME.tar.gz`` with
``NAME.truth.json``), DIR keeps their reports, which are not made again. It writes docs/evaluation/reading-tasks.md.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

import dfly_analysis as dfly
from dfly_analysis.reporting.labels import CAUSES

TARGET = Path(__file__).resolve().parents[2] / "docs" / "evaluation" / "reading-tasks.md"
SCREEN_PX = {"width": 1280, "height": 800}
MAX_BYTES, MAX_SCREENS = 600_000, {True: 6.0, False: 2.0}
TASKS = {
    "cause": ".verdict .headline",
    "value": ".verdict .then",
    "proof": ".verdict .decisive cite",
    "host": ".verdict .hosts li",
    "file": ".verdict .copy + p code",
}
"""What stands where: the answers of the tasks, each the first of its kind on the page."""
FAILED_HOSTS = """[...document.querySelectorAll("details.section")].filter(one => one.querySelector("h3").textContent === "Failed tasks")
    .flatMap(one => [...one.querySelectorAll("[data-host]")].map(row => row.dataset.host))"""

CONTRAST = """() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, place) => sum + v * [.2126, .7152, .0722][place], 0);
  const behind = element => { for (let at = element; at; at = at.parentElement) {
    const colour = parse(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour; }
    return [255, 255, 255]; };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.getClientRects().length) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) found.push(element.outerHTML.slice(0, 100));
  }
  return found;
}"""
"""Lists the elements whose text has a contrast of less than 4.5 to 1 with its background."""


@dataclass(frozen=True)
class Reading:
    """What a page shows: each task's answer and how many screens down it ends, its height in screens, its bytes, and what went wrong."""

    answers: Mapping[str, tuple[str, float]]
    screens: float
    n_bytes: int
    problems: tuple[str, ...]
    failed_hosts: tuple[str, ...]
    """The hosts of the failed tasks, as the page's table lists them."""

    def late(self) -> list[str]:
        """Return the tasks whose answer lies below the second screen."""
        return [name for name, (_, screens) in self.answers.items() if screens > 2]


def read_page(browser: Any, path: Path) -> Reading:
    """Open a page as it comes, without a click, and find the answers."""
    page: Page = browser.new_page(viewport=SCREEN_PX)
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request", lambda asked: problems.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None
    )
    page.goto(path.as_uri())
    answers = {}
    for name, selector in TASKS.items():
        found = page.query_selector(selector)
        box = found.bounding_box() if found and found.is_visible() else None
        if found and box:
            answers[name] = (found.inner_text(), (box["y"] + box["height"]) / SCREEN_PX["height"])
    hosts = page.evaluate(FAILED_HOSTS)
    height = page.evaluate("document.documentElement.scrollHeight") / SCREEN_PX["height"]
    page.close()
    return Reading(answers, height, path.stat().st_size, tuple(problems), tuple(hosts))


def wrong_answers(reading: Reading, report: Mapping[str, Any], truth: Mapping[str, Any]) -> list[str]:
    """Return the tasks whose answer is missing, or is not what the truth and the report's numbers say."""
    settings = report["recommend"]["recommendations"]
    shown = {name: text for name, (text, _) in reading.answers.items()}
    cause = truth.get("primary_cause")
    right = {
        "cause": not cause or str(CAUSES[cause]) in shown.get("cause", ""),
        "value": not settings or shown.get("value") in {one["proposed"] for one in settings},
        "file": not settings or shown.get("file", "").endswith("overlay.values.yaml"),
    }
    if report["verdict"]["failed"]:
        path, _, line = shown.get("proof", "").rpartition(":")
        right["proof"] = line.isdigit() and any(one["path"].endswith(path) for one in report["inputs"])
        worst = Counter(reading.failed_hosts).most_common(1)
        right["host"] = not worst or f": {worst[0][1]:,} of " in shown.get("host", "")
    return [name for name, is_right in right.items() if not is_right]


def write_page(rows: list[tuple[str, bool, Reading, list[str]]]) -> str:
    """Return the table of all runs as Markdown."""
    lines = [
        "# Evaluation of the page by reading tasks",
        "",
        "Five tasks on the page of each real run, in Chromium at 1280 × 800, without a click: the number is how many screens down the answer",
        "ends. A dash: the run has no such answer (nothing failed, or no setting is proposed). Height is that of the whole page as it opens.",
        "Written by `python -m tests.evaluation.reading_tasks`; a test does the same on the packaged sample.",
        "",
        "| run | cause | value to set | line that proves it | worst host | file to apply | wrong | height, screens | size, kB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, _, reading, wrong in rows:
        places = (f"{reading.answers[task][1]:.1f}" if task in reading.answers else "–" for task in TASKS)
        lines.append(
            f"| {name} | {' | '.join(places)} | {', '.join(wrong) or '–'} | {reading.screens:.1f} | {reading.n_bytes / 1000:.0f} |"
        )
    good = sum(not wrong and not reading.late() for _, _, reading, wrong in rows)
    small = sum(
        reading.screens <= MAX_SCREENS[failed] and reading.n_bytes <= MAX_BYTES for _, failed, reading, _ in rows
    )
    problems = sum(len(reading.problems) for _, _, reading, _ in rows)
    lines += [
        "",
        f"All answers right and within two screens: **{good} of {len(rows)}** runs. At most six screens (two where nothing failed) and 600 kB:",
        f"**{small} of {len(rows)}**. Console messages and requests outside the page: {problems}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the page of every run of a folder."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--pages", type=Path)
    given = asked.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as started:
        pages = given.pages or Path(scratch)
        browser = started.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for archive in sorted(given.folder.glob("*.tar.gz")):
            name = archive.name.removesuffix(".tar.gz")
            if not (pages / name / "report.html").is_file():
                dfly.analyse([str(archive)]).save(pages / name)
            report = json.loads((pages / name / "report.json").read_text("utf-8"))
            truth = json.loads(archive.with_name(f"{name}.truth.json").read_text("utf-8"))
            reading = read_page(browser, pages / name / "report.html")
            failed = bool(report["verdict"]["failed"])
            wrong = wrong_answers(reading, report, truth)
            rows.append((name, failed, reading, wrong))
            sys.stdout.write(
                f"{name}: {reading.screens:.2f} screens, late {reading.late()}, wrong {wrong}, {reading.problems}\n"
            )
            sys.stdout.flush()
        browser.close()
    TARGET.write_text(write_page(rows), "utf-8")


if __name__ == "__main__":
    main()
