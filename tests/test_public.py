"""The names that people build on: they exist, say what they do, and go together as the contract writes them."""

import inspect
import json
import subprocess
import sys
from dataclasses import is_dataclass
from importlib.metadata import entry_points, version

import numpy as np
import pandas as pd
import pytest

import dfly_analysis as dfly
from dfly_analysis import errors, schema
from dfly_analysis.reporting.json import diagnose_json, fit_json, recommend_json

PROMISED = (
    "Settings",
    "load",
    "diagnose",
    "fit_all",
    "recommend",
    "analyse",
    "fit_duration",
    "Overlay",
    "Report",
    "NotFitted",
    "DflyError",
)
MIB = 2**20


@pytest.fixture(scope="module")
def article(article_sample):
    return dfly.load([article_sample], settings=dfly.Settings.resolve(client="v0.1.118", chart="1.2.24"), tz="UTC")


@pytest.fixture(scope="module")
def answer(article):
    findings = dfly.diagnose(article)
    fits = dfly.fit_all(article)
    return findings, fits, dfly.recommend(article, findings, fits, size="20GiB", target_failure_rate=1e-3)


def test_public_names_exist_and_say_what_they_are():
    """Each name of `__all__` resolves, is documented with what it takes and gives, and the contract's are among them."""
    assert set(PROMISED) <= set(dfly.__all__)
    assert set(dfly.__all__) <= set(dir(dfly))
    for name in dfly.__all__:
        found = getattr(dfly, name)
        assert name == "__version__" or len(inspect.getdoc(found)) > 30, name
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = dfly.no_such_name


def test_version_and_command_are_those_of_the_distribution():
    """The package, its metadata and its command agree."""
    assert dfly.__version__ == version("dfly-analysis")
    assert [one.value for one in entry_points(group="console_scripts", name="dfly-analysis")] == [
        "dfly_analysis.cli:run"
    ]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("load", ["paths", "settings", "tz"]),
        ("recommend", ["dataset", "findings", "fits", "size", "target_failure_rate"]),
        ("analyse", ["paths", "values", "chart", "client", "size", "target_failure_rate", "tz"]),
        ("fit_duration", ["pieces"]),
        ("fit_all", ["dataset"]),
    ],
)
def test_arguments_keep_their_names(name, arguments):
    """Scripts name them."""
    assert set(arguments) <= set(inspect.signature(getattr(dfly, name)).parameters)


def test_what_is_handed_over_is_frozen():
    """Values at the ends do not change under the hands of who holds them."""
    for name in (
        "Finding",
        "Evidence",
        "Interval",
        "Recommendation",
        "NoRecommendation",
        "Advice",
        "Setting",
        "Settings",
        "Report",
    ):
        found = getattr(dfly, name)
        assert is_dataclass(found), name
        assert found.__dataclass_params__.frozen, name


def test_frames_have_the_columns_they_promise(article):
    """Every table of the dataset obeys its schema; times know their zone; every row says where it comes from."""
    for table in schema.ALL:
        frame = table.check(getattr(article, table.name))
        assert isinstance(frame, pd.DataFrame)
    for frame in (article.events, article.pieces, article.tasks, article.jobs):
        assert len(frame) > 0
        assert frame["log_path"].notna().all()
        assert (frame["log_line"] > 0).all()
    assert set(article.pieces["outcome"]) <= set(schema.OUTCOMES)
    assert set(article.tasks["outcome"]) <= set(schema.TASK_OUTCOMES)
    assert str(article.events["time"].dtype) == "datetime64[ns, UTC]"


def test_stages_go_together(article, answer):
    """load, diagnose, fit_all and recommend hand on what the next one takes; nothing in the dataset changes."""
    findings, fits, advice = answer
    assert isinstance(findings, list)
    assert findings.primary_cause == "timeout_too_short"
    assert advice.size_bytes == 20 * 1024**3
    assert all(isinstance(one, dfly.Recommendation) for one in advice)
    before = article.pieces.copy()
    dfly.diagnose(article)
    pd.testing.assert_frame_equal(article.pieces, before)
    assert list(dfly.diagnose(article)) == list(findings)
    assert {name for name, one in fits.items() if isinstance(one, dfly.NotFitted)} | {"piece_from_source"} <= set(fits)


