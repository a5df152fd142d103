"""The report: a verdict first, evidence that points at lines, JSON in its shapes, one page that loads nothing."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import (
    ATTACK,
    SECTIONS,
    Page,
    TruthlessOverlay,
    failing_report,
    healthy_report,
    make_report,
    no_tasks_report,
)

from dfly_analysis.api import analyse
from dfly_analysis.errors import DflyError, NotebookError, SourceError
from dfly_analysis.findings import Diagnosis
from dfly_analysis.reporting import diagnose_json, fit_json, notebook_names, notebook_path, recommend_json
from dfly_analysis.reporting.components import MARK
from dfly_analysis.reporting.json import plain_json
from dfly_analysis.reporting.labels import CAUSES, REMEDIES
from dfly_analysis.schema import CAUSES as KNOWN_CAUSES


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Save the failing report once."""
    folder = tmp_path_factory.mktemp("report")
    failing_report().save(folder)
    return folder


@cache
def verdict_words() -> str:
    return Page(failing_report().verdict.html()).words


def test_the_verdict_says_how_many_failed_and_why():
    """Counts, cause in words, share with its interval and the confidence stand first."""
    assert "12 of 40 tasks failed: timeout too short" in verdict_words()
    assert "9 of 12 failures, 75 % (95 % interval 46.8 % to 91.1 %)." in verdict_words()
    assert "Confidence of the attribution: high." in verdict_words()
    assert "connections dropped: 3 tasks, 25 %" in verdict_words()
    assert re.search(r"Hosts with most failures: ?seed-client-\d: 4 of 1[34] tasks failed", verdict_words())


def test_the_verdict_says_what_to_set_from_what_to_what():
    """Key, role, value now and proposed, interval and confidence."""
    assert re.search(
        r"download\.pieceTimeout seed client 6s → \d+s .*needed: [\d.]+ s to [\d.]+ s \(95 % interval\); confidence: high",
        verdict_words(),
    )


def test_the_verdict_predicts_with_and_without_the_change():
    """The failure rates shown are those of the prediction, at both limits."""
    prediction = failing_report().prediction
    assert (prediction.timeout_now_s, prediction.timeout_then_s) == (6.0, 60.0)
    assert prediction.now.value > 0.99
    assert prediction.then.value < prediction.now.value
    assert f"{prediction.n_pieces} pieces of 64 MiB, 2 attempts each" in verdict_words()
    assert "now, with a timeout of 6 s 100 %" in verdict_words()


def test_the_verdict_warns_of_false_successes_and_extrapolation():
    """A job that claims success with layers missing, larger pieces than any seen, times beyond any seen."""
    warnings = " ".join(failing_report().verdict.warnings)
    assert "SUCCESS, but 3 blobs (layers and image configurations) of 1 job are missing" in warnings
    assert "pieces of 64 MiB; the largest piece in the data has 4 MiB" in warnings
    assert "beyond the longest observed duration, 6 s" in warnings


def test_a_healthy_run_is_called_healthy():
    """Nothing failed, nothing is proposed, no cause is named, no alarm is sounded."""
    report = healthy_report()
    page = Page(report.verdict.html())
    assert "No failures: all 40 tasks succeeded" in page.words
    assert "No setting needs to change." in page.words
    assert report.verdict.tone == "good"
    assert "Warnings" not in page.words
    assert "there is no cause to name" in Page(report.causes.html()).words


def test_timeouts_are_not_called_a_fix_of_another_cause():
    """Where connections were cut, the card says that the proposed timeouts do not cure that."""
    report = failing_report()
    shares = tuple(replace(share, cause=other) for share, other in zip(report.findings.causes, ("network_instability", "timeout_too_short"), strict=True))  # fmt: skip
    turned = replace(report, findings=Diagnosis(report.findings, shares, "network_instability"))
    assert "They do not fix the main cause." in Page(turned.verdict.html()).words
    assert "do not fix" not in verdict_words()


def test_a_prediction_names_the_cause_it_does_not_cover():
    """How pieces end says nothing of a full disk, so the forecast must not look like an all-clear."""
    report = failing_report()
    shares = (replace(report.findings.causes[0], cause="disk_full"), report.findings.causes[1])
    turned = replace(report, findings=Diagnosis(report.findings, shares, "disk_full"))
    assert "It does not cover the main cause: disk full." in Page(turned.verdict.html()).words
    assert "does not cover" not in verdict_words()


def test_an_unknown_language_is_refused():
    """The known ones are named."""
    with pytest.raises(DflyError, match="'fr'.*en, zh"):
        analyse([], lang="fr")


