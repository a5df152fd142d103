"""Removes secrets from text as it is read, so that none reaches a table, a notebook, JSON or HTML."""

import re

MARK = "[redacted]"

_NAMES = (
    r"authorization|cookie|token|passw(?:or)?d|secret(?:[_-]?(?:access[_-]?)?key)?|api[_-]?key|access[_-]?key(?:[_-]?id)?|private[_-]?key"
    r"|signature|credential|x-amz-signedheaders|passphrase|x-registry-auth|(?<=[?&])sig|auth(?=\\*[\"'])"
    # the key that signs the Manager's tokens is called key alone; ids of tasks and digests are hexadecimal
    r"|(?<![\w-])key(?=\\*[\"']?\s*:\s*\\*[\"']?(?![0-9a-f]+\\*[\"']?(?:\W|$))[A-Za-z0-9+/_-]{16,}={0,2}\\*[\"']?\s*(?:[#,}\n]|$))"
)
# A name at the end of an identifier, then : or =, then the value: quoted (quotes may be escaped any number of times or doubled as in a cell
# of CSV, and the end may be missing), a Go or Rust list, or bare.
_PAIR = re.compile(
    rf"[\w-]*?(?P<head>(?:{_NAMES})(?P<q>\"\"|\\*[\"'])?\s*[:=]\s*(?:Some\()?(?:\[\]string)?(?:[\[{{](?!redacted\]))?)"
    r"(?:(?P<open>\"\"(?=[^\s\"',;)}\]\\&])|\\*[\"'])(?P<quoted>(?>\\.|[^\\])*?)(?:(?<!\\)(?P=open)|\Z)"
    r"|(?P<bare>Digest\s+\w+=[^\n]*|(?:(?:Bearer|Basic|Digest|Token)\s+)?[^\s\"'&,;)}\]\\]+))",
    re.IGNORECASE | re.DOTALL,
)
_COOKIE = re.compile(r"(?P<head>\b(?:set-)?cookie:\s*)(?P<value>[^\"'\\\n]+)", re.IGNORECASE)
SCHEMES = ("bearer", "basic")
"""Of the Authorization header; the native reader knows them too."""
_SCHEME = re.compile(rf"\b(?P<scheme>{'|'.join(SCHEMES)})\s+(?P<value>[A-Za-z0-9._~+/=-]{{8,}})", re.IGNORECASE)
# The look ahead is made once for each run of such characters: many runs that begin alike would take quadratic time.
_JSON_WEB_TOKEN = re.compile(
    r"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]++\.[A-Za-z0-9_-]{5})(?P<before>[A-Za-z0-9_-]*?)"
    r"\beyJ[A-Za-z0-9_-]{5,}+\.[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]*+)?"
)
_USER_IN_URL = re.compile(r"(?P<scheme>://)[^\s/@\"'\[]+@(?!sha\d+:)")
# Identifiers before : or =. Most lines have none that names a secret, and finding them is cheap.
_IDENTIFIER = re.compile(r"(?<![\w-])([\w-]++)(?:\"\"|\\*[\"'])?\s*[:=]")
SECRET_ENDINGS = (
    "authorization", "cookie", "token", "passwd", "password", "secret", "key", "keyid", "key_id", "key-id", "signature", "credential",
    "signedheaders", "passphrase", "sig", "auth",
)  # fmt: skip
"""Endings of identifiers that name a secret, in lower case; the native reader's table is generated from these."""
_ROOTS = ("auth", "cookie", "token", "passw", "passphrase", "secret", "key", "sig", "credential", "signedheaders")
"""Each of those endings contains one of these."""
_EMPTY = frozenset({"", "none", "null", "nil", "some(", "(nil)", "true", "false", "<nil>", MARK, MARK[:-1]})


def redact(text: str) -> str:
    """Return a text with secrets replaced by ``[redacted]``; the same text if it contains none.

    Names of headers and fields stay, values go: authorization, cookies, tokens, passwords, keys, the signatures of signed
    URLs, and user names with passwords in URLs.
    """
    lowered = text.lower()
    if "cookie" in lowered:
        text = _COOKIE.sub(lambda match: f"{match['head']}{MARK}", text)
    if any(root in lowered for root in _ROOTS):
        text = _without_pairs(text)
    if any(scheme in lowered for scheme in SCHEMES):
        text = _SCHEME.sub(lambda match: f"{match['scheme']} {MARK}", text)
    if "eyj" in lowered:
        text = _JSON_WEB_TOKEN.sub(lambda match: f"{match['before']}{MARK}", text)
    if "@" in text:
        text = _USER_IN_URL.sub(lambda match: f"{match['scheme']}{MARK}@", text)
    return text


def _without_pairs(text: str) -> str:
    """Remove values of secrets after identifiers that end like the name of one: the pattern is slow elsewhere."""
    parts, at = [], 0
    for found in _IDENTIFIER.finditer(text):
        if found.start() < at or not found[1].lower().endswith(SECRET_ENDINGS):
            continue
        if pair := _PAIR.match(text, found.start()):
            parts += [text[at : pair.start("head")], _without_value(pair)]
            at = pair.end()
    return "".join([*parts, text[at:]]) if parts else text


def _without_value(match: re.Match[str]) -> str:
    value = match["quoted"] if match["open"] else match["bare"]
    if value.strip().lower() in _EMPTY:
        return match.string[match.start("head") : match.end()]
    # A bare value of a quoted name is JSON's number: quotes keep the line JSON.
    quote = match["open"] or (match["q"] or "" if not match["head"].endswith(("[", "{", "(")) else "")
    return f"{match['head']}{quote}{MARK}{quote}"
