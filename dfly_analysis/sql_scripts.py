"""SQL of DuckDB that is longer than the code around it: scripts in the folder `sql` of a package."""

from functools import cache
from pathlib import Path
from string import Template


@cache
def read_script(package: str, name: str) -> str:
    """Return the text of a script as it is written."""
    return Path(__file__).parent.joinpath(package, "sql", f"{name}.sql").read_text("utf-8")


def sql(package: str, name: str, **values: object) -> str:
    """Return a script with a value for each ``$NAME``; several texts are a list in parentheses."""
    lists = {key: text_list(value) for key, value in values.items() if isinstance(value, tuple | frozenset)}
    return Template(read_script(package, name)).substitute(values | lists)


def text_literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def text_list(texts: tuple[str, ...] | frozenset[str]) -> str:
    """Return texts as an SQL list in parentheses."""
    return f"({', '.join(map(text_literal, sorted(texts)))})"
