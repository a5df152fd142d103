"""Finds secrets in one line of any text: by the names of values, by the form of tokens, in addresses and arguments."""

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import Any
from urllib.parse import quote, unquote

from dfly_analysis.redaction.names import NAME_ENDINGS, Kind, kind_of_name
from dfly_analysis.redaction.token_rules import first_words, latin_options, rules, without_tokens
from dfly_analysis.redaction.values import CLOSE, QUOTE, value_at

MARK = "[redacted]"
_WORDS = (
    "passw", "passphrase", "passcode", "secret", "token", "authorization", "cookie", "credential", "bearer", "basic", "signature", "requirepass",
    "masterauth", "identified by", "-----begin", "@tcp(", "@unix(", "%3d", "%3a", "%253", "%22", "%27", "%40", "20-u", "20-p", "2b-u", "2b-p", "quot;",
    "apos;", "&lt;", "from-literal", " -p", '"-p', "'-p", " -u", '"-u', "'-u", "--user", "y-user", "-creds", "-pass", "redis-cli", "curl ", "dockerc", "apikey ", "api key", "access key", "ldap", "mosquitto", "add_user", "setuser", "key_b64", "key_base64",
    "value:", "value=", 'value"', "value\\", "value<", "creds", "apikey", "api_key", "unseal", "ossutil", "obsutil", "coscli", "coscmd", "openssl enc", "mc alias set", "mc config host",
    "htpasswd", "vault login", "http -a", "set _auth", "connectionstring", "connection_string", "connection-string", "key-data", "key_data", "sessionid", "session_id", "session-id", "sessid",
    "masterkey", "privatekey", "accesskey", "accountkey", "encryptionkey", "sshkey", "unsealkey", "authkey", "-sk ", "_sk ", "pass ", "pwd ", "pw ", "psk ", "auth_config", "auth-config", "authconfig", "passwort", "auth:", "auth(", "auth=", "\\x2", "\\x3",
)  # fmt: skip
_SHORT_NAMES = ("key", "pwd", "salt", "dsn", "auth", "pass", "hmac", "psk", "pw", "keyid", "key_id", "_sk")


@cache
def screen_words() -> tuple[str, ...]:
    """Return texts of which each secret has one nearby, in lower case, beside names before ``:`` or ``=`` and ``@`` in addresses."""
    quoted = (
        f"{name}{mark}"
        for name in _SHORT_NAMES
        for mark in ('"', "'", "\\", "&q", "&#", "&a", "%", "`", ">", "|", ",", "}", ";", "\t", " |", ' "')
    )
    spaced = (f"{before}{name} " for name in ("key", "pwd", "salt", "dsn", "pass", "auth") for before in "_-")
    escapes = (
        f"{start}{sign}" for start, signs in (("&#", "0123456789x"), ("\\u", "0123456789abcdef")) for sign in signs
    )
    keywords = {keyword for keywords, _ in rules() for keyword in keywords} - first_words()
    return tuple(sorted({*_WORDS, *escapes, *quoted, *spaced, *keywords}))


@cache
def _screen() -> Any:
    import re2

    options = latin_options()
    options.case_sensitive = False
    found = re2.Set.SearchSet(options)
    endings = "|".join(re.escape(ending) for ending in NAME_ENDINGS)
    words, first = ("|".join(map(re.escape, sorted(words))) for words in (screen_words(), first_words()))
    found.Add(
        rf"{words}|(?:^|\W|_|[\\%].{{0,7}})(?:{first})|密码|口令|密钥|令牌|凭证|パスワード|비밀번호|пароль|Пароль|contraseña|(?:{endings})[0-9_-]*[\"'\\ ]*[:=：]|[:/][^\s]*@".encode()
    )
    found.Compile()
    return found


