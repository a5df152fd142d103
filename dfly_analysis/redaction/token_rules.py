"""Tokens that are known by their own form: rules of gitleaks and of our own, as data."""

import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml


@cache
def rules() -> tuple[tuple[tuple[str, ...], str], ...]:
    """Return keywords and pattern of each rule."""
    content = yaml.load(Path(__file__).with_suffix(".yaml").read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    return tuple((tuple(rule["keywords"]), rule["pattern"]) for part in content.values() for rule in part)


_FIRST = re.compile(r"\\b\(?(?:\(?\?:)?(\w[\w|-]+)")


@cache
def first_words() -> frozenset[str]:
    """Return the keywords with which a word begins in whatever their rules match, so that ids and names that contain them are none."""

    def is_first(keyword: str, pattern: str) -> bool:
        found = _FIRST.match(pattern)
        starts = found[1].lower().split("|") if found else []
        return any(keyword.startswith(start) or start.startswith(keyword) for start in starts)

    named = [(keyword, pattern) for keywords, pattern in rules() for keyword in keywords]
    return frozenset(keyword for keyword, _ in named) - {one for one, pattern in named if not is_first(one, pattern)}


@cache
def _keyword_set() -> tuple[Any, tuple[tuple[int, ...], ...]]:
    """Return a set that finds the keywords in a text at once, and the rules of each."""
    import re2

    of_keyword: dict[str, list[int]] = {}
    for number, (keywords, _) in enumerate(rules()):
        for keyword in keywords:
            of_keyword.setdefault(keyword, []).append(number)
    found = re2.Set.SearchSet(latin_options())
    for keyword in of_keyword:
        found.Add(re2.escape(keyword).encode())
    found.Compile()
    return found, tuple(map(tuple, of_keyword.values()))


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import re2

    return re2.compile(pattern.encode(), latin_options())


def latin_options() -> Any:
    """Return RE2's options for bytes: half a character, which Python's UTF-8 refuses, is a byte as any other."""
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return options


def without_tokens(text: str, lowered: str, mark: str) -> str:
    """Replace every token of a known form."""
    keywords, of_keyword = _keyword_set()
    present = keywords.Match(lowered.encode("utf-8", "surrogatepass")) or ()
    for number in sorted({rule for keyword in present for rule in of_keyword[keyword]}):
        pattern = rules()[number][1]
        data, at, parts = text.encode("utf-8", "surrogatepass"), 0, []
        for found in _compiled(pattern).finditer(data):
            start, end = found.span(1 if found.re.groups and found[1] is not None else 0)
            parts += [data[at:start], mark.encode()]
            at = end
        text = b"".join([*parts, data[at:]]).decode("utf-8", "surrogatepass") if parts else text
    return text
