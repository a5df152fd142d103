"""Reads fragments of logs: lines as people paste them, quoted, wrapped, coloured, escaped, or without their time and level.

Where no log format explains a text, or only part of it, known failure texts are searched in what is left once quotes, escapes,
colours and prefixes are taken off. A text that other programs write too counts only where nothing says it is theirs.
"""

import html
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from os.path import commonprefix
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from dfly_analysis.arrow_values import arrow_array
from dfly_analysis.catalog import error_signatures
from dfly_analysis.catalog.error_signatures import Signature
from dfly_analysis.catalog.log_fields import LEVELS, ZAP_LEVELS
from dfly_analysis.readers.logs.event_matching import take_event
from dfly_analysis.readers.logs.event_schema import TEXT_CAP, arrow_schema, coded
from dfly_analysis.readers.logs.log_identity import split_host
from dfly_analysis.readers.logs.parse_block import as_times
from dfly_analysis.readers.logs.python_parser import Record, event_row, split_tail
from dfly_analysis.readers.progress import SOURCE, read_sample
from dfly_analysis.redaction import redact

MAX_CHARS = 1 << 20  # longer texts are no fragments
_MAX_LINE_CHARS = 20_000
_TEXT_BEFORE_TIME = 20  # a time with so much text before it, and none behind it, is part of the text
_MAX_JOINED = 6  # lines that one wrapped record may extend over
_WRAPPED_CHARS, _WIDEST_CHARS = 36, 400
"""A line that a terminal or chat window wrapped is at least, and at most, this long."""

