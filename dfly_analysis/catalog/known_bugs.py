"""Bugs of releases that a later release fixes: which releases have them, and how they show."""

from functools import cache, partial

from dfly_analysis.catalog.releases import within
from dfly_analysis.catalog.yaml_loader import load_entries, record


@record
class KnownBug:
    """A bug of some releases of the client."""

    id: str
    title: str
    since: str
    until: str
    fixed_in: str
    """First and last release that have it, and the first without."""
    signatures: tuple[str, ...]  # a task that it failed shows one of these error signatures
    longer_than_s: float = 0.0  # only tasks that ran longer show it, seconds
    references: tuple[str, ...] = ()

    def affects(self, release: str) -> bool:
        """Return whether a release has it."""
        return within(release, self.since, self.until)


load_known_bugs = cache(partial(load_entries, KnownBug, "known_bugs"))  # all known bugs in the order of their files