_NAME, _ASCII_NAME = re.compile(r"[\w.-]+"), re.compile(r"[0-9A-Za-z_.-]+")
_NAMED = re.compile(  # an identifier and what separates it from its value
    rf"(?P<name>[\w.-]++)(?P<close>{CLOSE}|)(?:"
    r"(?P<sep>(?:(?<=[\"'])\])?\s*+(?>(?:(?:is|was)\s*+(?=:))?)(?:-{0,2}[=-]>|(?:\|\||[.!?+:=])?=|[:：]|(?<=\s)\|(?=\s)|\((?=[\"']))[\s+]*+)"
    r"|(?P<comma>\s*+,\s*+)|(?P<tag>(?:\s[^<>]{0,100}+)?>)|(?P<bar>[|;\t]|\\++t)|(?P<space>[ \t]++(?>(?:(?:is|was)[ \t]++)?)))",
)
_TYPED = re.compile(r"(?>(?:&?[\w.]++)?)\s++=\s*+(?=[\"'])")
"""What stands between a name and its value where it is declared: ``token: &str = "x"``."""
_QUOTED = re.compile(rf"[bru]?{QUOTE}")
_SPOKEN = re.compile(
    r"(?<!\w)(?:(?:identified (?:with \S{1,200}+ )?by|requirepass|masterauth|login \S{1,200}+ password)\s++|rabbitmqctl add_user \S{1,200}+\s++|vault login\s++|setuser \S{1,200}+ (?>(?:on |off )?)>|mc (?:alias set|config host add)(?:\s++\S{1,200}+){3}\s++|htpasswd -\S++\s++(?:\S{1,200}+\s++){1,2}?(?=\S++\s*+$)|(?:password|passphrase) for \S{1,200}?(?::| is)\s++"
    r"|--from-literal[= ][\w.-]{1,200}+=)",
    re.IGNORECASE,
)
_BEFORE_SPOKEN = (
    "identified ",
    "requirepass",
    "masterauth",
    "login ",
    "add_user",
    "setuser",
    "vault login",
    "mc alias",
    "mc config",
    "htpasswd",
    "password for",
    "passphrase for",
    "--from-literal",
)
"""One of these stands in whatever `_SPOKEN` finds."""
_PIPED = re.compile(
    r"\b(?:echo|printf)\s++(?>(?:(?:-n|[\"']?%s(?:\\n)?[\"']?)\s++)?)(?=[^|]{0,200}+\|[^|]{0,200}?--password-stdin)"
)
_WORD_BEFORE_KEY = re.compile(
    r"\b(?:access|api|secret|private|account|encryption|signing|storage|shared) $", re.IGNORECASE
)
_LINE_START = re.compile(r"\s*(?:-\s+)?(?:export\s+|set\s+|ENV\s+|[>$#]\s+)?\Z")
_NEXT_FIELD = re.compile(r"[\s&;,?][\w.-]+\\*[\"']?\s*[:=]|\s#")
_SETTER = re.compile(r"(?:^|[\s\"'])(?:ENV|ARG|setx|setenv|config set)\s+$")
_PAIR_BEHIND = re.compile(r"\s*+(?:[)\]}]|$)")
_PAIR_BEFORE = re.compile(r"(?:[(\[{]|^)\s*[bru]?(?:\"\"|\\*[\"'`])$")
_MIXED = re.compile(r"(?!sha\d+:|https?:|v?\d+\.\d)(?=[^\s\"']*\d)(?=[^\s\"']*[A-Za-z])[^\s\"'\\,;)}\]]{8,}+")
_EMPTY = frozenset({"", "none", "null", "nil", "some(", "(nil)", "true", "false", "<nil>", "{}", "[]", MARK, MARK[:-1]})
_DONE = re.compile(r"[\s\"']*(?:%[0-9A-Fa-f]{2})*\[?redacted\]?")
_HARMLESS = re.compile(
    r"-?\d{1,7}(?:\.\d+)?(?:ms|s|m|h|[KMGT]i?B?)?|\.{0,2}/[\w./-]*|[a-z0-9-]+(?>(?:\.[a-z0-9-]+)+)/[\w.-]+|[a-z]\w*(?>(?:\.[A-Za-z]\w*)+)",
    re.ASCII,
)
_BASE64 = re.compile(
    r"(?![0-9a-fA-F]++(?![A-Za-z0-9+/=_-])|[A-Za-z]++(?![A-Za-z0-9+/=_-]))[A-Za-z0-9+/_-]{16,}+={0,2}(?=\\*[\"']?(?:\s|[#,;}\])<&]|$))"
)
_NAME_FIELD, _VALUE_FIELD = (  # their first letters as sets, which are found quickly
    rf"{first}(?<!\w.)(?i:{rest})(?>(?:{CLOSE})?)\s*+[:=>]\s*+"
    for first, rest in (
        ("[nNkKhHtTfF]", "(?<=n)ame|(?<=k)ey|(?<=h)eader|(?<=t)ype|(?<=f)ield"),
        ("[vV]", "alues?"),
    )
)
_VARIABLE = re.compile(  # {"name": "X", "value": "y"}, {Key:X Values:[y]}, header { name: "x", value: "y" }
    rf"{_NAME_FIELD}(?>(?:{QUOTE})?)(?P<name>[\w.-]++)(?>(?:{CLOSE})?)"
    rf"(?:\s*+[,;]\s*+|\s++|(?:</\w{{1,20}}>|[^<>]{{0,80}}>)\s*+<)(?>(?:{QUOTE})?){_VALUE_FIELD}"
)
_VARIABLE_AFTER = re.compile(  # {"value": "y", "name": "X"}
    rf"{_VALUE_FIELD}(?:(?:{QUOTE})(?P<quoted>[^\"'\\]*+)(?:{CLOSE})|(?P<bare>[^\s,;}}\"'\\]++))(?:\s*+[,;]\s*+|\s++)"
    rf"(?>(?:{QUOTE})?){_NAME_FIELD}(?>(?:{QUOTE})?)(?P<name>[\w.-]++)"
)
_COOKIE = re.compile(r"(?<![\w])(?P<head>(?:set-)?cookie:\s*+)(?P<value>[^\"'\\\n\]]++)", re.IGNORECASE)
SCHEMES = ("bearer", "basic")
_SCHEME = re.compile(
    rf"\b(?P<scheme>{'|'.join(SCHEMES)})(?P<gap>(?>(?:\s|\\t)+)|(?:{QUOTE})\s*+,\s*+(?:{QUOTE}))(?!auth|cred|realm|token)"
    r"(?P<value>[A-Za-z0-9._~+/=%-]{8,}+)",
    re.IGNORECASE,
)
_PEM = re.compile(r"(?P<head>-----BEGIN[ A-Z0-9_-]{0,100}?-----)(?P<body>(?>(?:(?!-----).)*))", re.IGNORECASE)
_ARGUMENT = re.compile(  # what curl, docker, mysql and their like take
    r"(?P<flag>-(?<![\w-]-)(?:-user|-proxy-user|-(?:src-|dest-)?creds|-cookie|-cert|-auth|-pass|pass(?:in|out)|[A-Za-z]{0,6}[uUpabwPksE](?![A-Za-z])|[A-Za-z]{0,3}?u|p))"
    rf"(?P<gap>(?>(?:{QUOTE})?)(?:\s*+[,=]\s*+|\s++)|(?<=[up]))"
)
_NO_PASSWORD = re.compile(r"[\d.:]+(?:/(?:tcp|udp))?|\w+=.*|[-/.~$<{].*", re.DOTALL)
_CLIENTS = re.compile(
    r"login|mysql|maria|mongo|sshpass|redis|psql|ldap|mosquitto|helm|oras|skopeo|htpasswd|curl|crictl|nerdctl|wget|registry|rabbitmq",
    re.IGNORECASE,
)
_ONLY_OF = {
    "-w": ("ldap", "mosquitto"), "-P": ("ldap", "mosquitto"), "-a": ("redis",), "-k": ("ossutil", "obsutil", "s3util", "openssl", "s3cmd"), "-s": ("coscli", "coscmd"),
}  # fmt: skip
"""Of which commands a flag takes a secret."""
_WINDOW = 300
_ADDRESS = re.compile(
    r"(?P<head>(?::|^|(?<=[\s\"'=(,>]))(?:\\*+/){2})(?!\[redacted\])(?P<rest>(?>(?:(?!:(?:\\*+/){2})\S)+))"
)
_AT = re.compile(r"@(?!sha\d|v\d)(?=\[?[\w:.-]|/|$)")
_ADDRESS_END = re.compile(r"(?<!\\)\\*+[\"'`](?=[,:;)}\]]|\\|$)|[<>]")
_AUTHORITY = re.compile(r"[^/?#\s\"'\\`,<>)\]}]*+")
_USER_AND_PASSWORD = re.compile(r"[^\s:@/\"'?#]*+:(?!\d*(?:[/?#\"'\\,)\s\]}]|$))")
_USER = re.compile(
    r"(?<![\w/.@:\]+$-])[\w.+$-]++:(?!//)[^\s\"'@,]{3,200}+@(?!sha\d|v\d)(?=(?:tcp|unix)\(|[\w-]+(?>(?:\.[\w-]+)*)(?::\d+)?(?:/|$|[\s\"'\\<&;,)\]}]))"
)


