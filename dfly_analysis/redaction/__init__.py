"""Removes secrets from text as it is read, so that none reaches a table, a notebook, JSON or HTML."""

from dfly_analysis.redaction.lines import LineRedactor, redact_lines
from dfly_analysis.redaction.names import NAME_ENDINGS, kind_of_name
from dfly_analysis.redaction.text import MARK, SCHEMES, redact_line, screen_words

__all__ = [
    "MARK",
    "NAME_ENDINGS",
    "SCHEMES",
    "LineRedactor",
    "kind_of_name",
    "redact",
    "redact_line",
    "redact_lines",
    "screen_words",
]


def redact(text: str) -> str:
    """Return a text of one or more lines with secrets replaced by ``[redacted]``; the same text if it contains none.

    Names of headers and fields stay, values go: authorization, cookies, tokens, passwords, keys, the signatures of signed
    URLs, user names with passwords in URLs, arguments such as ``curl -u``, keys in PEM, and tokens of known forms.
    """
    return redact_line(text) if "\n" not in text else "\n".join(redact_lines(text.split("\n")))
