"""Takes secrets out of text as it is read, so that none ever reaches a table, a notebook, JSON or HTML."""

from __future__ import annotations

import re

MARK = "[redacted]"

_NAMES = (
    r"(?:proxy-)?authorization|(?:set-)?cookie|x-auth-token|x-registry-auth|passw(?:or)?d|(?:client[_-]?|jwt[_-]?)?secret(?:[_-]?(?:access[_-]?)?key)?"
    r"|(?:access|refresh|id|auth|bearer|session|identity|x-amz-security|security|x-obs-security|x-cos-security)[_-]?token|token"
    r"|api[_-]?key|access[_-]?key(?:[_-]?id)?|(?:oss|aws)access[_-]?key[_-]?id|private[_-]?key"
    r"|(?:x-amz-|x-goog-|q-)?(?:signature|credential)|x-amz-signedheaders|passphrase|(?<=[?&])sig|auth(?=\\*[\"'])"
)
# A name, perhaps with more before it, then : or =, then the value: quoted (quotes may be escaped any number of times, and
# the end may be cut off), a Go or Rust list, or bare.
_PAIR = re.compile(
    rf"(?P<head>(?<![\w-])[\w-]{{0,60}}?(?:{_NAMES})(?P<q>\\*[\"'])?\s*[:=]\s*(?:Some\()?(?:\[\]string)?(?:[\[{{](?!redacted\]))?)"
    r"(?:(?P<open>\\*[\"'])(?P<quoted>(?>\\.|[^\\])*?)(?:(?<!\\)(?P=open)|\Z)"
    r"|(?P<bare>Digest\s+\w+=[^\n]*|(?:(?:Bearer|Basic|Digest|Token)\s+)?[^\s\"'&,;)}\]\\]+))",
    re.IGNORECASE | re.DOTALL,
)
_COOKIE = re.compile(r"(?P<head>\b(?:set-)?cookie:\s*)(?P<value>[^\"'\\\n]+)", re.IGNORECASE)
_SCHEME = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+(?P<value>[A-Za-z0-9._~+/=-]{8,})", re.IGNORECASE)
_JSON_WEB_TOKEN = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?")
_USER_IN_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s/@\"'\[]+@(?!sha\d+:)", re.IGNORECASE)
_HINTS = (
    "authorization", "cookie", "token", "passw", "secret", "signature", "credential", "access", "apikey", "api_key", "api-key",
    "bearer", "basic ", "private", "passphrase", "sig=", "auth", "signedheaders", "registry-auth", "eyj", "@",
)  # fmt: skip
_EMPTY = frozenset({"", "none", "null", "nil", "some(", "(nil)", "true", "false", "<nil>", MARK, MARK[:-1]})


def redact(text: str) -> str:
    """Return the text with secrets replaced by ``[redacted]``.

    Names of headers and fields stay, values go: authorization, cookies, tokens, passwords, keys, the signatures of signed
    URLs, and user names with passwords in URLs.

    Parameters
    ----------
    text : str
        One line or record of a log, or a file's text.

    Returns
    -------
    str
        The same text where it holds no secret.
    """
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):
        return text
    text = _COOKIE.sub(lambda match: f"{match['head']}{MARK}", text)
    text = _PAIR.sub(_without_value, text)
    text = _SCHEME.sub(lambda match: f"{match['scheme']} {MARK}", text)
    text = _JSON_WEB_TOKEN.sub(MARK, text)
    return _USER_IN_URL.sub(lambda match: f"{match['scheme']}{MARK}@", text)


def _without_value(match: re.Match[str]) -> str:
    value = match["quoted"] if match["open"] else match["bare"]
    if value.strip().lower() in _EMPTY:
        return match[0]
    # A bare value of a quoted name is JSON's number: quotes keep the line JSON.
    quote = match["open"] or (match["q"] or "" if not match["head"].endswith(("[", "{", "(")) else "")
    return f"{match['head']}{quote}{MARK}{quote}"