_NEAR = (
    "password", "passwd", "passwort", "passphrase", "secret", "token", "credential", "pwd", "auth", "api key", "api_key", "api-key", "apikey", "access key",
    "access_key", "accesskey", "private key", "privatekey", "unseal key", "license key", "пароль", "パスワード", "密码",
)  # fmt: skip
_NEARBY = 80
_DRAWN = re.compile(r"(?<![A-Za-z0-9+/_~.%\\-])(?=\D{0,40}\d)[A-Za-z0-9+/_~!$^*#-]{10,}={0,2}(?![A-Za-z0-9+/_~-])")
_CHANGE = re.compile(r"(?<=[a-z])[^a-z]|(?<=[A-Z])[^A-Z]|(?<=\d)\D")
_HEX = re.compile(r"[0-9a-fA-F]+")
_WORD = re.compile(r"(?<![^\s\"'\\<>])[^\s\"'\\<>]++")
_ENTITY = re.compile(r"&(?:amp;)*(?:quot|apos|lt|gt|amp|\#\d{1,4}|\#[xX][0-9a-fA-F]{1,4});")
_DOUBLED = re.compile(r"(?<!\\)(?P<mark>\\{1,9}\")(?P=mark)(?=[\w/+-])|(?<=[\w/+=-])(?P<last>\\{1,9}\")(?P=last)")
_CODE = re.compile(r"(?<!\\)\\++(?:u(?P<code>(?!00[01]|[dD][89a-fA-F])[0-9a-fA-F]{4})|x(?P<byte>[2-7][0-9a-fA-F]))")
_MOST_DEEP = 4


