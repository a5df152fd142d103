"""Opens writers of Parquet without the file systems that `pyarrow.parquet` loads, which takes longer than to write a small table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_USUAL = {"compression": "snappy", "use_dictionary": True, "write_statistics": True}
_OF_ARROW = {"version": "2.6", "data_page_version": "1.0", "writer_engine_version": "V2"}
"""What `pyarrow.parquet.ParquetWriter` says where it is not told."""


def open_writer(target: Path | BinaryIO, schema: pa.Schema, **options: Any) -> pq.ParquetWriter:
    """Return a writer of a local file, for whole tables of that schema; to be closed.

    Parameters
    ----------
    target : Path or file
    schema : pyarrow.Schema
    options : object
        As `pyarrow.parquet.ParquetWriter` takes them.

    Returns
    -------
    pyarrow.parquet.ParquetWriter
        What that class itself hands tables to, where this Arrow has it so; else one of that class.
    """
    options = _USUAL | options
    try:
        from pyarrow._parquet import ParquetWriter

        return ParquetWriter(target, schema, **_OF_ARROW, **options)
    except (ImportError, TypeError, ValueError):  # another Arrow than those known
        from pyarrow.parquet import ParquetWriter

        return ParquetWriter(target, schema, **options)
