"""Names of files: printable whatever they are, and in natural order, the files of a rotated set oldest first."""

import re

NAME_CAP = 1024
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")
_REPLACEMENT = "\ufffd"
Key = tuple[object, ...]

_PACKED = re.compile(r"\.(?:gz|zst|zstd|xz|bz2)$", re.IGNORECASE)
_DIGITS = re.compile(r"([0-9]+)")
_NUMBER = re.compile(r"\.(?P<number>[0-9]{1,5})$")
_LETTER = re.compile("[A-Za-z]")
_DATED = re.compile(
    r"^(?P<family>.*[^.-])[.-](?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T_-][0-9]{2}(?:[-:.]?[0-9]{2}){0,2}(?:\.[0-9]{1,9})?)?"
    r"|[0-9]{8}(?:[-_T]?[0-9]{2,6})?|1[0-9]{9})(?P<tail>\.[A-Za-z][A-Za-z_]*)?$"
)
_DATE_RANK, _NUMBER_RANK, _CURRENT_RANK = 0, 1, 2


def natural_key(text: str) -> Key:
    """Return a key that sorts numbers within texts by their value; different texts have different keys."""
    pieces = _DIGITS.split(text)
    shape = tuple(
        (0, len(piece.lstrip("0")), piece.lstrip("0")) if index % 2 else (1, 0, piece)
        for index, piece in enumerate(pieces)
        if piece
    )
    return (shape, text)


def reading_key(name: str) -> Key:
    """Return a key that keeps the files of a rotated set together: the oldest first, the one in use last.

    Rotated files have a number behind the name (``dfdaemon.log.2.gz``), or a date behind or within it (``dfdaemon.2025-03-04-05``,
    ``dfdaemon.log-20250304``, ``core-2025-03-04T05-06-07.123.log``, ``0.log.20250304-050607.gz``).
    """
    bare = _PACKED.sub("", name)
    if (numbered := _NUMBER.search(bare)) and _LETTER.search(bare, bare.rfind(".", 0, numbered.start()) + 1, numbered.start()):  # fmt: skip
        return (*natural_key(bare[: numbered.start()]), _NUMBER_RANK, "", -int(numbered["number"]), name)
    if dated := _DATED.match(bare):
        stamp = "".join(_DIGITS.findall(dated["stamp"]))
        return (*natural_key(dated["family"] + (dated["tail"] or "")), _DATE_RANK, stamp, 0, name)
    return (*natural_key(bare), _CURRENT_RANK, "", 0, name)


def path_key(parts: tuple[str, ...]) -> tuple[Key, ...]:
    """Return a key for a path within a folder: folders in natural order, files as `reading_key` says."""
    *folders, name = parts
    return (*((*natural_key(folder), _CURRENT_RANK, "", 0, folder) for folder in folders), reading_key(name))


def clean(name: str) -> str:
    """Return a name without control characters, bidirectional marks and undecodable bytes."""
    name = _UNPRINTABLE.sub(_REPLACEMENT, name)
    half = NAME_CAP // 2
    return name if len(name) <= NAME_CAP else f"{name[: half - 1]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"
