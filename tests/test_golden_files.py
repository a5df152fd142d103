"""The recorded answers: a fast subset is compared in the ordinary suite, `make golden` compares all."""

import subprocess
import sys

import pytest
from conftest import ROOT

from tests.golden.answers import differences, split

FAST = {
    "diagnose": r"^samples/(article|slow).*diagnose$|^generated/(slow-source-.*|killed-v1.5.1)\.diagnose$",
    "fit": r"^generated/mixture-v1.5.1\.fit$",
    "recommend": r"^samples/slow.*recommend$",
    "check-config": r"^values/(mistakes|article).*check-config$|^generated/slow-source-v1.5.1\.check-config$",
    "compare": r"^samples/twenty-before\.compare$",
}


@pytest.mark.parametrize("command", FAST)
def test_answers_are_those_recorded(command):
    """Numbers, ids, evidence and sentences are as recorded; where a change is meant, it is recorded anew."""
    asked = [sys.executable, "-m", "tests.golden", "compare", "--only", FAST[command]]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _answer(value, **changed):
    finding = {"id": "a", "verdict": "present", "count": 3, "evidence": [], "reason": "3 lines"} | changed
    params = [{"name": "scale", "value": value, "low": 0.4, "high": 0.6}]
    return split({"findings": [finding], "fits": [{"name": "x", "law": "y", "params": params, "n": 7}]})


def test_a_changed_result_is_shown_by_its_place():
    """A count, an id or a fitted number that differs is a line of the diff; within its tolerance it is not."""
    old, near, far = (_answer(*given)[0] for given in ((0.5,), (0.501,), (0.6,)))
    assert [*differences(old, near)] == []
    assert [*differences(old, far)] == ["fits/x/params/scale/value: 0.5 -> 0.6"]
    assert [*differences(old, _answer(0.5, count=4)[0])] == ["findings/a/count: 3 -> 4"]
    renamed = [*differences(old, _answer(0.5, id="b")[0])]
    assert {"findings/a/count: 3 -> (gone)", "findings/b/count: (new) -> 3"} <= {*renamed}


def test_a_changed_sentence_is_no_changed_result():
    """Sentences are kept apart from numbers and ids."""
    (old, old_texts), (new, new_texts) = _answer(0.5), _answer(0.5, reason="three lines")
    assert [*differences(old, new)] == []
    assert [*differences(old_texts, new_texts)] == ['findings/a/reason: "3 lines" -> "three lines"']
