"""Reports in other languages: every sentence has its values in both, ids stay, and what has no words is English and counted."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_cases import ATTACK, SECTIONS, Page, failing_report, healthy_report, no_tasks_report

from dfly_analysis.api import analyse
from dfly_analysis.catalog import LANGUAGES
from dfly_analysis.catalog import translation as texts
from dfly_analysis.catalog.error_signatures import load_signatures
from dfly_analysis.catalog.translation import PLACE, Translator, load_sentences, places_of, translator
from dfly_analysis.reporting import notebook_names, notebook_path
from dfly_analysis.reporting.labels import (
    CAUSES,
    FITS,
    LAYERS,
    OUTCOMES,
    REMEDIES,
    ROLES,
    SHORT_LAYERS,
    counted,
    range_text,
)
from dfly_analysis.reporting.notebook_renderer import is_hidden, read_cells, source_of

HAN = re.compile("[\u4e00-\u9fff]")
OTHERS = [language for language in LANGUAGES if language != "en"]


def in_language(make, language="zh"):
    report = make()
    return replace(report, parameters={**report.parameters, "lang": language})


@pytest.mark.parametrize("language", OTHERS)
def test_each_sentence_has_the_same_places_in_both_languages(language):
    """No value is lost or made up by a translation, and every translation says something."""
    sentences = load_sentences(language)
    assert len(sentences) > 300
    assert [one.english for one in sentences if places_of(one.english) != places_of(one.other) or not one.other] == []


@pytest.mark.parametrize("language", OTHERS)
def test_each_sentence_finds_itself(language):
    """A sentence with plain values in its places is put into the language, with the values in it."""
    samples = {
        None: "x",
        "n": "12",
        "q": "3.5 s",
        "c": "7 tasks",
        "l": "a-0 and b-1",
        "id": "a.b",
        "time": "2026-01-02 03:04:05",
    }
    for one in load_sentences(language):
        filled = PLACE.sub(lambda place: samples[place["kind"]], one.english)
        assert translator(language).find(filled) is not None, one.english


def test_code_ids_and_numbers_of_a_sentence_are_the_same_in_both_languages():
    """What stands between backticks, and every key with a dot in it, is not translated."""
    for one in load_sentences("zh"):
        for token in (*re.findall(r"`[^`]+`", one.english), *re.findall(r"\b[a-z]+\.[a-z]+[A-Z]\w+", one.english)):
            assert token in one.other, one.english


@pytest.mark.parametrize("words", [CAUSES, REMEDIES, ROLES, LAYERS, SHORT_LAYERS, OUTCOMES, FITS])
def test_every_word_for_an_id_is_known_in_chinese(words):
    """Causes, remedies, roles, layers, endings and fits have words."""
    known = translator("zh")
    assert [text for text in words.values() if not known.find(text)] == []


def test_titles_of_signatures_are_known_in_chinese():
    """Those that still lack words are counted here; a new signature may come before its words, but not many."""
    missing = [one.title for one in load_signatures() if translator("zh").find(one.title) is None]
    assert len(missing) <= 20, missing


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("4 of 48 tasks failed: a timeout is too short", "48 个任务中有 4 个失败：超时设置过短"),
        ("30 % to 45 %", "30\N{NO-BREAK SPACE}% 至 45\N{NO-BREAK SPACE}%"),
        ("at most 1.07 %", "至多 1.07\N{NO-BREAK SPACE}%"),
        ("no piece cut at 25s", "没有 piece 在 25s 被截断"),
        ("Nothing failed: all 12 tasks finished", "没有失败：12 个任务全部完成"),
    ],
)
def test_values_are_put_where_the_language_wants_them(english, chinese):
    """Places may change their order; what stands in them is put into the language too, units stay."""
    assert translator("zh").say(english) == chinese


def test_a_text_is_put_into_the_language_sentence_by_sentence():
    """What has no words stays English, beside sentences that have."""
    known = translator("zh")
    assert known.say("Times in UTC. Nobody has words for this.") == "时间为 UTC。 Nobody has words for this."
    assert known.lacks("Times in UTC. Nobody has words for this.")
    assert not known.lacks("Times in UTC.")
    assert not known.lacks("seed-client-0")


@given(st.text(max_size=80))
def test_no_text_is_lost(text):
    """A text without words in the language comes back as it was, but for its white space; English always does."""
    assert translator("en").say(text) == text
    if translator("zh").find(text) is None:
        assert " ".join(translator("zh").say(text).split()) == " ".join(text.replace("\xa0", " ").split())


@given(st.integers(0, 10**7), st.floats(1e-4, 1.0))
def test_counts_and_ranges_are_always_known(n, share):
    """The small phrases that stand in every sentence have words for all values."""
    assert HAN.search(translator("zh").say(counted(n, "task")))
    assert HAN.search(translator("zh").say(range_text(0.0, share, "share")))
    assert HAN.search(translator("zh").say(range_text(share / 2, share, "s")))


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("make", [failing_report, healthy_report, no_tasks_report])
def test_every_section_shows_itself_in_chinese(name, make):
    """Each says something in Chinese, and nothing in it makes an element that the log brought."""
    html = getattr(in_language(make), name).html()
    assert HAN.search(html)
    assert ATTACK not in html


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Save the failing report in each language, with a sentence that no file knows."""
    made = {}
    for language in LANGUAGES:
        report, folder = in_language(failing_report, language), tmp_path_factory.mktemp(language)
        replace(report, advice=replace(report.advice, warnings=("Nobody has words for this one",))).save(folder)
        made[language] = (folder / "report.html").read_text("utf-8")
    return made


