"""Expressions and readers the polars peers share."""

import polars as pl


def lines(path: str) -> pl.LazyFrame:
    """Scan a file's lines; scan_lines would refuse a file with one byte that is not UTF-8."""
    return pl.scan_csv(
        path,
        has_header=False,
        schema={"line": pl.String},
        separator="\x01",
        quote_char=None,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    )


def after(text: pl.Expr, literal: str) -> pl.Expr:
    """Take what follows the first such literal, null where there is none."""
    return text.str.splitn(literal, 2).struct[1]


def before(text: pl.Expr, literal: str) -> pl.Expr:
    """Take what precedes the first such literal."""
    return text.str.splitn(literal, 2).struct[0]


def signature(message: pl.Expr, signatures: dict[str, str]) -> pl.Expr:
    """Name the first known literal in a message."""
    named = pl.lit(None, pl.String)
    for name, literal in reversed(signatures.items()):
        named = pl.when(message.str.contains(literal, literal=True)).then(pl.lit(name)).otherwise(named)
    return named


def write(frame: pl.LazyFrame, path: str) -> None:
    """Stream a frame to Parquet."""
    frame.sink_parquet(path, compression="zstd", compression_level=1)