def test_a_plan_and_facts_are_had_from_python(tmp_path, article):
    """They take what their commands take, and refuse what those refuse."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        json.dumps({"schemaVersion": 2, "layers": [{"digest": f"sha256:{'1' * 64}", "size": 2 * 10**9}]})
    )
    plan = dfly.plan_preheat(manifest, article, changes={"download.pieceTimeout": "77s"})
    assert any("77 s" in one for one in plan.assumptions)
    assert dfly.plan_preheat(manifest, bandwidth="100MB/s").time.value == pytest.approx(20)
    with pytest.raises(dfly.DflyError, match="no unit"):
        dfly.plan_preheat(manifest, bandwidth="100")
    assert set(dfly.facts("download.pieceTimeout", at="v1.5.1")["value"]) == {"360s"}
    with pytest.raises(dfly.DflyError):
        dfly.facts("no.such.key")


def test_results_are_json_with_a_version(article, answer):
    """Each shape of the contract survives a strict JSON writer and carries its version."""
    findings, fits, advice = answer
    for shape in (diagnose_json(article, findings), fit_json(fits), recommend_json(advice)):
        assert json.loads(json.dumps(shape, allow_nan=False))["schema_version"] == 1
    one = recommend_json(advice)["recommendations"][0]
    wanted = {
        "key",
        "role",
        "helm_path",
        "current",
        "proposed",
        "unit",
        "low",
        "high",
        "because",
        "confidence",
        "findings",
        "how_to_check",
    }
    assert wanted <= set(one)
    assert set(one["current"]) == {"value", "layer", "source"}


def test_a_law_is_fitted_to_four_columns():
    """`fit_duration` needs size, duration, outcome and limit only; its answers are ordered intervals."""
    draw = np.random.default_rng(8)
    time = np.exp(draw.normal(0.9, 0.5, 400))
    pieces = pd.DataFrame({"size_bytes": 4 * MIB, "duration_s": np.minimum(time, 6.0), "outcome": np.where(time < 6.0, "ok", "timeout"), "timeout_s": 6.0})  # fmt: skip
    fit = dfly.fit_duration(pieces)
    asked = (fit.quantile(4 * MIB, 0.999), fit.failure_rate(4 * MIB, 30.0), fit.timeout_rate(4 * MIB, 30.0, level=0.8))
    assert all(isinstance(one, dfly.Interval) and one.low <= one.value <= one.high for one in asked)
    assert fit.quantile(4 * MIB, 0.5).value == pytest.approx(np.exp(0.9), rel=0.15)
    with pytest.raises(errors.TableError, match="timeout_s"):
        dfly.fit_duration(pieces.drop(columns="timeout_s"))


def test_errors_name_the_place_and_the_way_out(tmp_path):
    """Each is a DflyError of one line, also where a text has several."""
    with pytest.raises(dfly.DflyError) as caught:
        dfly.load(tmp_path / "missing.log")
    assert str(caught.value).startswith(f"{tmp_path / 'missing.log'}: no such file or folder (")
    assert str(dfly.DflyError("a\n b", where="c:1", hint="d")) == "c:1: a b (d)"
    with pytest.raises(dfly.DflyError):
        dfly.Settings.resolve({"seedClient": {}}, client="newest")


def test_the_whole_program_is_one_call(article_sample, tmp_path):
    """`analyse` gives a report that saves a page, JSON, overlay and manifest."""
    report = dfly.analyse(article_sample, chart="1.2.24", client="v0.1.118", size="1GiB")
    report.save(tmp_path / "run-1")
    made = {path.name for path in (tmp_path / "run-1").iterdir()}
    assert {"report.html", "report.json", "overlay.values.yaml", "manifest.json"} <= made
    told = json.loads((tmp_path / "run-1" / "report.json").read_text("utf-8"))
    assert told["schema_version"] == 1
    assert "timeout_too_short" in json.dumps(told)


def test_importing_the_command_is_quick():
    """The help and the look-ups do not import the numeric libraries."""
    code = "import sys, dfly_analysis.cli.main, dfly_analysis.cli.options; print(sorted({'numpy', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_outcome_columns_list_every_outcome():
    """The text of a column says which values it may have."""
    meanings = {
        table.name: next(one.meaning for one in table.columns if one.name == "outcome")
        for table in (schema.PIECES, schema.TASKS)
    }
    assert ", ".join(schema.OUTCOMES) in meanings["pieces"]
    assert ", ".join(schema.TASK_OUTCOMES) in meanings["tasks"]