def may_hold_secret(text: str) -> bool:
    """Return whether anything near secrets is in a line; redaction changes no other."""
    return bool(_screen().Match(text.encode("utf-8", "surrogatepass")))


def redact_line(text: str, depth: int = 0) -> str:
    """Return a line with secrets replaced by ``[redacted]``; the same line if it contains none."""
    if not may_hold_secret(text):
        return text
    if depth < _MOST_DEEP and "&" in text and _ENTITY.search(text):
        plain = html.unescape(text)
        if (new := redact_line(plain, depth + 1)) != plain:
            text = html.escape(new) if "<" not in text else new.replace("&", "&amp;").replace('"', "&quot;")
    text = _redact_plain(text)
    if depth < _MOST_DEEP:
        if "%" in text:
            text = _WORD.sub(lambda match: _redact_percent(match[0], depth + 1), text)
        if "\\u" in text or "\\x" in text or '\\"' in text:
            plain = _DOUBLED.sub(lambda match: match["mark"] or match["last"], _CODE.sub(_character, text))
            if plain != text and (new := redact_line(plain, depth + 1)) != plain:
                text = new
    return text


def _character(match: re.Match[str]) -> str:
    code = int(match["code"] or match["byte"], 16)
    return '\\"' if code == ord('"') else chr(code)


