"""Sentences for people: English where they are made, another language where they are shown.

A `Message` is a `str` in English that still knows its msgid and values. It passes through findings, recommendations and JSON like
any text; `translate` looks its msgid up in the gettext catalogue of a language (``locale/<language>/LC_MESSAGES/messages.po``).
"""

from collections.abc import Iterable
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any, Self

LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("en", "zh")


class Message(str):
    """An English sentence that can be said in another language; see `message`, `plural` and `join`."""

    __slots__ = ("msgid", "n", "plural_msgid", "values")
    msgid: str
    plural_msgid: str | None
    n: int
    values: dict[str, Any]

    def __new__(cls, msgid: str, values: dict[str, Any], plural_msgid: str | None = None, n: int = 1) -> Self:
        """Make the message from its msgid, which has a place such as ``{name}`` for each value."""
        template = msgid if plural_msgid is None or n == 1 else plural_msgid
        result = super().__new__(cls, template.format_map(values) if values else template)
        result.msgid, result.values, result.plural_msgid, result.n = msgid, values, plural_msgid, n
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.msgid, self.values, self.plural_msgid, self.n)

    def in_language(self, language: str) -> str:
        """Return the message in a language."""
        catalogue = _catalogue(language)
        if self.plural_msgid is None:
            template = catalogue.gettext(self.msgid)
        else:
            template = catalogue.ngettext(self.msgid, self.plural_msgid, self.n)
        shown = {
            name: one if not isinstance(one, str) else translate(one, language) for name, one in self.values.items()
        }
        return template.format_map(shown) if shown else template


class _Joined(Message):
    """Messages one after the other."""

    __slots__ = ()

    def in_language(self, language: str) -> str:
        separator, parts = self.values["separator"], [translate(part, language) for part in self.values["parts"]]
        if language == "en":
            return str(separator.join(parts))
        # full-width punctuation is followed by no space
        result = ""
        for part in parts:
            between = translate(separator, language) if result else ""
            result += (between.lstrip() if result.endswith(("。", "；", "：", "，")) else between) + part
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        return join, (self.values["parts"], self.values["separator"])


def message(msgid: str, /, **values: Any) -> Message:
    """Return a sentence with its values, from a literal template in English, so that Babel finds it.

    >>> message("no piece of {n:,} took longer than {limit}", n=1200, limit="30 s")
    'no piece of 1,200 took longer than 30 s'
    """
    return Message(msgid, values)


def plural(singular: str, plural_msgid: str, n: int, /, **values: Any) -> Message:
    """Return the singular or the plural with its values; ``{n}`` is the number, with thousands separators: ``1,200 hosts``."""
    return Message(singular, {"n": f"{n:,}", **values}, plural_msgid, n)


def join(parts: Iterable[str], separator: str = " ") -> Message:
    """Return messages one after the other."""
    items = tuple(parts)
    result = str.__new__(_Joined, separator.join(items))
    result.msgid, result.plural_msgid, result.n = "", None, 1
    result.values = {"parts": items, "separator": separator}
    return result


def format_list(items: Iterable[str], limit: int = 4) -> Message:
    """Return names as a list in a sentence, at most `limit` of them: ``a, b and c``, ``a, b and 1 more``."""
    names = list(items)
    if len(names) > limit:
        return message("{names} and {n:,} more", names=join(names[:limit], ", "), n=len(names) - limit)
    if len(names) < 2:
        return join(names)
    return message("{names} and {last}", names=join(names[:-1], ", "), last=names[-1])


def translate(text: str, language: str) -> str:
    """Return a text in a language: a `Message` with its values, any other text where the catalogue has it, else as it is."""
    if language == "en" or not text:
        return str(text)
    return text.in_language(language) if isinstance(text, Message) else _catalogue(language).gettext(text)


def is_translated(text: str, language: str) -> bool:
    """Return whether the catalogue of a language has the text, or the message's msgid and those of its values."""
    if language == "en" or not text:
        return True
    if not isinstance(text, Message):
        return str(text) in _translated(language)
    inner = text.values["parts"] if isinstance(text, _Joined) else text.values.values()
    if not all(is_translated(value, language) for value in inner if isinstance(value, Message)):
        return False
    return not text.msgid or text.msgid in _translated(language)


def replace_in(text: str, old: str, new: str) -> str:
    """Return a text with a part replaced; in a message, in its values."""
    if not isinstance(text, Message):
        return text.replace(old, new)
    if isinstance(text, _Joined):
        return join([replace_in(part, old, new) for part in text.values["parts"]], text.values["separator"])
    kept = {name: replace_in(one, old, new) if isinstance(one, str) else one for name, one in text.values.items()}
    return Message(text.msgid, kept, text.plural_msgid, text.n)


@cache
def _translated(language: str) -> frozenset[str]:
    return frozenset(entry.msgid for entry in _entries(language) if entry.translated())


@cache
def _catalogue(language: str) -> NullTranslations:
    return NullTranslations() if language == "en" else GNUTranslations(BytesIO(_entries(language).to_binary()))


@cache
def _entries(language: str) -> Any:
    import polib

    return polib.pofile(str(LOCALE / language / "LC_MESSAGES" / "messages.po"))
