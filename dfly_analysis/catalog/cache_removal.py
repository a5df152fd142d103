"""The commands that remove a task from the stores of clients, by release."""

from functools import cache

from dfly_analysis.catalog.releases import parse_version
from dfly_analysis.catalog.yaml_loader import load_document, record


@record
class _Removal:
    component: str
    since: str
    command: str
    until: str = ""


def removal_commands(task_id: str, *, client: str | None, manager: str | None) -> list[str]:
    """Return the commands that remove a task; of releases that are not known the newest.

    Examples
    --------
    >>> removal_commands("ab12", client="v1.5.1", manager="v2.1.0")
    ['dfctl task rm ab12']
    """
    releases = {"client": client, "manager": manager}
    found = {}
    for entry in _read():
        release = releases[entry.component]
        if release is None or _affects(entry, release):
            found[entry.component] = entry.command.replace("{task_id}", task_id)
    return list(found.values())


def _affects(entry: _Removal, release: str) -> bool:
    version = parse_version(release)
    return parse_version(entry.since) <= version and (not entry.until or version <= parse_version(entry.until))


@cache
def _read() -> tuple[_Removal, ...]:
    return load_document(tuple[_Removal, ...], "rules/cache_removal")