def _redact_percent(run: str, depth: int) -> str:
    """Redact a word that has percent-escapes as what it says."""
    if "%" not in run:
        return run
    plain = unquote(run, errors="surrogateescape")
    new = redact_line(plain, depth)
    if new == plain:
        return run
    safe = "".join(sorted({sign for sign in run if sign.isascii() and sign != "%"}))
    return MARK.join(quote(part, safe=safe, errors="surrogateescape") for part in new.split(MARK))


def _redact_plain(text: str) -> str:
    lowered = text.lower()
    if "-----begin" in lowered:
        text = _PEM.sub(lambda match: f"{match['head']}{MARK}" if match["body"].strip() else match[0], text)
    if "@" in text:
        text = _ADDRESS.sub(_without_user, text)
        text = _USER.sub(f"{MARK}@", text)
    if "value" in lowered:
        text = _replace(text, _variable_places(text))
        text = _replace(text, _places_before_variables(text))
    if "cookie" in lowered:
        text = _COOKIE.sub(lambda match: match[0] if _is_empty(match["value"]) else f"{match['head']}{MARK}", text)
    text = _replace(text, _named_places(text))
    text = _replace(text, _argument_places(text, lowered))
    text = _replace(text, _places_nearby(text))
    if any(scheme in lowered for scheme in SCHEMES):
        text = _SCHEME.sub(lambda match: f"{match['scheme']}{match['gap']}{MARK}", text)
    return without_tokens(text, lowered, MARK)


def _is_empty(content: str) -> bool:
    return content.strip().lower() in _EMPTY or _DONE.match(content) is not None


def _replace(text: str, places: Iterator[tuple[int, int, str]]) -> str:
    """Replace places in order; what begins before the end of another is left out."""
    parts, at = [], 0
    for start, end, new in places:
        if start >= at:
            parts += [text[at:start], new]
            at = end
    return "".join([*parts, text[at:]]) if parts else text


def _named_places(text: str) -> Iterator[tuple[int, int, str]]:
    """Find values behind the name of a secret."""
    names, at = _ASCII_NAME if text.isascii() else _NAME, 0
    kinds = {name: kind for name in set(names.findall(text)) if (kind := kind_of_name(name[-64:].rstrip(".-")))}
    for name in names.finditer(text) if kinds else ():
        kind = kinds.get(name[0]) if name.start() >= at else None
        found = _NAMED.match(text, name.start()) if kind else None
        if found and kind and (place := _value_of(text, found, kind)):
            yield place
            at = place[1]


def _value_of(text: str, found: re.Match[str], kind: Kind) -> tuple[int, int, str] | None:
    """Return where the value of a name goes, and what stands there then."""
    before = text[max(0, found.start() - 20) : found.start()]
    if found["tag"] is not None:
        inner = re.compile(r"[^<&\\]*+").match(text, found.end())
        return (
            (*inner.span(), MARK)
            if inner and not found["close"] and before.endswith("<") and not _is_empty(inner[0])
            else None
        )
    sure = _kind_here(found, kind, before)
    if sure is None or not _is_separated(text, found, sure, before):
        return None
    header = "authorization" in found["name"].lower()
    typed = None if header or found["sep"] is None else _TYPED.match(text, found.end())
    value = value_at(text, typed.end() if typed else found.end(), header=header)
    if value is None or _is_kept(text, found, value, sure):
        return None
    start, end, mark = value
    if (
        found["sep"] is not None
        and not mark
        and not found["close"]
        and _LINE_START.match(text, 0, found.start())
        and not _NEXT_FIELD.search(text, end)
    ):
        end = len(text.rstrip())  # the only field of its line, as in YAML and environments
    quote = found["close"] if not mark and text[start - 1] not in "[{(" and found["comma"] is None else ""
    return start, end, f"{quote}{MARK}{quote}"


