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

# No deadline: the machine may be busy, and no test is about time. In CI the examples are the same at each run.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "house")


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def article_sample() -> Path:
    """Return the archive of the run with client v0.1.118 in which the article's failure was made anew."""
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


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not on the PATH; `make test` installs it", pytrace=False)
    return found
