"""The commands that remove a task from the stores of clients, by release."""

from dfly_analysis.catalog.releases import Span, within
from dfly_analysis.catalog.yaml_loader import load_document, record


@record
class _Removal(Span):
    component: str
    command: str


def removal_commands(task_id: str, *, client: str | None, manager: str | None) -> list[str]:
    """Return the commands that remove a task; of releases that are not known the newest."""
    releases = {"client": client, "manager": manager}
    found = {}
    for entry in load_document(tuple[_Removal, ...], "rules/cache_removal"):
        release = releases[entry.component]
        if release is None or within(release, entry.since, entry.until):
            found[entry.component] = entry.command.replace("{task_id}", task_id)
    return list(found.values())