def _kind_here(found: re.Match[str], kind: Kind, before: str) -> Kind | None:
    """Return how sure a name is with what stands around it."""
    name = found["name"].lower()
    if name == "auth":
        return Kind.CERTAIN if found["close"] else Kind.BARE_KEY
    if kind is Kind.BARE_KEY and (
        _WORD_BEFORE_KEY.search(before)
        or (name == "key" and "jwt" in found.string[max(0, found.start() - 60) : found.start()].lower())
    ):
        return Kind.LIKELY
    return Kind.CERTAIN if name == "sig" and before[-1:] in ("?", "&", ";") else kind


def _is_separated(text: str, found: re.Match[str], kind: Kind, before: str) -> bool:
    """Return whether what stands between a name and what follows makes that its value."""
    name, at = found["name"], found.end()
    quoted = _QUOTED.match(text, at)
    if kind is Kind.BARE_KEY:
        return found["sep"] is not None and _BASE64.match(text, quoted.end() if quoted else at) is not None
    if found["comma"] is not None:
        return bool(found["close"] and quoted and (name.startswith("-") or _PAIR_BEFORE.search(before)))
    if found["bar"] is not None:
        return bool(found["close"] and quoted) or _MIXED.match(text, at) is not None
    if found["space"] is not None:
        return not found["close"] and (
            name.startswith("-")
            or _is_spoken(text, at, name, kind)
            or _SETTER.search(before) is not None
            or (before.endswith("set ") and found["name"].isupper())
        )
    return True


def _is_kept(text: str, found: re.Match[str], value: tuple[int, int, str], kind: Kind) -> bool:
    """Return whether a value is nothing secret."""
    start, end, mark = value
    content = text[start:end]
    if (
        _is_empty(content)
        or (found["name"] == "pwd" and content.startswith("/"))
        or (found["space"] is not None and content.startswith("-"))
    ):
        return True
    if (
        found["comma"] is not None
        and not found["name"].startswith("-")
        and not _PAIR_BEHIND.match(text, end + len(mark))
        and not text[: found.start()].rstrip("bru\"'\\ ").endswith("(")
    ):
        return True
    return kind is Kind.LIKELY and (
        len(content) < 4 or _HARMLESS.fullmatch(content) is not None or _is_prose(text, found, start, end)
    )


def _is_spoken(text: str, at: int, name: str, kind: Kind) -> bool:
    """Return whether a sentence tells a secret: ``password "x"``, ``the token is a1b2c3d4``; but ``secrets "x" not found``."""
    quoted = _QUOTED.match(text, at) is not None and not name.lower().startswith("secret")
    mixed = _MIXED.match(text, at + quoted) is not None
    return mixed and (quoted or text[at - 1] == "\t") if kind is Kind.LIKELY else quoted or mixed


def _is_prose(text: str, found: re.Match[str], start: int, end: int) -> bool:
    """Return whether a bare word after a colon goes on as a sentence does: ``tls key: missing in the file``."""
    return (
        (found["sep"] or "").endswith(": ")
        and text[start:end].isalpha()
        and text[start:end].islower()
        and text[end : end + 1] == " "
    )


def _variable_places(text: str) -> Iterator[tuple[int, int, str]]:
    """Find values of variables and headers that stand behind their name in a field of their own."""
    for found in _VARIABLE.finditer(text):
        if (
            kind_of_name(found["name"][-64:])
            and (value := value_at(text, found.end()))
            and not _is_empty(text[value[0] : value[1]])
        ):
            yield value[0], value[1], MARK