def test_an_input_without_tasks_is_not_called_healthy():
    """Where no task was seen from start to end the verdict says that, and predicts nothing."""
    report = no_tasks_report()
    words = Page(report.verdict.html()).words
    assert "shows no task from start to end" in words
    assert report.verdict.tone == "unknown"
    assert "cannot be predicted" in words


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("make", [failing_report, healthy_report, no_tasks_report])
def test_every_section_shows_itself(name, make):
    """In a notebook a section is HTML marked as ours, with its style; empty ones say what is not there."""
    data, metadata = getattr(make(), name)._repr_mimebundle_()
    assert MARK in metadata
    assert data["text/html"].startswith("<style>")
    assert len(Page(data["text/html"].partition("</style>")[2]).words) > 10


def test_every_cause_has_words():
    """No id of a cause reaches a reader bare."""
    assert set(CAUSES) == set(REMEDIES) == set(KNOWN_CAUSES)


def test_evidence_has_lines_and_marks_duplicates():
    """A present finding opens to path:line with the line; a duplicate names its original; the unknown have a reason."""
    page = Page(failing_report().evidence.html())
    assert "seed-client-0/dfdaemon.log:18231" in page.words
    assert "duplicate of error_decoding_response_body" in page.words
    assert "the scheduler's log is not in the input" in page.words
    assert "1 known failure checked and not found" in page.words
    assert page.words.index("Error decoding response body") < page.words.index("Content write failed")


def test_text_of_logs_is_only_text():
    """A line that holds markup appears as it was written and makes no element, wherever it comes from."""
    html = failing_report().evidence.html()
    assert ATTACK not in html
    assert ATTACK in Page(html).text
    assert Page(html).all("script") == []


@given(st.text(alphabet="<>&\"'`=/ scriptonerrorimg\n", max_size=60))
@settings(max_examples=examples(40))
def test_no_text_makes_an_element(text):
    """Whatever text a log, a setting or a file name holds, the elements of the section stay the same."""
    plain, odd = make_report(line_text="x"), make_report(line_text=text)
    assert [tag for tag, _ in Page(odd.evidence.html()).tags] == [tag for tag, _ in Page(plain.evidence.html()).tags]


def test_saving_writes_the_four_files(saved):
    """Page, JSON, Helm values and manifest; no half-written file is left."""
    names = sorted(path.name for path in saved.iterdir())
    assert names == ["manifest.json", "overlay.values.yaml", "report.html", "report.json"]
    assert (saved / "overlay.values.yaml").read_text("utf-8") == TruthlessOverlay().to_yaml()


