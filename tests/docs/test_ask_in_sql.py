"""The queries of `docs/how-to/ask-in-sql.md` have the answers that the page shows."""

import re

import pytest
from conftest import ROOT

import dfly_analysis as dfly

PAGE = ROOT / "docs" / "how-to" / "ask-in-sql.md"
QUESTIONS = re.findall(r"## (.+?)\n.*?```sql\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def dataset(article_sample):
    """Return the sample that the page asks."""
    return dfly.load([article_sample])


def test_the_page_asks_six_questions():
    """None is lost by a change of the page's form."""
    assert len(QUESTIONS) == 6


@pytest.mark.parametrize(("query", "answer"), [one[1:] for one in QUESTIONS], ids=[one[0] for one in QUESTIONS])
def test_a_query_has_the_answer_shown(dataset, query, answer):
    """The frame prints as the page shows it."""
    assert dataset.sql(query).to_string(index=False).splitlines() == answer.splitlines()