def _places_before_variables(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _VARIABLE_AFTER.finditer(text):
        part = "bare" if found["quoted"] is None else "quoted"
        if kind_of_name(found["name"][-64:]) and not _is_empty(found[part]):
            yield *found.span(part), MARK


def _places_nearby(text: str) -> Iterator[tuple[int, int, str]]:
    """Find what looks drawn at random a few words behind a name of secrets, whatever stands between."""
    lowered = text.lower()
    ends = sorted(
        {
            end
            for word in _NEAR
            if word in lowered
            for end in accumulate(len(part) + len(word) for part in lowered.split(word))
        }
    )
    if not ends:
        return
    for run in _DRAWN.finditer(text, ends[0]):
        before = ends[bisect_right(ends, run.start()) - 1]
        if run.start() - before < _NEARBY and _looks_drawn(run[0]):
            yield *run.span(), MARK


def _looks_drawn(run: str) -> bool:
    """Return whether letters and digits change as often as in a key: not in words, ids, names of hosts."""
    has_both = not (run.islower() or run.isupper())
    if not has_both and (len(run) < 16 or not run.isalnum() or _HEX.fullmatch(run)):
        return False
    return sum(map(str.isdigit, run)) > 1 and len(_CHANGE.findall(run)) >= len(run) * 0.3


def _argument_places(text: str, lowered: str) -> Iterator[tuple[int, int, str]]:
    """Find credentials that are arguments of a command."""
    phrases = _SPOKEN.finditer(text) if any(words in lowered for words in _BEFORE_SPOKEN) else ()
    piped = _PIPED.finditer(text) if "--password-stdin" in lowered else ()
    for found in (*phrases, *piped):
        if (value := value_at(text, found.end())) and not _is_empty(text[value[0] : value[1]]):
            yield value[0], value[1], MARK
    for found in _ARGUMENT.finditer(text):
        is_list = text[found.end() : found.end() + 1] in ("[", "{", "(")
        if not is_list and (value := value_at(text, found.end())) and not _is_empty(text[value[0] : value[1]]):
            start, end, mark = value
            command = text[max(0, found.start() - _WINDOW) : found.start()]
            if _is_credential(found["flag"], text[start:end], command, spaced=bool(found["gap"]), quoted=bool(mark)):
                yield start, end, MARK


def _is_credential(flag: str, content: str, command: str, *, spaced: bool, quoted: bool) -> bool:
    flag = f"-{flag[-1]}" if re.fullmatch(r"-[A-Za-z]{1,7}", flag) and not flag.startswith("-pass") else flag
    if flag in ("-u", "-U", "-E", "--cert", "--auth") or "user" in flag or "creds" in flag:
        return ":" in content and not re.fullmatch(r"\d+:\d+", content)
    if flag == "-p":
        if _NO_PASSWORD.fullmatch(content) or len(content) < 3:
            return False
        return bool(_CLIENTS.search(command)) or (spaced and (quoted or not content.isalpha()))
    if flag == "-b":
        return "curl" in command and "=" in content
    if flag == "-a" and "http" in command and ":" in content:
        return True
    return flag not in _ONLY_OF or any(client in command for client in _ONLY_OF[flag])


def _without_user(match: re.Match[str]) -> str:
    """Replace user and password of an address, whatever characters the password has, up to the last ``@`` before a host."""
    rest = match["rest"]
    ends = list(_AT.finditer(rest))
    authority = _AUTHORITY.match(rest)
    assert authority  # it may be empty
    usable = [found for found in ends if found.start() < authority.end()]
    if _USER_AND_PASSWORD.match(rest):
        limit = _ADDRESS_END.search(rest)
        usable = [found for found in ends if limit is None or found.start() < limit.start()] or usable
    return f"{match['head']}{MARK}{rest[usable[-1].start() :]}" if usable else match[0]
