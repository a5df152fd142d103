"""Removes secrets from JSON and YAML that was parsed, by the names of fields and variables."""

import json
import re
from typing import Any

from dfly_analysis.redaction.lines import redact_lines
from dfly_analysis.redaction.names import Kind, kind_of_name
from dfly_analysis.redaction.text import MARK, redact_line

_VARIABLE_WORDS = frozenset(
    ("PASSWORD", "PASSWD", "PASS", "PWD", "SECRET", "TOKEN", "KEY", "SALT", "CREDENTIAL", "CREDENTIALS", "AUTH", "DSN")
)
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def without_secrets(content: Any, name: str = "") -> Any:
    """Return JSON of Kubernetes without secrets; `name` is the field that holds it.

    Values of fields and environment variables that are named like one go, the data of Secrets, and the copy of the object that
    ``kubectl apply`` leaves behind; every other text is redacted as a line of a log is.
    """
    if isinstance(content, list):
        return _arguments([without_secrets(one) for one in content])
    if isinstance(content, str):
        return _text(content, name)
    if not isinstance(content, dict):
        return content
    kept = {field: without_secrets(value, field) for field, value in content.items() if field != _APPLIED}
    if kept.get("kind") == "Secret":
        for part in ("data", "stringData"):
            if isinstance(kept.get(part), dict):
                kept[part] = dict.fromkeys(kept[part], MARK)
    words = re.split("[-._]", str(kept.get("name", "")).upper())
    if isinstance(kept.get("value"), str) and not _VARIABLE_WORDS.isdisjoint(words):
        kept["value"] = MARK
    return kept


def _text(content: str, name: str) -> str:
    clean = "\n".join(redact_lines(content.split("\n")))
    if not name or not clean:
        return clean
    if kind_of_name(name) is Kind.CERTAIN and clean.strip():
        return MARK
    try:  # a field whose name is that of a secret, by the rules for logs
        return str(json.loads(redact_line(json.dumps({name: clean}, ensure_ascii=False)))[name])
    except (ValueError, KeyError):
        return MARK


def _arguments(content: list[Any]) -> list[Any]:
    """Return a list without the arguments that follow the name of a secret, as in ``--password x``."""
    if not content or not all(isinstance(one, str) for one in content):
        return content
    try:
        clean = json.loads(redact_line(json.dumps(content, ensure_ascii=False)))
    except ValueError:
        return [MARK] * len(content)
    return clean if isinstance(clean, list) and len(clean) == len(content) else [MARK] * len(content)
