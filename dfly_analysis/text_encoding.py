"""In what the text of an input is encoded."""

import codecs

_UTF16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def encoding_of(head: bytes) -> str:
    """Return in what a text is encoded: UTF-16, as PowerShell and Excel write it, with or without a byte order mark, or UTF-8."""
    for mark, name in _UTF16:
        if head.startswith(mark):
            return name
    even, odd = head[:512:2].count(0), head[1:512:2].count(0)
    half = min(len(head), 512) // 2
    if half >= 4 and max(even, odd) > 0.8 * half and min(even, odd) < 0.1 * half:
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"