_COLOUR = re.compile(r"(?:\x1b|\\u001[bB]|\\x1[bB]|\\033|#033|\^\[|␛)?\[(?:\d{1,3};){0,3}\d{0,3}m(?![\w/-]*\])")
_QUOTES = str.maketrans({
    "“": '"', "”": '"', "„": '"', "\u2018": "'", "\u2019": "'", "\u2028": "\n",
    **dict.fromkeys("\u00a0\u2007\u202f\u3000", " "),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"),
    "\uff1a": ": ", "\uff0c": ", ", "\uff08": "(", "\uff09": ")", "\ufb01": "fi", "\ufb02": "fl",
})  # fmt: skip
"""Characters that chat programs, input methods and documents put in place of, or between, those of a log."""
_MARGIN = re.compile(r"(?:> ?)+|[ \t]{2,8}(?=\S)")
_SOFT_BREAK = re.compile(r"[\\=]\n")
_MARKUP = re.compile(r"^\s*(?:(?:>|[-*•+]|#{1,4}|\d{1,3}[.)])\s+|>|\||`{1,3}|~~~)")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,5}|#x[0-9a-fA-F]{1,4});")
_TIME = re.compile(
    r"(?P<date>\d{4}[-/]\d\d[-/]\d\d)[T ](?P<clock>\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)\s?(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
_LEVEL = re.compile(
    r"(?<![A-Za-z])(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL)(?![A-Za-z_])|\"level\":\s?\"(?P<json>\w+)\"|level=(?P<key>\w+)"
)
_SOURCE = re.compile(r"(?P<source>(?<![\w/.-])[\w@./-]{1,200}?\.(?:rs|go):\d{1,5})(?::\d+)?\]?:?(?=[\s:\"|\[]|$)")
_MEMBER = re.compile(r'\s*+"(?P<key>[\w.]{1,40})":\s*+"(?P<value>.*+)\s*+$')
_MESSAGE_KEYS = (
    "msg", "message", "_msg", "_raw", "textpayload", "log", "line", "error", "err", "description", "reason", "stderr", "text",
)  # fmt: skip
_JSON_MESSAGE = re.compile(r'"(?:msg|message)"\s*:\s*"')
_TIME_KEYS = ("ts", "time", "timestamp", "@timestamp", "_time")
_MAX_OBJECTS = 500
_MAX_LINES_JOINED = 60
_MAX_LINES_ALONE = 12
_DECODER = json.JSONDecoder()

_CONTEXT = re.compile(
    r"dragonfly|\bd7y\b|\bdf(?:daemon|get|cache|init|ctl|store)\b|seed[-_ ]?(?:client|peer)|preheat|back[-_ ]?to[-_ ]?source|\bpiece(?:_id|Num| \S{1,80} from| finished| failed| task|s sync)"
    r"|download (?:piece|task|from source|from parent|with scheduler)|sync pieces|failed to pull|PullImage|ErrImagePull|task_?id|peer_?id|(?:127\.0\.0\.1|localhost):4001|:6500[0-4]\b|\bAnnouncePeer|\bDownload(?:Piece|Peer|Task)|/var/(?:lib|log)/dragonfly",
    re.IGNORECASE,
)
"""What only Dragonfly, or a program that speaks to it, says."""
_NAME = re.compile(
    r"dragonfly|\bd7y\b|\bdf(?:daemon|get|cache|init|ctl|store)\b|seed[-_ ]?(?:client|peer)|(?:127\.0\.0\.1|localhost):4001",
    re.IGNORECASE,
)
"""What is called by Dragonfly's names: others have tasks, peers and preheats too."""
_STRUCTURE = re.compile(
    r"^\W{0,3}(?:\w{3}\s{1,2}\d{1,2} \d\d:\d\d:\d\d \S{1,80} \S{1,60}:|[IWEF]\d{4} \d\d:\d\d:\d\d|\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d|\S{1,60} - - \[|\[\w{3} \w{3} \d\d |Traceback |Exception in )"
)
"""How a line of some program's log begins."""
_OTHER_PROGRAM = re.compile(
    r"\b(?:java|javax|org\.apache)\.\w|\b(?:mongod|kafka|airflow|jenkins|sshd|aws s3|rsync)\b",
    re.IGNORECASE,
)
"""Names of programs that fail by the same texts."""
_BAR = re.compile(r"[\[|(][#=>\-. \u2580-\u259f]{4,}[\])|]|\d{1,3}(?:\.\d+)? ?%")
_AMOUNT = re.compile(r"\d(?:\.\d+)? ?(?:[KMGT]i?)?B? ?/ ?(?:\d+(?:\.\d+)? ?[KMGT]?i?B\b|s\b)|\d ?(?:[KMGT]i?)?B/s")
"""The bar, or the share, and the amount in progress output."""
_HEADING = re.compile(r"^#{2,6} +\S|^# +[A-Z\u0370-\uffff]|^[^\n]{1,80}\n={4,}\s*$", re.MULTILINE)
_TELLS = re.compile(
    r"\b(?:if (?:you|it|the|there)|when(?:ever)? (?:you|it|the)|in case|you (?:may|might|can|will) (?:see|get)|such as|for example|e\.g\.|errors? like|typical|"
    r"common|usually|means that|indicates|fix(?:ed|es)?|solution|workaround|changelog|supports?|handles?|returns?)\b",
    re.IGNORECASE,
)
"""Headings of a document, and how it tells of failures instead of showing one."""
_STATUS = re.compile(r"^< HTTP/[\d.]{1,3} [1-5]\d\d\b")
_REQUEST = re.compile(r"https?://\S|Connected to \S|^Host: \S", re.IGNORECASE)
_MOST_HEADERS = 30
"""How a curl transcript shows a status, and before it the request."""
_CODE = re.compile(
    r"(?:[;{]|\}\)?[;,])\s*$|^\s*[})\]]+[;,]?$|^\s*(?://|/\*|\*/|#include|#\[|import |from \S+ import|func |(?:pub )?(?:async )?fn |def |class |return |if |else|for |while |let |const |var |package |use |match )|\w!\("
)


class Fragment(NamedTuple):
    """One record of a fragment: where it begins, what it says, and which failures its text shows."""

    line: int
    record: Record
    text: str
    signatures: tuple[Signature, ...]
    event: dict[str, str]

    @property
    def is_record(self) -> bool:
        """Return whether its text began like a record of a log."""
        return bool(self.record.time or self.record.source)

    @property
    def component(self) -> str:
        """Return who wrote it, as far as place and text tell; the client where nothing does."""
        source = self.record.source
        if ".rs:" in source:
            return "client"
        if source.startswith("manager/") or "rpcserver/" in source:
            return "manager"
        if ".go:" in source:
            return "client" if source.startswith(("peer/", "daemon/", "storage/")) else "scheduler"
        return next((one.component for one in self.signatures if one.component in ("scheduler", "manager")), "client")


@dataclass
class _Line:
    number: int
    text: str
    time: str = ""
    level: str = ""
    source: str = ""
    message: str = ""


def read_fragments(text: str) -> list[Fragment]:
    """Find known failures and events in a text that is no log, in the order of its lines; empty where nothing is Dragonfly's."""
    if len(text) > MAX_CHARS or "\x00" in text:
        return []
    text = _rejoined(text)
    lines, found = _found_in(text)
    is_code = _is_code(lines)
    if len(lines) <= _MAX_LINES_ALONE and (is_code or not _has_cause(found)):
        variants = [*_variants(text)]
        if not is_code and len(lines) <= _MAX_JOINED:
            variants.append(text.strip().replace("\n", " "))
        read = [(lines, found), *map(_found_in, variants)]
        lines, found = min(read, key=lambda one: (_best(one[1])[0], _is_code(one[0]), _best(one[1])))
    if len(lines) <= _MAX_JOINED and not _has_cause(found):
        repaired = [_parse(line.number, repair(line.text)) for line in lines]
        better = list(_search(repaired))
        found = better if _best(better) < _best(found) else found
    if found and _is_code(lines):
        return []
    is_document = _HEADING.search(text) is not None
    return [
        fragment
        for fragment in found
        if _is_ours(fragment, lines, is_document=is_document) and not _is_cleared(fragment, lines)
    ]


def _found_in(text: str) -> tuple[list[_Line], list[Fragment]]:
    lines = [line for line in _lines(text) if line.message or line.source]
    return lines, list(_search(lines))


def _has_cause(found: Sequence[Fragment]) -> bool:
    return any(one.layer == "cause" for fragment in found for one in fragment.signatures)


def _rejoined(text: str) -> str:
    """Return a text as one line where a window of fixed width has broken it, and nothing else is in it."""
    lines = text.strip("\r\n").replace("\r\n", "\n").split("\n")
    margin = _MARGIN.match(lines[0])
    if margin and all(line.startswith(margin[0]) for line in lines):
        lines = [line.removeprefix(margin[0]) for line in lines]
    *full, last = lines
    mark = full[0][-1:] if full else ""
    if mark and _SOFT_BREAK.match(f"{mark}\n") and all(line.endswith(mark) for line in full):
        full = [line.removesuffix(mark) for line in full]
    width = max(map(len, full), default=0)
    is_even = len(full) > 1 and width >= _WRAPPED_CHARS and all(len(line) == width for line in full)
    if not is_even or len(last) > width or any(_TIME.match(line) for line in (*full[1:], last)):
        return text
    return "".join([*full, last])


def _variants(text: str) -> Iterator[str]:
    """Yield a text without what hides JSON and wrapped lines: entities, escapes, marks or the same prefix before each line."""
    text = html.unescape(text)
    if re.search(r'\{(?:\\n\s*)?\\"', text):
        text = text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
    lines = text.translate(_QUOTES).splitlines()
    yield "\n".join(_without_markup(line) for line in lines)
    shared = commonprefix([line for line in lines if line.strip()])  # noqa: RUF071 - of texts
    prefix = shared[: max(shared.rfind(mark) for mark in " \t|>:") + 1]
    if prefix and len(lines) > 1:
        yield "\n".join(line.removeprefix(prefix) for line in lines)


def _without_markup(line: str) -> str:
    while (bare := _MARKUP.sub("", line, count=1)) != line:
        line = bare
    return line


def is_progress(text: str) -> bool:
    """Return whether a text is nothing but the progress output of a download tool such as dfget and dfctl."""
    lines = [line for line in re.split(r"[\r\n]+", _COLOUR.sub("", text)) if line.strip()]
    return bool(lines) and all(_BAR.search(line) and _AMOUNT.search(line) for line in lines)


def progress_records(text: str) -> list[Fragment]:
    """Return the states that progress output of Dragonfly's tools shows, one a line."""
    lines = [line.strip() for line in re.split(r"[\r\n]", _COLOUR.sub("", text))]
    shown = [(number, redact(line)) for number, line in enumerate(lines, 1) if read_sample(line)]
    return [Fragment(number, Record("", "INFO", SOURCE, line, None, {}), line, (), {}) for number, line in shown]


def clean_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text with their numbers: entities, escapes, colours, quotation marks and markup taken off."""
    for number, raw in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        line = raw[:_MAX_LINE_CHARS].translate(_QUOTES)
        if "&" in line and _ENTITY.search(line):
            line = html.unescape(html.unescape(line)).translate(_QUOTES)
        line = _COLOUR.sub("", line)
        if "\\" in line:
            line = line.replace('\\\\"', '"').replace('\\"', '"').replace("\\t", "\t").replace("\\r", "")
            line = re.sub(r"\\{1,2}n(?![a-z])|\\{1,2}n(?=\d{4}-|\s)", "\n", line)
        if '""' in line:
            line = line.replace('""', '"')
        for part in re.split(r"[\n\r\x0b\x0c\x85]", line):
            bare = _without_markup(part)
            if bare.strip():
                yield number, bare.rstrip(" \t`")


def _lines(text: str) -> Iterator[_Line]:
    """Yield the lines of a text; JSON objects in it, also those of several lines, give a line for each text they hold."""
    bare = _COLOUR.sub("", text.translate(_QUOTES))
    at, attempts = 0, 0
    for start in re.finditer(r'\{(?=\s*")', bare):
        if start.start() < at or attempts > _MAX_OBJECTS:
            continue
        attempts += 1
        try:
            value, end = _DECODER.raw_decode(bare, start.start())
        except (ValueError, RecursionError):
            continue
        found = list(_members(value, bare.count("\n", 0, start.start()) + 1))
        if found:
            yield from _parsed(bare, at, start.start())
            yield from found
            at = end
    yield from _parsed(bare, at, len(bare))


def _parsed(text: str, start: int, end: int) -> Iterator[_Line]:
    first = text.count("\n", 0, start)
    for number, clean in _unwrapped(list(clean_lines(text[start:end]))):
        yield _parse(first + number, clean)


def _unwrapped(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield the lines with those joined that a window of fixed width has wrapped."""
    width = max((len(line) for _, line in lines), default=0)
    is_window = _WRAPPED_CHARS <= width <= _WIDEST_CHARS
    full = sum(len(line) == width for _, line in lines)
    number, text, before = 0, "", ""
    for line_number, line in lines:
        begins = _TIME.match(line) or _MEMBER.match(line) or line.startswith("< ")
        may_go_on = is_window and before and not begins
        if may_go_on and len(before) == width and 2 * full >= len(lines) - 1:
            text += line
        elif may_go_on and len(before) + len(line.split(" ", 1)[0]) >= width and len(lines) <= _MAX_LINES_JOINED:
            text += " " + line.strip()
        else:
            if text:
                yield number, text
            number, text = line_number, line
        before = line
    if text:
        yield number, text


def _members(value: Any, number: int) -> Iterator[_Line]:
    """Yield a line for each object in a JSON value that holds a message."""
    if isinstance(value, list):
        for item in value:
            yield from _members(item, number)
    if not isinstance(value, dict):
        return
    texts = {key.lower(): text for key, text in value.items() if isinstance(text, str)}
    messages = [texts[key] for key in _MESSAGE_KEYS if key in texts]
    inner = value.get("fields")
    if isinstance(inner, dict) and isinstance(inner.get("message"), str):
        messages.append(inner["message"])
    if messages:
        line = _parse(number, ": ".join(messages).rstrip("\n"))
        stamp = next((match for key in _TIME_KEYS if key in texts and (match := _TIME.search(texts[key]))), None)
        line.time = line.time or (_iso(stamp) if stamp else "")
        line.level = line.level or _level(texts.get("level", texts.get("severity", "")))
        line.source = line.source or texts.get("caller", texts.get("filename", ""))
        yield line
    for key, item in value.items():
        if key != "fields":
            yield from _members(_inner(item), number)


def _inner(item: Any) -> Any:
    """Return the object that a text holds as JSON, as exports of log services have it; anything else as it is."""
    if not isinstance(item, str) or not item.startswith('{"'):
        return item
    try:
        return json.loads(item)
    except (ValueError, RecursionError):
        return item


def _iso(time: re.Match[str]) -> str:
    return f"{time['date'].replace('/', '-')}T{time['clock'].replace(',', '.')}{time['zone'] or ''}"


def _level(word: str) -> str:
    return ZAP_LEVELS.get(word.lower(), word.upper() if word.upper() in LEVELS else "")


def _parse(number: int, text: str) -> _Line:
    """Take time, level and place off a line as far as they are there; what follows them is the message."""
    result = _Line(number, text)
    place = _SOURCE.search(text)
    head = text[: place.start()] if place else text[:200]
    times = list(_TIME.finditer(head))
    level = _LEVEL.search(text, times[0].end() if times else 0, len(head) if place else len(text))
    times = [time for time in times if level is None or time.end() <= level.start() or time is times[0]]
    if times:
        result.time = _iso(times[-1])
    if level is not None:
        result.level = _level(level["json"] or level["key"] or level[0])
    if place:
        result.source, message = place["source"], text[place.end() :]
    elif member := _MEMBER.match(text):
        value = member["value"].rstrip().rstrip(",}]").rstrip().removesuffix('"')
        message = value if member["key"].lower() in _MESSAGE_KEYS else ""
        result.message = message
        return result
    elif level is not None and level["json"] is None and level.start() < 120:
        message = text[level.end() :]
    elif times:
        message = text[times[-1].end() :]
    else:
        message = text
    parts = _JSON_MESSAGE.split(message, maxsplit=1)
    if len(parts) > 1:  # part of an object
        error = re.search(r'"error":\s?"(?P<error>[^"]*)', parts[1])
        message = re.split(r'",\s?"', parts[1], maxsplit=1)[0] + (f": {error['error']}" if error else "")
    result.message = message.strip(" \t:|,;`'\u2026").removeprefix("...")
    if result.message.count('"') % 2:
        result.message = result.message.strip('"')
    if not result.message and times and times[0].start() >= _TEXT_BEFORE_TIME:
        result.message, result.time = text, ""  # a time that the text tells of
    return result


def _search(lines: Sequence[_Line]) -> Iterator[Fragment]:
    """Yield what the lines show, each by itself, or joined with the lines behind it where it was wrapped."""
    at = 0
    while at < len(lines):
        line = lines[at]
        length = 1
        if _STATUS.match(line.text):
            line, length = _transcript(lines, at)
        of_message = _signatures(line.message)
        found = of_message or _signatures(line.text)
        message = line.message if of_message or not found else line.text
        if len(lines) <= _MAX_LINES_JOINED and (len(line.text) >= _WRAPPED_CHARS or line.source or line.time):
            for end in range(at + 2, min(at + 1 + _MAX_JOINED, len(lines) + 1)):
                following = lines[at + 1 : end]
                if following[-1].time or (following[-1].source and following[-1].level):
                    break
                parts = [message if found else line.message, *(one.text.strip() for one in following)]
                for separator in (" ", ""):
                    joined = separator.join(parts)
                    more = _signatures(joined)
                    if _strength(more) < min(_strength(found), _strength(_signatures(following[-1].message))):
                        found, length, message = more, end - at, joined
        record_message, fields = split_tail(redact(message))
        event = take_event(record_message)
        if found or event:
            level = line.level or ("ERROR" if found else "INFO")
            record = Record(line.time, level, line.source, record_message, None, fields)
            text = "\n".join(redact(one.text) for one in lines[at : at + length])
            yield Fragment(line.number, record, text, tuple(found), event)
        at += length


def _transcript(lines: Sequence[_Line], at: int) -> tuple[_Line, int]:
    """Return the status line of a curl transcript with the request before it and the headers behind it, and how many lines follow it."""
    above = (one.text for one in reversed(lines[max(0, at - _MOST_HEADERS) : at]))
    request = next(filter(_REQUEST.search, above), "")
    end = next((end for end in range(at + 1, len(lines)) if not lines[end].text.startswith("<")), len(lines))
    headers = " ".join(one.text.removeprefix("<").strip() for one in lines[at + 1 : min(end, at + _MOST_HEADERS)])
    answer = f"HTTP status {lines[at].text.partition(' ')[2].strip().partition(' ')[2]} {headers}"
    return replace(lines[at], message=f"HTTP request {request}: {answer}"), end - at


def _best(found: Sequence[Fragment]) -> tuple[int, int]:
    return min((_strength(fragment.signatures) for fragment in found), default=_strength(()))


def _strength(found: Sequence[Signature]) -> tuple[int, int]:
    """Return how much the signatures say, the smaller the more: a cause before a symptom, the lower priority first."""
    causes = [one.priority for one in found if one.layer == "cause"]
    return (0, min(causes)) if causes else (1, min((one.priority for one in found), default=1_000))


def _signatures(message: str) -> list[Signature]:
    """Return the signatures that a message shows; none where it is benign."""
    if len(message) < 5 or error_signatures.is_benign(message):
        return []
    text = re.sub(r"\s+", " ", message).strip()
    return [one for one in error_signatures.signatures_in(text) if one.layer != "benign"]


@cache
def _phrases() -> tuple[str, ...]:
    """Return the texts by which signatures are found, the longest first."""
    signatures = (one for one in error_signatures.load_signatures() if one.layer != "benign")
    texts = {literal.strip() for one in signatures for literal in one.literals}
    return tuple(sorted((text for text in texts if len(text) >= 8), key=len, reverse=True))


def repair(text: str) -> str:
    """Return a text with phrases of known failures restored where letters of them were lost or misread."""
    from rapidfuzz import fuzz

    for phrase in _phrases():
        if phrase in text:
            continue
        # only sentences are compared without regard to case: a name in one word is another error's in another case
        near, whole = (phrase.lower(), text.lower()) if " " in phrase else (phrase, text)
        found = fuzz.partial_ratio_alignment(near, whole, score_cutoff=90)
        if found is not None and found.dest_end - found.dest_start >= len(phrase) * 0.7:
            text = text[: found.dest_start] + phrase + text[found.dest_end :]
    return text


def _is_code(lines: Sequence[_Line]) -> bool:
    """Return whether a text is a program's source, which holds failure texts without a failure."""
    code, timed = sum(1 for line in lines if _CODE.search(line.text)), sum(1 for line in lines if line.time)
    members = sum(1 for line in lines if _MEMBER.match(line.text))
    return (
        members < code
        and len(lines) >= 3
        and timed * 10 < len(lines)
        and code * (10 if len(lines) >= 20 else 3) > len(lines)
    )


def _is_ours(fragment: Fragment, lines: Sequence[_Line], *, is_document: bool) -> bool:
    """Return whether a fragment is of Dragonfly: by names around it (in a document, beside it), or because nothing says that it is another program's."""
    place = next((at for at, line in enumerate(lines) if line.number >= fragment.line), 0)
    around = lines if len(lines) <= _MAX_LINES_JOINED else lines[max(0, place - 3) : place + 4]
    texts = [line.text for line in around]
    if is_document and not fragment.is_record:
        nearby = (line.text for line in lines[max(0, place - 1) : place + 2])
        return not _TELLS.search(fragment.text) and any(_NAME.search(one) for one in (*nearby, fragment.text))
    tells_nothing = all(one.layer in ("wrapper", "echo") for one in fragment.signatures)
    if tells_nothing and len(lines) > 3 and not fragment.is_record:
        return False  # words like "preheat failed" in a sentence
    if any(_CONTEXT.search(text) for text in (*texts, fragment.text)):
        return True
    if len(lines) > _MAX_LINES_ALONE or (_CODE.search(texts[0]) and len(texts) == 1):
        return False
    is_own = any(one.id not in error_signatures.other_programs_texts() for one in fragment.signatures)
    return is_own or not any(_STRUCTURE.search(text) or _OTHER_PROGRAM.search(text) for text in texts)


def _is_cleared(fragment: Fragment, lines: Sequence[_Line]) -> bool:
    """Return whether a later line says that what a fragment shows ended well."""
    ends = [one.cleared_by for one in fragment.signatures]
    after = [line.text for line in lines if line.number > fragment.line]
    return bool(ends) and all(end and any(end in text for text in after) for end in ends)


def fragment_table(fragments: Sequence[Fragment], address: str, tz: str) -> pa.Table:
    """Return fragments as records of `dfly_analysis.readers.logs.event_schema.arrow_schema`; `tz` is the zone of times without one."""
    rows = []
    for fragment in fragments:
        row = event_row(fragment.record, fragment.line, [fragment.text])
        host, role = split_host(row["host_id"])
        rows.append({
            **row, "time": None, "text": fragment.text[:TEXT_CAP], "component": fragment.component,
            "host": host, "role": (role or "client") if fragment.component == "client" else fragment.component, "log_path": address,
        })  # fmt: skip
    times, schema = as_times([fragment.record.time for fragment in fragments], tz), arrow_schema()
    return pa.table(
        [
            times if name == "time" else _column([row.get(name) for row in rows], schema.field(name).type)
            for name in schema.names
        ],
        schema,
    )


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_dictionary(kind):
        return arrow_array(values, kind)
    texts = {text: code for code, text in enumerate(dict.fromkeys(text for text in values if text is not None))}
    return coded(np.array([texts.get(value, -1) for value in values], np.int32), arrow_array(list(texts), pa.string()))


def missing_fragments(fragments: Sequence[Fragment], tables: Sequence[pa.Table]) -> tuple[list[Fragment], set[int]]:
    """Return the fragments that say more than the records read otherwise, and the lines of the records that they replace."""
    records: dict[int, tuple[str, str]] = {}
    for table in tables:
        columns = (table[name].to_pylist() for name in ("log_line", "message", "level"))
        records |= {line: (text or "", level) for line, text, level in zip(*columns, strict=True)}
    added: list[Fragment] = []
    dropped: set[int] = set()
    for fragment in fragments:
        before = max((line for line in records if line <= fragment.line), default=0)
        message, level = records.get(before, ("", ""))
        is_bad = level not in ("INFO", "DEBUG", "TRACE")
        if before != fragment.line and "\n" not in message:
            added.append(fragment)
        elif is_bad and _strength(fragment.signatures) < _strength(_signatures(message)):
            added.append(fragment)
            dropped.add(before)
    return added, dropped


def without_lines(table: pa.Table, lines: set[int]) -> pa.Table:
    """Return the records of a table that do not begin in some lines."""
    return table.filter(arrow_array([line not in lines for line in table["log_line"].to_pylist()], pa.bool_()))
