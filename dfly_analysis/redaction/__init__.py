"""Removes secrets from text as it is read, so that none reaches a table, a notebook, JSON or HTML."""

from dfly_analysis.redaction.lines import LineRedactor, is_too_long, redact_lines
from dfly_analysis.redaction.names import NAME_ENDINGS, Kind, kind_of_name
from dfly_analysis.redaction.structure import without_secrets
from dfly_analysis.redaction.text import MARK, SCHEMES, may_hold_secret, redact_line, screen_words
from dfly_analysis.redaction.token_rules import first_words

__all__ = [
    "MARK",
    "NAME_ENDINGS",
    "SCHEMES",
    "Kind",
    "LineRedactor",
    "first_words",
    "is_too_long",
    "kind_of_name",
    "may_hold_secret",
    "redact",
    "redact_line",
    "redact_lines",
    "screen_words",
    "without_secrets",
]


def redact(text: str) -> str:
    """Return a text of one or more lines with secrets replaced by ``[redacted]``; the same text if it contains none.

    Names of headers and fields stay, values go: authorization, cookies, tokens, passwords, keys, the signatures of signed
    URLs, user names with passwords in URLs, arguments such as ``curl -u``, keys in PEM, and tokens of known forms.
    """
    if "\n" not in text and not may_hold_secret(text):
        return text
    return "\n".join(redact_lines(text.split("\n")))
