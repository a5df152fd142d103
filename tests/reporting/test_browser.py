"""The page in a real browser: it reads at a desk and on a telephone, runs its own script only, asks for nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from report_cases import failing_report, healthy_report

from tests.evaluation.reading_tasks import CONTRAST, TASKS, read_page, wrong_answers

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip
WIDTHS_PX = (1280, 390)
OPEN_ALL = "for (const one of document.querySelectorAll('details')) one.open = true"
SCREEN_PX = 800

A4_PX = 718
"""Width of the paper between Chromium's usual margins."""


@pytest.fixture(scope="module")
def browser(chromium):
    """Start the system's Chromium once."""
    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Save the reports once."""
    folder = tmp_path_factory.mktemp("pages")
    for name, make in (("failing", failing_report), ("healthy", healthy_report)):
        make().save(folder / name)
    in_chinese = replace(failing_report(), parameters=failing_report().parameters | {"lang": "zh"})
    in_chinese.save(folder / "failing-zh")
    return folder


@pytest.fixture(params=WIDTHS_PX, ids=lambda width: f"{width}px")
def opened(request, browser, pages):
    """Open the failing report at a width, with all its details open, and note what it says and asks for."""
    page = browser.new_page(viewport={"width": request.param, "height": 800})
    page.noted = {"console": [], "requests": [], "errors": []}
    page.on("console", lambda message: page.noted["console"].append(message.text))
    page.on("pageerror", lambda error: page.noted["errors"].append(str(error)))
    page.on("request", lambda asked: page.noted["requests"].append(asked.url))
    page.goto((pages / "failing" / "report.html").as_uri())
    page.evaluate(OPEN_ALL)
    yield page
    page.close()


def test_the_page_requests_nothing_and_logs_nothing(opened):
    """No request leaves the file, no message or error appears."""
    outside = [url for url in opened.noted["requests"] if not url.startswith(("file:", "data:"))]
    assert outside == []
    assert len([url for url in opened.noted["requests"] if url.startswith("file:")]) == 1
    assert opened.noted["console"] == opened.noted["errors"] == []


def test_a_crafted_line_of_a_log_does_not_run(opened):
    """Markup in a log line is on the page as text and has done nothing."""
    assert "owned" not in opened.title()
    assert "<script>document.title='owned'</script>" in opened.inner_text("main")
    assert opened.query_selector_all("main script, main [onerror]") == []


def test_the_page_does_not_overflow(opened):
    """It is as wide as the window; what is wider scrolls inside its own frame."""
    assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    stray = opened.evaluate(
        """() => [...document.querySelectorAll('main *')].filter(element =>
             element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('.scroll, .pan, pre, .tools'))
             .map(element => element.outerHTML.slice(0, 80))"""
    )
    assert stray == []


def test_the_verdict_is_on_the_first_screen(opened):
    """Headline and the first proposed value are seen without scrolling; at a desk the forecast is too."""
    seen = [".headline", ".card .then"] + ([".card .rate"] if opened.viewport_size["width"] > 1000 else [])
    for selector in seen:
        box = opened.query_selector(selector).bounding_box()
        assert box["y"] + box["height"] <= 800, selector


@pytest.mark.parametrize(("name", "most"), [("failing", 6), ("healthy", 2)])
def test_the_page_is_a_few_screens(browser, pages, name, most):
    """As it opens, the report of a failed run takes at most six screens, of a healthy one two."""
    page = browser.new_page(viewport={"width": 1280, "height": SCREEN_PX})
    page.goto((pages / name / "report.html").as_uri())
    height_px = page.evaluate("document.documentElement.scrollHeight")
    page.close()
    assert height_px <= most * SCREEN_PX


def test_five_answers_stand_within_two_screens(browser, pages):
    """Cause, value to set, line that proves it, worst host and file to apply are there without a click, and right."""
    page = pages / "failing" / "report.html"
    reading, report = read_page(browser, page), json.loads(page.with_name("report.json").read_text("utf-8"))
    assert wrong_answers(reading, report, {"primary_cause": "timeout_too_short"}) == []
    assert (set(reading.answers), reading.late(), reading.problems) == (set(TASKS), [], ())


def test_the_contents_follow_what_is_read(browser, pages):
    """The entry of the chapter in view is marked."""
    page = browser.new_page(viewport={"width": 1280, "height": SCREEN_PX})
    page.goto((pages / "failing" / "report.html").as_uri())
    for chapter in ("timing", "preheat-plan"):
        page.evaluate(f"document.getElementById('{chapter}').scrollIntoView()")
        page.wait_for_selector(f"nav a[href='#{chapter}'][aria-current]")
    assert len(page.query_selector_all("nav a[aria-current]")) == 1
    page.close()


def test_a_button_copies_the_helm_values(browser, pages):
    """The clipboard gets the values as they are shown, without the button's own text."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto((pages / "failing" / "report.html").as_uri())
    page.click(".verdict .copy button")
    page.wait_for_function("document.querySelector('.verdict .copy button').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == page.text_content(".verdict .copy pre")
    context.close()


def test_every_link_of_the_contents_leads_to_its_heading(opened):
    """Each entry opens its chapter and brings its heading into view, not hidden by what sticks to the top."""
    links = opened.query_selector_all("nav a")
    assert 4 < len(links) < 9
    opened.evaluate(OPEN_ALL.replace("true", "false"))
    for link in links:
        link.click()
        chapter = opened.query_selector(f"details:has(> [id='{link.get_attribute('href')[1:]}'])")
        assert chapter.get_attribute("open") is not None
        target = chapter.query_selector("h2")
        assert target.inner_text() == link.inner_text()
        assert 0 <= target.bounding_box()["y"] < 800
        covering = opened.evaluate(
            """heading => { const box = heading.getBoundingClientRect();
                 return document.elementFromPoint(box.x + 5, box.y + box.height / 2) === heading }""",
            target,
        )
        assert covering, link.inner_text()


def test_pictures_are_drawn_and_described(opened):
    """Each picture has a size of its own and words in its place."""
    pictures = opened.evaluate(
        "[...document.querySelectorAll('svg')].map(one => [one.getBoundingClientRect().width, one.ariaLabel.length])"
    )
    assert len(pictures) >= 3
    assert all(width > 100 and words > 40 for width, words in pictures)


@pytest.fixture
def abroad(browser, pages):
    """Open the failing report in Berlin, in the dark theme, at a desk."""
    page = browser.new_page(viewport={"width": 1280, "height": SCREEN_PX}, timezone_id="Europe/Berlin", color_scheme="dark")  # fmt: skip
    page.goto((pages / "failing" / "report.html").as_uri())
    yield page
    page.close()


def test_local_time_stands_beside_utc(abroad):
    """Of the reader's zone, in brackets, until the box is cleared; log lines stay as they are."""
    times = abroad.locator(".finding .finding__head").first
    assert "2026-03-01 10:02:07 (11:02:07) to 2026-03-01 10:24:40 (11:24:40)" in times.inner_text()
    assert abroad.locator("pre .local").count() == 0
    assert "Europe/Berlin" in abroad.inner_text(".tools")
    abroad.uncheck("[name=local]")
    assert "(11:02:07)" not in times.inner_text()


def test_a_host_or_finding_is_shown_alone(abroad):
    """Rows of other hosts and cards of other findings go, what is left is unfolded, and all comes back."""
    shown = "[...document.querySelectorAll('[data-host]')].filter(one => one.checkVisibility()).map(one => one.dataset.host)"
    abroad.select_option("[name=host]", "seed-client-1")
    assert set(abroad.evaluate(shown)) == {"seed-client-1"}
    abroad.select_option("[name=host]", "")
    abroad.evaluate(OPEN_ALL)
    assert set(abroad.evaluate(shown)) > {"seed-client-1", "seed-client-2"}
    abroad.select_option("[name=finding]", "content_write_failed")
    cards = [card for card in abroad.locator(".finding").all() if card.is_visible()]
    assert ["Content write failed" in card.inner_text() for card in cards] == [True]


def test_a_picture_shows_values_and_follows_the_theme(abroad):
    """Under the pointer stands what a mark is worth; in the dark theme no picture is white."""
    abroad.locator("#timing svg.picture").first.scroll_into_view_if_needed()
    box = abroad.locator("#timing svg.picture").first.bounding_box()
    abroad.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 0.3 * box["height"])
    assert re.search(r"to .*(succeeded|timed out|fitted): \d", abroad.inner_text(".tip"))
    fills = abroad.evaluate(
        "[...document.querySelectorAll('svg.picture > g > path')].map(one => getComputedStyle(one).fill)"
    )
    assert len(fills) >= 3
    assert "rgb(255, 255, 255)" not in fills


