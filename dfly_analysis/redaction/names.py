"""Decides by a name whether its value is a secret."""

import re
from enum import Enum
from functools import lru_cache

NAME_ENDINGS = (
    "authorization", "cookie", "cookies", "token", "passwd", "password", "passwords", "passphrase", "passcode", "secret", "secrets", "key", "keyid", "key_id",
    "key-id", "key.id", "accessid", "access_id", "secretid", "secret_id", "secret-id", "signature", "credential", "credentials", "signedheaders",
    "connectionstring", "connection_string", "connection-string", "registry-auth", "dockerconfigjson", "dockercfg", "key-data", "key_data",
    "certificate-data", "authority-data", "requirepass", "masterauth", "sessionid", "session_id", "session-id", "sessid", "pepper", "pw", "psk", "creds", "csrf", "xsrf", "auth_config", "auth-config", "authconfig", "art-api", "signatureprovided", "key_base", "key_old", "key_new", "key_prod", "pwd", "pass", "salt", "dsn", "sig", "sign", "sid", "session", "auth", "hmac",
    " ak", "/ak", "/sk", '"ak', "'ak", "&ak", "?ak", "_ak", "-ak", " sk", '"sk', "'sk", "&sk", "?sk", "_sk", "-sk",
)  # fmt: skip
"""Endings of names that can name a secret, in lower case; the native reader's table is generated from these."""

_LONG = re.compile(
    r"(?:authorization|cookies?|token|passw(?:or)?ds?|passphrase|passcode|secrets?|credentials?|signature|signedheaders|requirepass|masterauth"
    r"|(?:api|access|private|secret|account)[_.-]?key(?:[_.-]?id)?|(?:master|encryption|signing|shared|session|client|license|ssh|jwt|hmac|aes|rsa|auth)[_-]?key"
    r"|(?:access|secret)[_.-]?id|connection[_.-]?string|registry[_-]?auth|auth[_-]?config|art-api|creds|connect\.sid|[cx]srf|signatureprovided|dockerc(?:onfigjson|fg)|(?:key|certificate|authority)[_-]data"
    r"|(?:^|[_.-])(?:pwd|pw|psk|hmac|salt|dsn|pepper)|(?:bind|root|admin|user|db|mysql|redis|ldap)pw|sess(?:ion)?[_-]?id|密码|口令|密钥|令牌|凭证|パスワード|비밀번호|пароль|passwort|contraseña)(?:[_-]?(?:base(?:64)?|b64|value|old|new|previous|current|prod|dev|string|plain|raw|v?\d{1,3}))?$",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"[a-z](?:Salt|DSN|Dsn|Pwd|PWD)$")
_PASS = re.compile(r"(?:^|[_.-])pass$|[a-z]Pass$", re.IGNORECASE)
_SHORT = re.compile(r"(?:^|26|u0026|amp|[_-])sig$|(?:^|[_-])[as]k$|(?:^|[_-])auth$", re.IGNORECASE)
_END_OF_ID = re.compile(r"[0-9a-fA-F._-]+")
"""In no name of a secret the last eight characters are such; ids are so many that they are told by it alone."""
_SHELL = frozenset({"PWD", "OLDPWD"})
_BARE = frozenset({"session", "sign", "sid", "connect.sid"})
_HARMLESS_KEYS = frozenset((
    "cache", "primary", "foreign", "routing", "route", "sort", "partition", "topology", "label", "task", "piece", "public",
    "pub", "group", "map", "row", "item", "index", "lookup", "object", "prefix", "dedup", "trace", "span", "hash", "tag",
    "metric", "field", "column", "config", "hot", "unkeyed", "idempotency", "queue", "by", "the", "missing", "unknown",
    "invalid", "duplicate", "repeated", "same", "this", "selector", "match", "node", "shard", "bucket", "image", "layer", "blob",
    "digest", "peer", "persistent", "version", "sub", "registry", "page", "host", "last", "first", "next",
))  # fmt: skip


class Kind(Enum):
    """How sure a name makes it that its value is a secret."""

    CERTAIN = 1
    LIKELY = 2  # unless the value is a number, a path or the like
    BARE_KEY = 3  # only of a value that looks like one: ``key`` alone names many harmless things


@lru_cache(maxsize=4096)
def kind_of_name(name: str) -> Kind | None:
    """Return how sure a name of a field, header, variable or option names a secret; None where it does not."""
    if name in _SHELL or _END_OF_ID.fullmatch(name[-8:]):
        return None
    if _LONG.search(name) or _CAMEL.search(name):
        return Kind.CERTAIN
    if _PASS.search(name) or _SHORT.search(name):
        return Kind.LIKELY
    return Kind.BARE_KEY if name.lower() in _BARE else _kind_of_key(name)


def _kind_of_key(name: str) -> Kind | None:
    """Return the same of a name that ends with ``key`` or its id."""
    if name.lower().endswith(("key", "key_id", "key-id", "keyid")):
        words = [word.lower() for word in re.split(r"[_.-]|(?<=[a-z0-9])(?=[A-Z])", name) if word]
        *before, last = words[:-1] if words[-1:] == ["id"] else words
        if not before or name[-4:-3] == ".":
            return Kind.BARE_KEY if last == "key" == words[-1] else None
        if last == "key" and before[-1] not in _HARMLESS_KEYS:
            return Kind.LIKELY
    return None
