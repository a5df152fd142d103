"""The stages of reconstruction as DuckDB's SQL, a script each in the folder `sql`."""

from functools import cache
from pathlib import Path
from string import Template

from dfly_analysis.reconstruction import event_records


@cache
def read_script(name: str) -> str:
    """Return the text of a script as it is written."""
    return Path(__file__).with_name("sql").joinpath(f"{name}.sql").read_text("utf-8")


def sql(name: str, **values: object) -> str:
    """Return a script with a constant of `event_records`, or a value given, for each ``$NAME``; several texts are a list in parentheses."""
    known = {name: value for name, value in vars(event_records).items() if name.isupper()} | values
    lists = {name: event_records.quoted(value) for name, value in known.items() if isinstance(value, tuple | frozenset)}
    return Template(read_script(name)).substitute(known | lists)
