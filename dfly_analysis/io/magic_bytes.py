"""Recognises compressed files and archives by their first bytes."""

from __future__ import annotations

import re

RECORD_BYTES = 512
"""Block size of a tar; what is decisive for any format lies within the first of them."""
COMPRESSED = {
    "gzip": rb"\x1f\x8b", "zstd": rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "xz": rb"\xfd7zXZ\x00", "bzip2": rb"BZh",
}  # fmt: skip
"""What compressed data begins with; zstd also with a skippable frame."""
UNSUPPORTED = {
    "a 7-Zip archive": rb"7z\xbc\xaf\x27\x1c", "a RAR archive": rb"Rar!\x1a\x07", "compressed with lz4": rb"\x04\x22\x4d\x18",
    "compressed with `compress`": rb"\x1f\x9d", "compressed with lzip": rb"LZIP\x01", "compressed with lzop": rb"\x89LZO\x00",
}  # fmt: skip
_KINDS = list(COMPRESSED | UNSUPPORTED | {"zip": rb"PK\x03\x04|PK\x05\x06"})
_MAGIC = re.compile(rb"|".join(b"(%b)" % magic for magic in (*COMPRESSED.values(), *UNSUPPORTED.values(), rb"PK\x03\x04|PK\x05\x06")))  # fmt: skip
_USTAR = slice(257, 262)
_CHECKSUM = slice(148, 156)
_BINARY_NUMBER = (b"\x80", b"\xff")


def packed_as(head: bytes) -> str | None:
    """Return how a stream is packed, None where it is plain.

    Parameters
    ----------
    head : bytes
        The first `RECORD_BYTES` of the stream.

    Returns
    -------
    str or None
        A key of `COMPRESSED` or `UNSUPPORTED`, ``zip`` or ``tar``.
    """
    found = _MAGIC.match(head)
    if found and found.lastindex:
        return _KINDS[found.lastindex - 1]
    return "tar" if _is_tar(head) else None


def _is_tar(head: bytes) -> bool:
    """Return whether a tar begins here: by its magic, or, in the oldest dialect, by the checksum of its header."""
    if head[_USTAR] == b"ustar":
        return True
    checksum = head[_CHECKSUM]
    is_number = checksum.startswith(_BINARY_NUMBER) or re.fullmatch(rb" *[0-7]+ *", checksum.split(b"\x00", 1)[0])
    if len(head) < RECORD_BYTES or not head[0] or not is_number:  # as nearly every log: tarfile is not even imported
        return False
    import tarfile

    try:
        member = tarfile.TarInfo.frombuf(head[:RECORD_BYTES], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return member.name.isprintable() and member.size >= 0
