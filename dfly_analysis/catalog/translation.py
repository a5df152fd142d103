"""Sentences in other languages, as data: an English sentence with places for its values, and the same in the other language.

What the program says is said in English where it is found out. It is put into another language where it is shown, by the
sentence it was made from; so a rule or a check needs to know of no language, and what has no words yet stays English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, partial

from dfly_analysis.catalog.yaml_loader import ENTRIES, load_document
from dfly_analysis.errors import CatalogError

PLACE = re.compile(r"\{(?P<name>[a-z_]+)(?::(?P<kind>[a-z]+))?\}")
_NUMBER = r"(?:[<≈] )?[-+]?[\d.,]+(?:e[-+]?\d+)?"
_KINDS = {
    None: ".+?",
    "n": r"[\d,]+",
    "q": rf"(?:{_NUMBER}(?:\s?[%\w/]+)?(?:\s\d+\s(?:min|h|d|s|ms))*|unbounded|\N{{EN DASH}})",
    "c": r"[\d,]+ [a-z]+(?: [a-z]+){0,2}",
    "l": r"[\w.\-]+(?:, [\w.\-]+)*(?: and (?:[\d,]+ more|[\w.\-]+))?",
    "id": r"[\w.\-/\[\]]+",
    "time": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\N{EN DASH}",
}
"""What may stand in a place: anything, a number, a quantity with its unit, things counted, a list of names, an id, a time."""
_GAPS = re.compile(r"(?<=\d) (?=(?:%|(?:[KMGTP]i?)?B(?:/s)?\b|(?:ms|s|min|h|d)\b))")
_ENDS = tuple(re.compile(rf"(?<={end})\s+(?=\S)") for end in (r"\.", ";", ":"))
"""Where a text may be taken apart, tried in this order."""
_STOPS = {".": "\N{IDEOGRAPHIC FULL STOP}", ";": "\N{FULLWIDTH SEMICOLON}", ":": "\N{FULLWIDTH COLON}"}
_WORDS = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")


@dataclass(frozen=True)
class Sentence:
    """One sentence in two languages."""

    english: str
    other: str
    """With places such as ``{n:n}``, whose kind only the English names."""
    address: str
    """File it stands in."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What the English looks like with its values in it."""
        text, parts, at = self.english, [], 0
        observed: set[str] = set()
        for place in PLACE.finditer(text):
            name = place["name"]
            kind = f"(?P={name})" if name in observed else f"(?P<{name}>{_KINDS[place['kind']]})"
            parts += [re.escape(text[at : place.start()]), kind]
            observed.add(name)
            at = place.end()
        return re.compile("".join([*parts, re.escape(text[at:])]), re.DOTALL)

    @cached_property
    def said(self) -> int:
        """How many characters stand outside its places."""
        return len(PLACE.sub("", self.english))

    @cached_property
    def longest(self) -> str:
        """The longest text between its places, to tell quickly that a sentence is another."""
        return max((part for part in PLACE.sub("\0", self.english).split("\0")), key=len)


class Translator:
    """Puts English sentences into another language, as far as their words are known.

    Parameters
    ----------
    language : str
        One of `dfly_analysis.catalog.translation.LANGUAGES`.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        sentences = load_sentences(language)
        self._whole = {one.english: one.other for one in sentences if not PLACE.search(one.english)}
        # the one that says most first, so that "{a} to {b}" does not take what a longer sentence says better
        self._open = sorted((one for one in sentences if PLACE.search(one.english)), key=lambda one: -one.said)
        self._known: dict[str, str | None] = {}

    def find(self, english: str) -> str | None:
        """Return a text in the language, or None if part of it has no translation; spaces and line breaks count alike."""
        if self.language == "en":
            return english
        text = " ".join(english.replace("\N{NO-BREAK SPACE}", " ").split())
        if text not in self._known:
            found = self._look_up(text)
            self._known[text] = found and _GAPS.sub("\N{NO-BREAK SPACE}", found)
        return self._known[text]

    def say(self, english: str) -> str:
        """Return a text in the language; sentences of it without words stay as they are."""
        found = self.find(english)
        if found is not None:
            return found
        return " ".join(words or part for part, words in self.parts(english))

    def parts(self, english: str) -> list[tuple[str, str | None]]:
        """Return a text in parts, each with its words in the language, or None for a part that has none."""
        return self._apart(" ".join(english.split()), _ENDS)

    def _apart(self, text: str, ends: tuple[re.Pattern[str], ...]) -> list[tuple[str, str | None]]:
        found = self.find(text)
        if found is not None or not ends:
            return [(text, found)]
        return [one for part in ends[0].split(text) for one in self._apart(part, ends[1:])]

    def lacks(self, english: str) -> bool:
        """Return whether a text is words, and not all of them are known in the language."""
        return bool(_WORDS.search(english)) and self.find(english) is None

    def _look_up(self, text: str) -> str | None:
        # several sentences are looked up one by one first: a place that may hold anything would take all that follow
        whole = self._whole.get(text) or self._several(text) or self._matched(text)
        if whole is not None or not text:
            return whole if text else text
        if text[-1] in _STOPS and (bare := self._look_up(text[:-1])):
            return bare + _STOPS[text[-1]]
        return self._several(text, _ENDS[1:])

    def _several(self, text: str, ends: tuple[re.Pattern[str], ...] = _ENDS[:1]) -> str | None:
        """Return a text taken apart at one of the ends, where each part has words."""
        for end in ends:
            parts = end.split(text)
            if len(parts) > 1:
                found = [self._look_up(part) for part in parts]
                if all(found):
                    return "".join(part for part in found if part)
        return None

    def _matched(self, text: str) -> str | None:
        for sentence in self._open:
            match = sentence.longest in text and sentence.pattern.fullmatch(text)
            if match:
                return PLACE.sub(partial(self._placed, match), sentence.other)
        return None

    def _placed(self, match: re.Match[str], place: re.Match[str]) -> str:
        return self._value(match[place["name"]])

    def _value(self, text: str) -> str:
        """Return what stands in a place in the language, where it is words that are known."""
        known = self._whole.get(text)
        found = known or (self._look_up(text) if _WORDS.search(text) else self._matched(text))
        return text if found is None else found


@cache
def translator(language: str) -> Translator:
    """Return the translator into a language."""
    return Translator(language)


@cache
def load_sentences(language: str) -> tuple[Sentence, ...]:
    """Return the sentences of a language in the order of their files; a CatalogError if one is wrong or there twice."""
    result: dict[str, Sentence] = {}
    for sentence in _read(language) if language != "en" else ():
        where = f"{sentence.address}, {sentence.english[:60]!r}"
        if places_of(sentence.english) != places_of(sentence.other):
            raise CatalogError("its places differ in the two languages", where=where)
        if sentence.english in result:
            raise CatalogError(f"stands in {result[sentence.english].address} already", where=where)
        result[sentence.english] = sentence
    return tuple(result.values())


def places_of(text: str) -> set[str]:
    """Return the names of a sentence's places."""
    return {place["name"] for place in PLACE.finditer(text)}


def _read(language: str) -> Iterator[Sentence]:
    for file in sorted((ENTRIES / "texts" / language).glob("*.yaml")):
        path = f"texts/{language}/{file.stem}"
        for english, other in load_document(dict[str, str], path).items():
            yield Sentence(" ".join(english.split()), " ".join(other.split()), f"catalog/{path}.yaml")
