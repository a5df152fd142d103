"""In what the text of an input is encoded."""

import codecs

_UTF16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_CONTROLS = bytes(sorted(set(range(32)) - set(b"\t\n\r\x1b")))


def encoding_of(head: bytes) -> str:
    """Return in what a text is encoded: UTF-16, as PowerShell and Excel write it, with or without a byte order mark, or UTF-8."""
    for mark, name in _UTF16:
        if head.startswith(mark):
            return name
    start = head[: min(len(head), 512) // 2 * 2]
    for name, letters, zeros in (("utf-16-le", start[::2], start[1::2]), ("utf-16-be", start[1::2], start[::2])):
        if (
            len(letters) >= 4
            and zeros.count(0) > 0.8 * len(zeros)
            and len(letters.translate(None, _CONTROLS)) > 0.9 * len(letters)
        ):
            return name
    return "utf-8"
