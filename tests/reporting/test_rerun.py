"""What a page carries of its own making, and what is said where it cannot be made again."""

from __future__ import annotations

import json
from dataclasses import replace
from html import escape

import pytest
from report_cases import failing_report

from dfly_analysis.errors import SourceError
from dfly_analysis.reporting.notebooks.rerun import rerun_report
from dfly_analysis.reporting.provenance import differences, inputs_of, read_provenance, refuse_changed


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    failing_report().save(folder)
    return folder / "report.html"


def test_a_page_carries_parameters_inputs_and_verdict(saved):
    """They are those of the manifest, shortened, and survive the escaping of HTML."""
    record, manifest = read_provenance(saved), json.loads((saved.parent / "manifest.json").read_text("utf-8"))
    assert record["parameters"] == {"paths": ["logs"], "size": "20GiB", "target_failure_rate": 1e-3}
    assert record["inputs"] == inputs_of(manifest)
    assert record["verdict"]["settings"] == {"seedClient download.pieceTimeout": "60s"}
    assert (record["verdict"]["tasks"], record["verdict"]["failed"]) == (40, 12)


@pytest.mark.parametrize("text", ["", "<p>x</p>", '<meta name="dfly-analysis-run" content="{">', '<meta name="dfly-analysis-run" content="[]">', '<meta name="dfly-analysis-run">'])  # fmt: skip
def test_a_file_without_provenance_is_refused(tmp_path, text):
    """One line that names the file."""
    (tmp_path / "x.html").write_text(text)
    with pytest.raises(SourceError, match=r"x\.html: is no report that carries its parameters"):
        read_provenance(tmp_path / "x.html")


def test_a_missing_or_newer_page_is_refused(tmp_path, saved):
    """Missing file, another version."""
    with pytest.raises(SourceError, match="cannot be read"):
        read_provenance(tmp_path / "none.html")
    (tmp_path / "y.html").write_text(saved.read_text("utf-8").replace("&#34;version&#34;: 1", "&#34;version&#34;: 99"))
    with pytest.raises(SourceError, match="in another shape"):
        read_provenance(tmp_path / "y.html")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda files: files[0].update(sha256="f" * 64), "has changed"),
        (lambda files: files.pop(), "is missing|have changed|is new"),
        (lambda files: files.append({"path": "logs/new.log", "sha256": "0" * 64}), "is new|has changed"),
    ],
)
def test_inputs_that_differ_are_named(change, expected):
    """The first file that changed, is missing or is new."""
    manifest = failing_report().manifest()
    manifest["inputs"] = [{"path": f"logs/{name}.log", "sha256": name * 64} for name in "abc"]
    other = {**manifest, "inputs": [dict(one) for one in manifest["inputs"]]}
    change(other["inputs"])
    refuse_changed(inputs_of(manifest), inputs_of(manifest))
    with pytest.raises(SourceError, match=expected):
        refuse_changed(inputs_of(manifest), inputs_of(other))


def test_values_that_differ_are_an_error():
    """The Helm values are an input too."""
    before = inputs_of(failing_report().manifest())
    with pytest.raises(SourceError, match="the Helm values have changed"):
        refuse_changed(before, {**before, "values_sha256": "0"})


def test_differences_between_verdicts_are_listed():
    """Name, then and now; the same verdict has none."""
    assert differences({"failed": 4, "tasks": 9}, {"failed": 5, "tasks": 9}) == ("failed: 4 before, 5 now",)
    assert differences({"failed": 4}, {"failed": 4}) == ()


def test_missing_inputs_are_named_before_anything_runs(saved, tmp_path):
    """The path, and that it is missing; nothing is written."""
    with pytest.raises(SourceError, match="logs: is missing"):
        rerun_report(saved, tmp_path / "out", timeout_s=60.0)
    assert not (tmp_path / "out").exists()


def test_values_that_no_file_holds_cannot_be_repeated(tmp_path):
    """A report made in Python with a mapping says so."""
    report = failing_report()
    replace(report, parameters={**report.parameters, "values": {"seedClient": {}}}).save(tmp_path)
    with pytest.raises(SourceError, match="Helm values that no file holds"):
        rerun_report(tmp_path / "report.html", tmp_path / "out", timeout_s=60.0)


def page_of(record) -> str:
    """Return a page that carries a record."""
    return f'<meta name="dfly-analysis-run" content="{escape(json.dumps(record))}">'


def test_a_page_of_two_runs_names_the_missing_input(tmp_path):
    """Pages that compare have two inputs, each looked for before anything runs."""
    page = tmp_path / "report.html"
    record = {
        "version": 1,
        "notebook": "before_after",
        "parameters": {"before": [str(tmp_path)], "after": [str(tmp_path / "gone")]},
    }
    page.write_text(page_of(record))
    with pytest.raises(SourceError, match="gone: is missing"):
        rerun_report(page, tmp_path / "out", timeout_s=60.0)


def test_a_notebook_that_a_page_names_is_not_run(tmp_path, saved):
    """A page may come from anybody: only the package's own notebooks run."""
    evil = tmp_path / "evil.ipynb"
    evil.write_text(json.dumps({"cells": [{"cell_type": "code", "source": "open('ran', 'w')", "metadata": {}}]}))
    name = read_provenance(saved)["notebook"]
    page = tmp_path / "x.html"
    page.write_text(
        saved.read_text("utf-8").replace(
            f"&#34;notebook&#34;: &#34;{name}&#34;", f"&#34;notebook&#34;: &#34;{evil}&#34;"
        )
    )
    assert read_provenance(page)["notebook"] == str(evil)
    with pytest.raises(SourceError, match="a notebook that dfly-analysis does not have"):
        rerun_report(page, tmp_path / "out", timeout_s=60)


def test_a_server_that_a_page_names_is_not_asked(tmp_path, saved):
    """Credentials go only to an address that the user gave."""
    page = tmp_path / "x.html"
    page.write_text(
        saved.read_text("utf-8").replace(
            "&#34;size&#34;: &#34;20GiB&#34;",
            "&#34;size&#34;: &#34;20GiB&#34;, &#34;prometheus&#34;: &#34;http://evil.example&#34;",
        )
    )
    assert read_provenance(page)["parameters"]["prometheus"] == "http://evil.example"
    for given in (None, "http://prometheus.example"):
        with pytest.raises(SourceError, match="was made with a Prometheus server .*--prometheus 'http://evil.example'"):
            rerun_report(page, tmp_path / "out", timeout_s=60, prometheus=given)


def test_objects_that_a_page_names_are_not_read(tmp_path):
    """An address of S3 is asked with the user's credentials too."""
    page = tmp_path / "x.html"
    for key in ("paths", "before"):
        page.write_text(page_of({"version": 1, "notebook": "tuning_report", "parameters": {key: ["s3://evil/run"]}}))
        with pytest.raises(SourceError, match="from objects in S3 .*--s3 's3://evil/run'"):
            rerun_report(page, tmp_path / "out", timeout_s=60, objects=["s3://mine/run"])


@pytest.mark.parametrize("change", [{"parameters": ["a"]}, {"inputs": None}, {"inputs": {"files": 1}}, {"verdict": 3}])
def test_a_page_of_another_shape_is_no_report(tmp_path, change):
    """Whoever wrote it."""
    page = tmp_path / "x.html"
    page.write_text(page_of({"version": 1, "notebook": "tuning_report", "parameters": {}} | change))
    with pytest.raises(SourceError, match="is no report that carries its parameters"):
        rerun_report(page, tmp_path / "out", timeout_s=60)
