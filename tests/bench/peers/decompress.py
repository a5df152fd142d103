"""A decompressor alone: read a .gz (isal) or a .zst to its end, keep nothing.

python decompress.py IN OUT
"""

import sys

if sys.argv[1].endswith(".gz"):
    from isal import igzip as reader
else:
    from backports import zstd as reader

with reader.open(sys.argv[1], "rb") as file:
    while file.read(1 << 20):
        pass