def test_the_keyboard_reaches_the_content_first(browser, pages):
    """The first stop of the tabulator is the link that skips to the content."""
    page = browser.new_page()
    page.goto((pages / "failing" / "report.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.close()


@pytest.mark.parametrize("name", ["failing", "failing-zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser, pages, name, scheme):
    """In both languages, in light and in dark, with all details open."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
    page.goto((pages / name / "report.html").as_uri())
    page.evaluate(OPEN_ALL)
    found = Axe().run(page).response
    page.close()
    assert len(found["passes"]) > 20
    assert [
        (one["id"], one["impact"], [node["html"][:120] for node in one["nodes"]])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ] == []


@pytest.mark.parametrize("name", ["failing", "failing-zh", "healthy"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser, pages, name, scheme):
    """Every text has a contrast of at least 4.5 to 1 with its background, in light and in dark."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
    page.goto((pages / name / "report.html").as_uri())
    page.evaluate(OPEN_ALL)
    faint = page.evaluate(CONTRAST)
    checked = page.evaluate("document.querySelectorAll('body *').length")
    page.close()
    assert checked > 200
    assert faint == []


def test_paper_shows_what_is_folded(browser, pages, tmp_path):
    """Printed, the lines behind a finding appear, and the contents list does not; nothing is wider than the paper."""
    page = browser.new_page(viewport={"width": A4_PX, "height": 1000})
    page.goto((pages / "failing" / "report.html").as_uri())
    page.emulate_media(media="print")
    assert not page.is_visible("nav")
    assert page.evaluate("document.querySelector('.lines pre').getBoundingClientRect().height") > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= A4_PX
    page.close()
