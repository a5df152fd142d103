"""Where a value that follows a name ends: quoted, in brackets or bare, escaped any number of times."""

import re

QUOTE = r"(?:\\*+\"\"(?=[^\s\"',;)}\]\\&])|\\*+[\"'`])"
"""A quotation mark: plain, escaped by JSON any number of times, or doubled by CSV."""
CLOSE = rf"(?:\\*+\"\"(?=\s*+[\]:=,;|>-]|\s++\w)|{QUOTE})"  # the same behind a name
_WRAPPER = re.compile(
    r"(?>(?:Some\(|(?:&[\w-]++|!!?\w++)\s++|&(?=[\[{*])|\*|\[\]\w+(?=[{(])|[A-Z]\w*\((?=[\"'\\])|[bru](?=[\"']))*)"
)
_OPEN = re.compile(QUOTE)
_BRACKETS = frozenset("[{(")
_MAPPING = re.compile(r"[^:=}\])]{0,200}+[:=]")
_BARE = re.compile(
    r"(?>(?:(?:Bearer|Basic|Digest|Token|Negotiate|ApiKey|AWS4-HMAC-SHA256|OSS4?(?:-HMAC-SHA256)?|OBS|GOOG1|AWS)\s+)?)"
    r"(?>(?:[^\s\"'&,;)}\]\\`<|]|\\(?![\"'nrtu\\]))+)",
    re.IGNORECASE,
)
_PARAMETER = r"(?:\"\"[^\"]*+\"\"|\\*+\"[^\"]*+\"|[^\s\"',]++)"
_CREDENTIALS = re.compile(  # of an Authorization header: its parameters belong to it
    rf"(?>(?:[A-Za-z][\w-]*+\s+)?)\w[\w-]*+={_PARAMETER}(?>(?:,\s*+\w[\w-]*+={_PARAMETER})*)"
    r"|(?>(?:(?:Bearer|Basic|Digest|Token|Negotiate|NTLM|Hawk|HMAC|ApiKey|SharedKey(?:Lite)?|OSS|OBS|GOOG1|AWS)\s++)?)[^\s\"',;)}\]\\`<]++",
    re.IGNORECASE,
)


def value_at(text: str, at: int, *, header: bool = False) -> tuple[int, int, str] | None:
    """Return start and end of the value that begins at a place, and the quotation mark before it; None for a mapping or nothing."""
    wrapper = _WRAPPER.match(text, at)
    assert wrapper  # it may be empty
    at = wrapper.end()
    if text[at : at + 1] in _BRACKETS and not text.startswith("[redacted]", at):
        if text[at] != "[" and "[]" not in wrapper[0] and _MAPPING.match(text, at + 1):
            return None
        end = _end_of_bracket(text, at)
        opened = _OPEN.match(text, at + 1)
        if opened and text.endswith(opened[0], at + 1, end) and opened.end() <= end - len(opened[0]):
            return opened.end(), end - len(opened[0]), opened[0]
        return at + 1, end, ""
    if opened := _OPEN.match(text, at):
        return opened.end(), _end_of_quote(text, opened.end(), opened[0]), opened[0]
    bare = (_CREDENTIALS if header else _BARE).match(text, at)
    return (at, bare.end(), "") if bare else None


def _end_of_quote(text: str, start: int, mark: str) -> int:
    """Return where the quotation mark that closes stands, or the end of a text that was cut off."""
    if mark.endswith('""'):
        while (at := text.find(mark, start)) > 0 and text[at - 1] == "\\":
            start = at + 1
        return at if at >= 0 else len(text)
    depth, at = len(mark) - 1, start
    while (at := text.find(mark[-1], at)) >= 0:
        before = at
        while before > start and text[before - 1] == "\\":
            before -= 1
        if (at - before) % (2 * (depth + 1)) == depth:
            return at - depth
        at += 1
    return len(text)


def _end_of_bracket(text: str, start: int) -> int:
    """Return where the bracket that closes stands; brackets inside quotation marks count for nothing."""
    depth, at = 0, start
    while at < len(text):
        if opened := _OPEN.match(text, at):
            at = _end_of_quote(text, opened.end(), opened[0]) + len(opened[0])
            continue
        depth += (text[at] in "[{(") - (text[at] in ")}]")
        if depth == 0:
            return at
        at += 1
    return len(text)
