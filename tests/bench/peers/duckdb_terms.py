"""Reading and writing the duckdb peers share."""

import duckdb


def lines(path: str) -> str:
    """Scan a file's lines; lines that are not UTF-8 are left out."""
    return (
        f"read_csv('{path}', columns={{'line': 'VARCHAR'}}, header=false, auto_detect=false, delim='\x01', quote='', escape='', "
        "strict_mode=false, null_padding=false, ignore_errors=true)"
    )


def write(query: str, path: str) -> None:
    """Write a query's rows to Parquet."""
    duckdb.execute("SET preserve_insertion_order = false")
    duckdb.execute("SET enable_progress_bar = false")
    duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