def test_ids_keys_and_units_are_not_translated(pages):
    """Causes, findings, settings and anchors are the same in both languages."""
    read = {language: Page(html) for language, html in pages.items()}
    for name in ("timeout_too_short", "download.pieceTimeout", "error_decoding_response_body", "MiB"):
        assert all(name in page.text for page in read.values())
    anchors = [[link["href"] for link in page.all("a")] for page in read.values()]
    assert anchors[0] == anchors[1]
    assert [page.all("html")[0]["lang"] for page in read.values()] == ["en", "zh"]


def test_what_has_no_words_is_english_and_counted(pages):
    """A sentence that no file knows is marked as English, and the foot of the page says how many there are."""
    assert '<span lang="en">Nobody has words for this one</span>' in pages["zh"]
    assert "Nobody has words for this one" in pages["en"]
    assert re.search(r"有 \d+ 句尚无中文，保留英文", pages["zh"])


def test_the_article_s_report_is_in_chinese(article_sample, tmp_path):
    """Of the sample's report next to nothing stands in English: only what the jobs' own errors say."""
    analyse([str(article_sample)], size="20GiB", lang="zh").save(tmp_path)
    html = (tmp_path / "report.html").read_text("utf-8")
    english = re.findall(r'<(?:span|div) lang="en">(.*?)</', html)
    assert [text for text in english if "rpc error" not in text and "code = Internal" not in text] == []
    shown = re.sub(r"<(style|code|pre|cite|em|span lang)\b.*?</.*?>|<[^>]*>", "\n", html, flags=re.DOTALL)
    assert (
        re.findall(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}.*", shown) == []
    )  # a place of a sentence that took another sentence whole
    assert "48 个任务中有 4 个失败：超时设置过短" in Page(html).words
    assert len(html.encode()) < 500_000


def test_a_place_for_anything_does_not_take_the_sentence_behind():
    """Each of several sentences has its own words, also where the first could hold all of them."""
    said = translator("zh").say("Law: own rates. 923 observations, 37 of them without a known end.")
    assert "923 个观测" in said
    assert "observations" not in said


def test_a_translation_with_other_places_is_refused(tmp_path, monkeypatch):
    """The file and the sentence are named."""
    monkeypatch.setattr(texts, "ENTRIES", tmp_path)
    (tmp_path / "texts" / "zh").mkdir(parents=True)
    (tmp_path / "texts" / "zh" / "x.yaml").touch()
    monkeypatch.setattr(texts, "load_document", lambda *_: {"{n:n} tasks": "{m} 个任务"})
    load_sentences.cache_clear()
    with pytest.raises(texts.CatalogError, match="texts/zh/x.yaml, '{n:n} tasks'.*places differ"):
        Translator("zh")
    load_sentences.cache_clear()


@pytest.mark.parametrize("name", notebook_names())
def test_paragraphs_of_notebooks_have_words(name):
    """Headings and paragraphs of the packaged notebooks are known; a few new ones may stand in English for a while."""
    known, missing = translator("zh"), []
    for cell in read_cells(notebook_path(name)):
        if cell["cell_type"] == "markdown" and not is_hidden(cell):
            parts = re.split(r"\n\s*\n", source_of(cell))
            missing += [part for part in parts if known.find(re.sub(r"^#+ ", "", part)) is None]
    assert len(missing) <= 6, missing
