"""Finds the YAML in a text as people paste it: quoted, indented, fenced or numbered, with prose, prompts and headings around it."""

import html
import itertools
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dfly_analysis.config.yaml_positions import PositionedMapping, load_yaml
from dfly_analysis.errors import SettingsError

_QUOTES = str.maketrans(
    {"“": '"', "”": '"', "\u2018": "'", "\u2019": "'", "\u00a0": " ", "\u200b": None, "\ufeff": None}
)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,5});")
_MARK = re.compile(r"^\s{0,3}(?:>\s?)+|^\s*(?:[│┃|•*]|\d{1,2}[.)])\s")
_CELLS = re.compile(r"^\s*\|\s*[`\"']*([\w.-]+?)[`\"']*:?\s*\|\s*[`\"']*([^|`\"']+?)[`\"']*\s*\|")
_NUMBER = re.compile(r"^\s*\d{1,5}(?:[:|\t]| {1,2})(?=\s|\S)")
_FENCE = re.compile(r"^\s*(?:>\s?)*(?:```|~~~)")
_KEY = re.compile(r"^\s*(?:- +)*(?P<key>[\"']?[A-Za-z_][\w./-]*[\"']?)\s*:(?:\s+(?P<value>.*)|$)")
_OTHER = re.compile(r"^\s*(?:-(?:\s|$)|[\"{}\[\],#]|$)")
_BLOCK_SCALAR = re.compile(r":\s+[|>][+-]?\d?\s*$")
_SEPARATOR = re.compile(r"^---(?:\s.*)?$")
_HELM_HEADINGS = re.compile(
    r"^(?:(?:USER-SUPPLIED|COMPUTED) VALUES|HOOKS|MANIFEST):[ \t]*+(?:(?:\{\}|null)[ \t]*+)?$", re.MULTILINE
)
_DIFF = re.compile(r"^(?:@@ .*@@|\+\+\+ |\+[ \t]+[\w\"'-])", re.MULTILINE)
_INLINE = re.compile(
    r"(?<!\w)(?P<path>[A-Za-z]\w*+(?:(?:\.|:\s*|\s*(?:>|->|/)\s*)[A-Za-z]\w*+){0,12})[`\"']*(?:\s*[:=]\s*|\s+(?:to|of|is)\s+|\s+)[`\"']*"
    r"(?P<value>\d+(?:\.\d+)?\s?(?:ns|us|µs|ms|s|m|h|d|min|sec|[KMGT](?:i?B)?)?|true|false)(?![\w.])"
)
_MAX_PROSE_LINES = 12
_MAX_LINES = 400  # a longer text of which only a part is YAML is searched only as a whole


def unwrapped(text: str) -> str:
    """Return a text without what tools put around YAML: headings of `helm get`, marks of a diff; each line where it was."""
    if re.search(r"^\s*“|”\s*:", text, re.MULTILINE):
        text = text.translate(_QUOTES)
    if _DIFF.search(text):  # the file after the change
        text = re.sub(r"(?m)^(?:@@|\+\+\+|-|diff |index ).*$", "", text)
        text = re.sub(r"(?m)^(?:\+ ?| )", "", text)
    return _without_headings(text)


def documents(text: str) -> list[Any]:
    """Return the YAML documents of a text with their lines in it: those of the text as it stands if all are mappings, else of what is YAML in it."""
    found = list(_load_all(text))
    if found and all(isinstance(one, Mapping) and not any(map(_is_mangled, one)) for one in found):
        return found
    cleaned = [one for one in _load_all(clean(text)) if isinstance(one, Mapping) and one]
    return cleaned or [one for one in found if one is not None]


def _is_mangled(key: object) -> bool:
    """Return whether a key holds the number of its line, or an escaped line break."""
    return isinstance(key, str) and re.search(r"^\d+\s|\\n", key) is not None


def clean(text: str) -> str:
    """Return only the YAML of a text, each line where it was, and blocks that something stood between as documents."""
    if "\n" not in text.strip() and "\\n" in text:
        text = text.strip().strip("\"'").replace("\\n", "\n").replace('\\"', '"')
    lines = [_unmarked(line) for line in _fenced(_without_numbers(text.split("\n")))]
    kept = [""] * len(lines)
    for start, end in _runs(lines):
        for first, block in _blocks(lines, start, end):
            kept[first : first + len(block)] = block
            if first:
                kept[first - 1] = "---"
    return "\n".join(kept)


