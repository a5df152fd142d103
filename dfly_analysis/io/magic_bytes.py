"""Tells by its first bytes whether a stream is packed, and how."""

from __future__ import annotations

import re

RECORD_BYTES = 512
"""Of a tar; no sign of a packed stream lies behind the first of them."""
MAGIC = {
    "gzip": rb"\x1f\x8b", "zstd": rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "xz": rb"\xfd7zXZ\x00", "bzip2": rb"BZh",
}  # fmt: skip
"""What matches the beginning of compressed bytes."""
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
UNREAD = {
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x04\x22\x4d\x18": "compressed with lz4",
    b"\x1f\x9d": "compressed with `compress`",
    b"LZIP\x01": "compressed with lzip",
    b"\x89LZO\x00": "compressed with lzop",
}
"""How what is not read begins."""
_COMPRESSED = b"|".join(MAGIC.values())
_TAR_AT = 257
_CHECKSUM_AT = slice(148, 156)
_BINARY = (b"\x80", b"\xff")
"""Begin a number of a tar that is not written in octal digits."""


def is_packed(head: bytes) -> bool:
    """Say whether something has to be unpacked; the first `RECORD_BYTES` of a stream tell."""
    return bool(re.match(_COMPRESSED, head)) or head.startswith((*ZIP, *UNREAD)) or is_tar(head)


def is_tar(head: bytes) -> bool:
    """Say whether a stream begins as a tar does: by its magic, or, older than that, by the checksum of its header."""
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return True
    if len(head) < RECORD_BYTES or not head[0] or not _may_be_checksum(head[_CHECKSUM_AT]):
        return False
    import tarfile

    try:
        member = tarfile.TarInfo.frombuf(head[:RECORD_BYTES], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return member.name.isprintable() and member.size >= 0


def _may_be_checksum(field: bytes) -> bool:
    """Say whether bytes are a number as tars have it, and not a piece of text as in nearly every log."""
    return field.startswith(_BINARY) or bool(re.fullmatch(rb" *[0-7]+ *", field.split(b"\x00", 1)[0]))
