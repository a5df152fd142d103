"""Finds secrets that reach over several lines: keys in PEM, values on the line below their name, block scalars."""

import json
import re
from collections.abc import Iterable

from dfly_analysis.redaction.names import Kind, kind_of_name
from dfly_analysis.redaction.text import MARK, may_hold_secret, redact_line

_PEM_HEAD = re.compile(r"-----BEGIN[ A-Z0-9_-]{0,100}-----(?P<rest>.*)$", re.IGNORECASE)
_PREFIX = re.compile(  # of a container runtime, the journal, kubectl
    r"(?>(?:\d{4}-\d\d-\d\dT[\d:.]++(?:Z|[+-]\d\d:?\d\d) (?:stdout|stderr) [FP] |[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S{1,100}+ [\w.-]{1,60}+(?:\[\d{1,9}\])?: "
    r"|\[pod/[^\]\s]{1,200}+\] ){1,3})"
)
_PEM_LINES = 200
_PEM_BODY = re.compile(
    r"(?P<before>.*?(?<![A-Za-z0-9+/=]))(?P<body>[A-Za-z0-9+/]{1,80}={0,2})(?P<after>[\s\"'\\,|]*+(?:\\+[nr])?[\s\"'\\,|]*+)$"
)
_PEM_HEADER = re.compile(r"[\s\"']*(?:Proc-Type|DEK-Info|Version|Comment|Hash): ")
_ASSIGNED = re.compile(
    r"(?P<indent>[\s>|]*+(?:-\s+)?\\*[\"']?)(?P<option>--?)?(?P<name>[\w.-]++)\\*[\"']?(?P<sep>\s*+(?::=|=>|[:=])|\s*+\\?$|,?$)\s*+(?P<value>.*)$"
)
_BLOCK = re.compile(r"(?:!!?\w+\s+|&\w+\s+)*[|>][-+0-9]*\s*(?:#.*)?$")
_ENDS, _TAIL = frozenset(":=|>-+\\["), 120
_LAST_NAME = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]++)\\*[\"']?\s*+(?:[:=]|=>)\s*+(?:(?P<scalar>[|>][-+0-9]*)|\\|\[)?\s*$"
)
_STRING = re.compile(r'(?<!\\)"(?>(?:[^"\\]|\\.)*)"')
_LONG_STRING, _PLACE = 500, re.compile(r"LongString0(\d{6})")
_MOST_DEEP = 4
_MOST_CHARS = 1 << 20  # about four seconds where every word is the name of a secret
_KEY_FIELD = re.compile(r"(?P<head>\s*[\"']?key[\"']?\s*:\s*)(?P<value>[^\s#].*)$")
_NAME_FIELD = re.compile(
    r"\s*(?:-\s+)?[\"']?(?:name|key)[\"']?\s*[:=]\s*[\"']?(?P<name>[\w.-]+)[\"']?,?\s*$", re.IGNORECASE
)
_VALUE_FIELD = re.compile(r"(?P<head>\s*(?:-\s+)?[\"']?values?[\"']?\s*[:=]\s*)(?P<value>.*)$", re.IGNORECASE)
_CONTINUED = re.compile(r"(?P<indent>[\s>|]*+)(?>(?P<dash>-\s++)?)(?P<quote>\\*+[\"']?)(?P<value>.*)$")


def is_too_long(text: str) -> bool:
    """Return whether the secrets of a line would take more time than a line may have: by its length, so that it is the same everywhere."""
    return len(text) > _MOST_CHARS and may_hold_secret(text)