def inline_values(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield settings that stand in a sentence or a command as dotted path, value, and line: ``--set a.b=5m``, ``pieceTimeout to 5m``."""
    lines = text.strip().split("\n")
    for number, line in enumerate(lines if len(lines) <= _MAX_PROSE_LINES else (), 1):
        for match in _INLINE.finditer(line.translate(_QUOTES)):
            yield re.sub(r"(?<!\s)\s*+(?:->|[:>/])\s*+", ".", match["path"]), match["value"].replace(" ", ""), number


def _without_headings(text: str) -> str:
    """Return the output of `helm get` with its headings as limits of documents; computed values only where the user's are not there."""
    headings = [match.group().strip() for match in _HELM_HEADINGS.finditer(text)]
    if not headings:
        return text
    begins = re.split(r"(?m)^(?=(?:USER-SUPPLIED VALUES|COMPUTED VALUES|HOOKS|MANIFEST|NOTES):)", text)
    kept = []
    for part in begins:
        heading, _, body = part.partition("\n")
        computed = heading.startswith("COMPUTED") and any(one.startswith("USER") for one in headings)
        known = _HELM_HEADINGS.match(heading)
        is_empty = body.strip() in ("", "null", "{}")
        kept.append("---\n" + body if known and not computed and not is_empty else "\n" * part.count("\n"))
    return "".join(kept)


def _load_all(text: str) -> Iterator[Any]:
    """Yield the documents of a text, None for each that is no YAML."""
    for document in split_documents(text):
        try:
            yield load_yaml(document, "")
        except SettingsError:
            yield None


def split_documents(text: str) -> Iterator[str]:
    """Yield the documents, each behind as many blank lines as stand before it."""
    lines = text.split("\n")
    limits = [-1, *(number for number, line in enumerate(lines) if _SEPARATOR.match(line)), len(lines)]
    for begin, end in itertools.pairwise(limits):
        body = "\n".join(lines[begin + 1 : end])
        if body.strip():
            yield "\n" * (begin + 1) + body


def _unmarked(line: str) -> str:
    line = _COLOUR.sub("", line.translate(_QUOTES))
    if _ENTITY.search(line):
        line = html.unescape(line).translate(_QUOTES)
    if cells := _CELLS.match(line):
        return f"{cells[1]}: {cells[2]}"
    while (bare := _MARK.sub("", line, count=1)) != line:
        line = bare
    body = line.lstrip(" \t")
    indent = line[: len(line) - len(body)].replace("\t", "  ")
    return indent + body.lstrip("`").rstrip("` \t\r\n")


def _fenced(lines: Sequence[str]) -> list[str]:
    """Return the lines with those outside code fences blanked, where there are fences with a key in them."""
    inside, kept = False, []
    for line in lines:
        is_fence = _FENCE.match(line) is not None
        inside ^= is_fence
        kept.append(line if inside and not is_fence else "\0")
    return kept if any(_KEY.match(_unmarked(line)) for line in kept) else list(lines)


def _without_numbers(lines: Sequence[str]) -> list[str]:
    """Return the lines without the numbers that an editor or ``grep -n`` put before them."""
    full = [line for line in lines if line.strip()]
    if len(full) > 1 and all(_NUMBER.match(line) for line in full):
        return [_NUMBER.sub("", line) for line in lines]
    return list(lines)


def _runs(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield start and end of the stretches of lines that look like YAML, from the first key on."""
    start, scalar = None, -1
    for number, line in enumerate([*lines, "\0"]):
        indent = len(line) - len(line.lstrip(" "))
        if scalar >= 0 and (not line.strip() or indent > scalar):
            continue
        scalar = indent if _BLOCK_SCALAR.search(line) else -1
        is_key = _KEY.match(line) is not None
        if is_key or (_OTHER.match(line) and "\0" not in line):
            start = number if start is None and line.strip() else start
        elif start is not None:
            yield start, number
            start = None


def _blocks(lines: Sequence[str], start: int, end: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the parts of a stretch that are mappings, without their common indentation: all of it, or what is parted by blank lines."""
    whole = _mapping(lines[start:end])
    if whole is not None or end - start > _MAX_LINES:
        yield from [(start, whole)] if whole is not None else []
        return
    first = start
    for number in range(start, end + 1):
        if number < end and lines[number].strip():
            continue
        while first < number:  # without the lines before the first that begins a mapping
            block = _mapping(lines[first:number])
            if block is not None:
                yield first, block
                break
            first += 1
        first = number + 1


def _mapping(lines: Sequence[str]) -> list[str] | None:
    """Return lines without their common indentation if they are a mapping, or a list of mappings."""
    bare = (re.sub(r"(?<=[\"'\w}\]]),\s*$", "", line) if _KEY.match(line) else line for line in lines)
    text = textwrap.dedent("\n".join(bare))
    for candidate in (text, "\n".join(lines)) if text.lstrip().startswith(("{", "[")) else (text,):
        try:
            content = load_yaml(candidate, "")
        except SettingsError:
            continue
        if isinstance(content, Mapping):
            return candidate.split("\n")
        if isinstance(content, list) and content and all(isinstance(one, Mapping) for one in content):
            if len(content) > 1 and any(len(one) > 1 for one in content):
                return None
            bullet = "  " if len(content) == 1 else ""  # bullets of one setting each are one mapping
            return re.sub(r"(?m)^- ", bullet, candidate).split("\n")
    return None


def merged(contents: Iterable[Any]) -> PositionedMapping:
    """Return several documents as one mapping, the later over the earlier, with their lines."""
    result = PositionedMapping()
    for content in contents:
        for key, value in content.items():
            old = result.get(key)
            result[key] = merged([old, value]) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
            result.lines[key] = getattr(content, "lines", {}).get(key, 0)
        result.repeated += getattr(content, "repeated", [])
    return result