def test_saving_without_the_page_writes_no_page(tmp_path):
    """A notebook saves the rest; its page is made from the notebook itself."""
    shown = failing_report().save(tmp_path / "new" / "folder", html=False)
    assert not (tmp_path / "new" / "folder" / "report.html").exists()
    assert "report.json" in shown.html()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """A file where the folder should be is named."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(SourceError, match="taken"):
        failing_report().save(tmp_path / "taken")


def test_the_saved_json_holds_the_contract(saved):
    """The blocks of diagnose, fit and recommend, with the schema's version, and nothing that is not JSON."""
    content = json.loads((saved / "report.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert content["schema_version"] == 1
    assert {"primary_cause", "causes", "findings", "coverage"} <= set(content["diagnose"])
    assert set(content["diagnose"]["causes"][0]) == {"cause", "share", "low", "high", "tasks", "confidence"}
    assert {"id", "verdict", "severity", "count", "tasks", "first", "last", "knob", "reason", "evidence"} <= set(
        content["diagnose"]["findings"][0]
    )
    assert set(content["diagnose"]["coverage"]) == {"files", "lines", "parsed", "rejected", "first", "last"}
    fitted = next(fit for fit in content["fit"]["fits"] if fit["name"] == "piece_from_source")
    assert {"name", "law", "params", "n", "n_censored", "goodness", "window", "extrapolates_beyond_s"} <= set(fitted)
    (advised,) = content["recommend"]["recommendations"]
    assert set(advised["current"]) == {"value", "layer", "source"}
    assert {"key", "role", "helm_path", "proposed", "unit", "low", "high", "because", "confidence", "findings", "how_to_check"} <= set(advised)  # fmt: skip
    assert content["inputs"][0] == {"path": "seed-client-0/dfdaemon.log", "sha256": "ab" * 32, "lines": 30000}
    assert content["prediction"]["now"]["value"] > 0.99


def test_blocks_of_commands_carry_their_version():
    """Each of the three blocks stands alone."""
    report = failing_report()
    blocks = [diagnose_json(report.dataset, report.findings), fit_json(report.fits), recommend_json(report.advice)]
    assert [block["schema_version"] for block in blocks] == [1, 1, 1]
    assert blocks[1]["not_fitted"][0]["name"] == "piece_from_parent"


@given(st.recursive(st.none() | st.floats() | st.text() | st.sampled_from([np.float64("nan"), np.int64(3), np.True_]), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))  # fmt: skip
def test_json_is_strict_whatever_it_is_made_of(value):
    """NaN and infinity become null, numpy's numbers numbers; the text reads back."""
    text = json.dumps(plain_json(value), allow_nan=False)
    assert json.loads(text) == plain_json(value)


def test_the_manifest_says_what_made_the_report(saved):
    """Inputs with hash and lines, versions of the package and its libraries, parameters, settings."""
    content = json.loads((saved / "manifest.json").read_text("utf-8"))
    assert content["inputs"][0]["sha256"] == "ab" * 32
    assert {"dfly-analysis", "python", "numpy", "pandas"} <= set(content["made_by"])
    assert content["parameters"]["size"] == "20GiB"
    assert any(item["key"] == "download.pieceTimeout" and item["value"] == "6s" for item in content["settings"]["in_force"])  # fmt: skip


def test_the_page_loads_nothing_and_runs_its_own_script(saved):
    """Its policy forbids addresses and other scripts, and no element asks for any."""
    html = (saved / "report.html").read_text("utf-8")
    page = Page(html)
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert re.search(r"script-src 'sha256-[^' ;]+';", policy)
    assert page.all("script") == [{}]
    assert page.all("iframe") == page.all("object") == []
    assert all(image["src"].startswith("data:") for image in page.all("img"))
    assert [attrs for _, attrs in page.tags for name in attrs if name.startswith("on")] == []
    assert not re.search(r"url\((?!#)|@import", html)
    assert len(html.encode()) < 600_000


def test_the_page_shows_every_section_of_the_notebook(saved):
    """Each chapter has an anchor that the contents link to; sections have headings; the verdict comes first."""
    cells = json.loads(notebook_path("tuning_report").read_text("utf-8"))["cells"]
    headings = [line for cell in cells for line in cell["source"] if line.startswith("##")]
    chapters = [line[3:].strip() for line in headings if line.startswith("## ")]
    page = Page((saved / "report.html").read_text("utf-8"))
    anchors = [attrs["id"] for attrs in page.all("div") if attrs.get("class") == "chapter__content"]
    links = [attrs["href"] for attrs in page.all("a") if attrs["href"].startswith("#") and attrs["href"] != "#content"]
    assert len(chapters) == len(anchors) == len(set(anchors)) <= 7
    assert links == [f"#{anchor}" for anchor in anchors]
    assert [line for line in headings if line.lstrip("# ").strip() not in page.words] == []
    assert page.words.index("12 of 40 tasks failed") < page.words.index(chapters[0], page.words.index("12 of 40"))


def test_the_page_has_landmarks_and_alt_texts(saved):
    """It can be read aloud: language, main, nav, skip link, and words for every picture."""
    page = Page((saved / "report.html").read_text("utf-8"))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("main")) == len(page.all("nav")) == len(page.all("h1")) == 1
    assert page.all("a")[0]["href"] == "#content"
    assert len(page.all("svg")) >= 3
    assert all(picture["role"] == "img" and len(picture["aria-label"]) > 40 for picture in page.all("svg"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_settings_name_the_layer_and_what_it_covers():
    """The value in force, who set it, and the chart's value below it."""
    words = Page(failing_report().settings_table.html()).words
    assert re.search(
        r"seed client download\.pieceTimeout 6s your values Helm chart: 30s",
        words,
    )


def test_a_misspelt_notebook_gets_a_suggestion():
    """The names that exist are offered."""
    assert "tuning_report" in notebook_names()
    with pytest.raises(NotebookError, match="did you mean tuning_report"):
        notebook_path("tunning_report")


def test_tables_of_a_report_are_data_frames():
    """With numbers as numbers: they can be computed with."""
    tables = failing_report().tables
    assert {"causes", "findings", "recommendations", "settings", "failed_tasks", "fits", "coverage"} <= set(tables)
    assert tables["causes"]["share"].sum() == pytest.approx(1.0)
    assert len(tables["failed_tasks"]) == failing_report().verdict.n_failed
    assert tables["fits"]["value"].dtype == float


def test_figures_of_a_report_are_matplotlib_figures(tmp_path):
    """They can be saved in any format."""
    figures = failing_report().figures
    assert {"timeline", "durations", "failure_rates"} <= set(figures)
    figures["durations"].savefig(tmp_path / "durations.png")
    assert (tmp_path / "durations.png").stat().st_size > 1_000


def test_results_show_themselves_in_a_line():
    """A bare name in a cell prints no megabyte."""
    report = failing_report()
    results = [report, report.dataset, report.findings, report.advice, *report.fits.values()]
    assert [text for text in map(repr, results) if len(text) > 600 or "\n" in text] == []
    assert "failed" in repr(report)
    assert report._repr_mimebundle_()[0]["text/html"] == report.verdict._repr_html_()