class LineRedactor:
    """Removes secrets from lines that follow one another."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth  # of strings within strings
        self._pem = 0
        self._pem_before = ""
        self._block: int | None = None  # the indent of a name whose block scalar follows
        self._below: int | None = None  # the indent of a name whose value follows
        self._variable = False
        self._signing = 0  # lines in which the key that signs tokens may follow
        self._quote = ""  # of a value that goes on in the next line

    def line(self, text: str) -> str:
        """Return the next line without secrets; the mark instead of one that would take too long."""
        if is_too_long(text):
            return MARK
        prefix = _PREFIX.match(text)
        return f"{prefix[0]}{self._content(text[prefix.end() :])}" if prefix else self._content(text)

    def _content(self, text: str) -> str:
        if self._pem:
            return self._in_pem(text)
        continued = self._continued(text)
        if continued is not None:
            return continued
        text = self._look(text)
        is_nested = self._depth < _MOST_DEEP and ("\\n" in text or text[:1] == "{")
        return self._redact_strings(text) if is_nested and may_hold_secret(text) else redact_line(text)

    def _redact_strings(self, text: str) -> str:
        """Redact a line, and first the texts of several lines that it holds as strings of JSON, or with newlines as escapes."""
        if '"' not in text:
            return redact_line("\\n".join(redact_lines(text.split("\\n"), self._depth + 1)))
        is_whole, long_strings = not _PLACE.search(text) and _is_json(text), list[str]()

        def redacted(found: re.Match[str]) -> str:
            try:
                plain = json.loads(found[0]) if "\\" in found[0] else found[0][1:-1]
            except ValueError:
                return found[0]
            if "\n" in plain or may_hold_secret(plain):
                clean = "\n".join(redact_lines(plain.split("\n"), self._depth + 1))
                if clean != plain:
                    return json.dumps(clean, ensure_ascii=False)
            if not is_whole or len(plain) < _LONG_STRING or " " not in plain:
                return found[0]
            long_strings.append(found[0][1:-1])
            return f'"LongString0{len(long_strings) - 1:06}"'  # clean; here only its place counts

        text = redact_line(_STRING.sub(redacted, text))
        return _PLACE.sub(lambda found: long_strings[int(found[1])], text) if long_strings else text

    def _continued(self, text: str) -> str | None:
        """Return a line that belongs to the value of an earlier one; None where it does not."""
        if self._quote:
            _, mark, rest = text.partition(self._quote)
            self._quote = "" if mark else self._quote
            return f"{text[: _indent(text)]}{MARK}{mark}{redact_line(rest)}"
        if self._block is not None:
            if not text.strip() or _indent(text) > self._block:
                return text[: _indent(text)] + (MARK if text.strip() else "")
            self._block = None
        if self._below is not None and text.strip():
            below, self._below = self._below, None
            if changed := self._value_below(text, below):
                return changed
        if self._variable:
            self._variable = False
            if (found := _VALUE_FIELD.match(text)) and found["value"]:
                if _BLOCK.match(found["value"]):
                    self._block = _indent(text)
                    return text
                return _scrubbed(found["head"], found["value"])
        return None

    def _look(self, text: str) -> str:
        """Note what a line says about the next one; return it without what only its own place tells."""
        if "-----" in text and (found := _PEM_HEAD.search(text)) and "-----" not in found["rest"]:
            self._pem, self._pem_before = _PEM_LINES, text[: found.start()]
        if text.rstrip()[-1:] in _ENDS and (found := _LAST_NAME.search(text[-_TAIL:])):
            self._look_below(text, found)
        if text[:1].isdigit() or text[:1] == "{" or not text.strip():  # a record of a log
            return text
        if self._signing:
            self._signing -= 1
            if found := _KEY_FIELD.match(text):
                self._signing = 0
                return _scrubbed(found["head"], found["value"])
        if found := _NAME_FIELD.match(text):
            self._variable = kind_of_name(found["name"]) is not None
        elif found := _ASSIGNED.match(text):
            self._look_behind(text, found)
        return text

    def _look_below(self, text: str, found: re.Match[str]) -> None:
        kind = kind_of_name(found["name"][-64:])
        if kind and found["scalar"]:
            self._block = _indent(text)
        elif kind and kind is not Kind.BARE_KEY:
            self._below = _indent(text)

    def _look_behind(self, text: str, found: re.Match[str]) -> None:
        kind, value = kind_of_name(found["name"][-64:]), found["value"].strip()
        if kind is None:
            self._signing = 6 if found["name"].lower() == "jwt" and not value else self._signing
        elif _BLOCK.match(value):
            self._block = _indent(text)
        elif found["option"] and kind is not Kind.BARE_KEY and value in ("", "\\"):
            self._below = _indent(text) - 1
        elif (
            value[:1] in ("'", '"')
            and kind is Kind.CERTAIN
            and value.count(value[0]) == 1
            and not text.lstrip().startswith(('"', "'"))
        ):
            self._quote = value[0]

    def _value_below(self, text: str, indent: int) -> str | None:
        """Return the line below a name without the value that it is; None where it is something else."""
        own, found = _indent(text), _CONTINUED.match(text)
        if found is None or own < indent or (own == indent and not found["dash"]) or text.strip()[0] in "]})#":
            return None
        if re.match(
            r"[\w.-]+\\*[\"']?\s*[:=](?:\s|$)", found["value"]
        ):  # a mapping, whose names say what its values are
            return None
        if found["dash"] and not found["value"].startswith("-"):
            self._below = indent
        return _scrubbed(f"{found['indent']}{found['dash'] or ''}{found['quote']}", found["value"])

    def _in_pem(self, text: str) -> str:
        self._pem -= 1
        if "-----END" in text.upper():
            self._pem = 0
            return redact_line(text)
        if text.rstrip().endswith(MARK):
            return text
        found = _PEM_BODY.match(text)
        if found is None or (found["before"].strip(" \t\"'|>") and not self._is_next(found["before"])):
            if header := _PEM_HEADER.match(text):
                return f"{header[0]}{MARK}"
            if text.strip():
                self._pem = 0
                return self._content(text)
            return text
        return f"{found['before']}{MARK}{found['after']}"

    def _is_next(self, before: str) -> bool:
        """Return whether what stands before a line of a key is what stood before its head, but for digits."""
        return re.sub(r"\d+", "0", before.rstrip(" \"'")) == re.sub(r"\d+", "0", self._pem_before.rstrip(" \"'"))


def _scrubbed(head: str, value: str) -> str:
    """Replace a value, but not the quotation mark, comma and backslash at its end."""
    tail = value[len(value.rstrip(" \t,\\\"'")) :]
    quote = value[0] if tail.lstrip("\\")[:1] == value[:1] and value[0] in "\"'" else ""
    return f"{head}{quote}{MARK}{tail}"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def redact_lines(lines: Iterable[str], depth: int = 0) -> list[str]:
    """Return lines that follow one another without secrets."""
    redactor = LineRedactor(depth)
    return [redactor.line(line) for line in lines]
