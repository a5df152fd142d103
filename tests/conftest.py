"""What all tests share: where the checkout is, the committed samples and what is true of them, and the tools from outside."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "data" / "samples"
BUCKET = "logs"
TESTS = Path(__file__).resolve().parent
# Left out of `make check`: what starts browsers, builds, whole programs or hundreds of fits. Files and folders of tests/.
SLOW = (
    "bench/",
    "cli/test_declarations.py",
    "cli/test_main.py",
    "cli/test_shutdown.py",
    "cli/test_snapshots.py",
    "dataset/test_export.py",
    "diagnosis/test_diagnosis.py",
    "docs/test_tutorial.py",
    "evaluation/",
    "faults/",
    "models/test_model_selection.py",
    "models/test_properties.py",
    "native/test_sanitizers.py",
    "patterns/",
    "readers/test_reading_properties.py",
    "reporting/test_batch.py",
    "reporting/test_browser.py",
    "reporting/test_notebooks.py",
    "reporting/test_notebooks_runner.py",
    "reporting/test_report.py",
    "reporting/test_report_numbers.py",
    "reporting/test_rerun.py",
    "simulation/",
    "test_fuzz.py",
    "test_golden_files.py",
    "test_host_process.py",
    "test_public.py",
    "test_synth.py",
    "test_wheel.py",
)

THOROUGH = bool(os.environ.get("THOROUGH"))
# No deadline: the machine may be busy, and no test is about time. In CI the examples are the same at each run.
hypothesis.settings.register_profile(
    "default",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    max_examples=200 if THOROUGH else 25,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("default")


def examples(count: int) -> int:
    """Return the number of examples of a property test: a fifth, and all of them with THOROUGH=1."""
    return count if THOROUGH else max(count // 5, min(count, 8))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `SLOW` lists."""
    for item in items:
        if item.path.relative_to(TESTS).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def article_sample() -> Path:
    """Return the archive of the run with client v0.1.118 in which the article's failure was reproduced."""
    return SAMPLES / "article-v0.1.118.tar.gz"


@pytest.fixture(scope="session")
def slow_sample() -> Path:
    """Return the archive of the same failure with client v1.5.1, logged at info level."""
    return SAMPLES / "slow-v1.5.1.tar.gz"


@pytest.fixture(scope="session")
def article_truth() -> dict:
    """Return what was planted and what failed in the article's run."""
    return json.loads((SAMPLES / "article-v0.1.118.truth.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def slow_truth() -> dict:
    """Return what was planted and what failed in the slow run."""
    return json.loads((SAMPLES / "slow-v1.5.1.truth.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the system's Chromium; its absence fails, for a browser test that skips tests nothing."""
    return _tool("chromium")


@pytest.fixture(scope="session")
def promtool() -> str:
    """Return the path of Prometheus' rule checker; its absence fails."""
    return _tool("promtool")


@pytest.fixture(scope="session")
def s3_server():
    """Serve the S3 API on loopback and return its URL."""
    from moto.server import ThreadedMotoServer

    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """Return a client of a fresh bucket; the environment points to the server."""
    import boto3

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    yield client
    listed = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    for one in listed:
        client.delete_object(Bucket=BUCKET, Key=one["Key"])
    client.delete_bucket(Bucket=BUCKET)


def fill(client, files):
    """Put files into the bucket."""
    for name, data in files.items():
        client.put_object(Bucket=BUCKET, Key=name, Body=data)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not on the PATH; `make test` installs it", pytrace=False)
    return found
