"""Releases of Dragonfly: how they are written, ordered and numbered, and which images a chart ships."""

import bisect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Literal, NamedTuple, TypeVar

from dfly_analysis.catalog.yaml_loader import load_document, load_entries, record
from dfly_analysis.errors import FactMissingError, suggest_similar
from dfly_analysis.messages import Message, message

Line = Literal["client", "server", "chart"]
LINE_TITLES: Mapping[Line, str] = {"client": "client", "server": "manager and scheduler", "chart": "chart"}
_VERSION = re.compile(r"(?:dragonfly-|chart-)?v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+\S+|@sha256:\w+)?")
_PRERELEASES = ("alpha", "beta", "rc", "pre", "dev")
_HINT = "write it like v0.1.118 (client), v2.5.1 (manager and scheduler) or 1.7.4 (chart); of a build without a number, name the release it was made from"


@dataclass(frozen=True, order=True)
class Version:
    """A release; `stage` sorts pre-releases before it."""

    release: tuple[int, int, int]
    stage: tuple[tuple[int, int, str], ...] = ((2, 0, ""),)

    @property
    def is_prerelease(self) -> bool:
        """Whether it came before its release, as ``-rc.1`` does; any other suffix is that of a fork."""
        return any(text.startswith(_PRERELEASES) for _, _, text in self.stage if text)

    def __str__(self) -> str:
        """Return major.minor.patch, without ``v`` and without the stage."""
        return ".".join(map(str, self.release))


@cache
def parse_version(text: str) -> Version:
    """Return a release: ``v0.1.118``, ``1.7.4``, ``chart-1.7.4``, ``v2.0.7-beta.5``, ``v1.0.0@sha256:…``; else a FactMissingError."""
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise FactMissingError(f"{text!r} is not a release", hint=_HINT)
    release = (int(match[1]), int(match[2]), int(match[3]))
    if not match[4]:
        return Version(release)
    parts = re.split(r"[.-]", match[4])
    return Version(release, tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts))


def is_release(text: str) -> bool:
    """Return whether a text is a release."""
    return _VERSION.fullmatch(text.strip()) is not None


@record
class Span:
    """Releases for which an entry holds, both ends included; without `until` to the newest known."""

    since: str
    until: str = field(default="", kw_only=True)


S = TypeVar("S", bound=Span)


class Tag(NamedTuple):
    """A tagged release and its day, ISO."""

    version: str
    date: str


class Chart(NamedTuple):
    """One release of the Helm chart, without ``v``, its day, and the tag of each image; None where the chart ships none."""

    version: str
    date: str
    manager: str | None
    scheduler: str | None
    client: str | None
    seed_client: str | None

    @property
    def images(self) -> Mapping[str, str | None]:
        """Return the tag of the image per role."""
        return {role: self[2 + place] for place, role in enumerate(("manager", "scheduler", "client", "seedClient"))}


@record
class Releases:
    """All known releases of each numbering line, oldest first."""

    chart: tuple[Chart, ...]
    client: tuple[Tag, ...]
    server: tuple[Tag, ...]


_releases = cache(partial(load_document, Releases, "rules/releases"))


def charts() -> tuple[Chart, ...]:
    """Return all known charts, oldest first."""
    return _releases().chart


@cache
def releases(line: Line) -> tuple[str, ...]:
    """Return the known releases of a numbering line, oldest first, as they are written there."""
    tags: tuple[Chart | Tag, ...] = getattr(_releases(), line)
    return tuple(one.version for one in tags)


@record
class KnownLine:
    """What is known of a numbering line: its first and newest release with their days, and how many there are."""

    line: str
    first: str
    first_date: str
    newest: str
    newest_date: str
    releases: int


def known_lines() -> tuple[KnownLine, ...]:
    """Return what is known of each numbering line: client, manager and scheduler, chart."""
    lines: Mapping[str, tuple[Tag | Chart, ...]] = {
        title: getattr(_releases(), line) for line, title in LINE_TITLES.items()
    }
    return tuple(KnownLine(title, *tags[0][:2], *tags[-1][:2], len(tags)) for title, tags in lines.items())


@cache
def known_release(line: Line, version: str) -> str | None:
    """Return the nearest known release: the newest not newer than this one, of a fork the one it is of; None if all known ones are newer."""
    known, parsed = releases(line), parse_version(version)
    wanted = parsed if parsed.is_prerelease else Version(parsed.release)
    place = bisect.bisect_right(_ordered(line), wanted)
    return known[place - 1] if place else None


def is_known(line: Line, version: str) -> bool:
    """Return whether a release is one of those known; newer ones and forks are not."""
    return parse_version(version) in _ordered(line)


@cache
def _ordered(line: Line) -> tuple[Version, ...]:
    return tuple(map(parse_version, releases(line)))


def release_note(version: str | None) -> Message | None:
    """Return the note that the client's release is not known, and which one counts instead; None where it is known."""
    if version is None:
        assumed = releases("client")[-1]
        return message(
            "the client's release is not known, {release} is assumed (set --client or --chart)", release=assumed
        )
    known = known_release("client", version)
    if known is None or is_known("client", version):
        return None
    return message(
        "client {version} is not known to this version of dfly-analysis: defaults, piece lengths and retries are those of {known}, the nearest known release",
        version=version, known=known,
    )  # fmt: skip


def within(version: str, since: str, until: str) -> bool:
    """Return whether a release lies in a span, both ends included or `until` empty; a pre-release counts as its release."""
    at = parse_version(version).release
    return parse_version(since).release <= at and (not until or at <= parse_version(until).release)


def entry_at(entries: Iterable[S], version: str) -> S | None:
    """Return the entry whose span has a release, or None."""
    return next((entry for entry in entries if within(version, entry.since, entry.until)), None)


def images_of(chart_version: str) -> dict[str, str | None]:
    """Return the image tag per role that a chart ships, None if it ships none; a newer chart is read as the newest known."""
    known = known_release("chart", chart_version)
    if known is None:
        hint = f"charts are known from {releases('chart')[0]} to {releases('chart')[-1]}"
        raise FactMissingError(f"unknown chart {chart_version}", hint=hint)
    return dict(next(chart for chart in charts() if chart.version == known).images)


def chart_with(role: str, version: str) -> str | None:
    """Return the latest chart that ships a release of a role, or None."""
    wanted = parse_version(version)
    shipped = ((chart.version, chart.images[role]) for chart in reversed(charts()))
    return next((chart for chart, tag in shipped if tag and parse_version(tag) == wanted), None)


def charts_of_images(images: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    """Return the charts that ship these releases by role, oldest first, and whether they do; where none does (the tag was changed), those next to them."""
    wanted = {role: parse_version(version) for role, version in images.items()}
    tags = ((one.version, {role: one.images[role] for role in wanted}) for one in charts())
    exact = [chart for chart, own in tags if {role: tag and parse_version(tag) for role, tag in own.items()} == wanted]
    if exact:
        return tuple(exact), True
    role, version = next(iter(images.items()), ("", ""))
    shipped = [(parse_version(tag), one.version) for one in charts() if role and (tag := one.images[role])]
    older = [tag for tag, _ in shipped if tag <= parse_version(version)]
    newer = [tag for tag, _ in shipped if tag > parse_version(version)]
    near = {max(older, default=None), min(newer, default=None)}
    return tuple(chart for tag, chart in shipped if tag in near), False


@record
class ReleaseChange:
    """A change for large preheats that no default shows, of meaning or behaviour, from a release on."""

    line: Line
    release: str
    key: str
    text: str
    source: str


def changes_after(line: Line, older: str, newer: str) -> tuple[ReleaseChange, ...]:
    """Return the changes of a line after one release up to another, that one included, oldest first."""
    low, high = parse_version(older).release, parse_version(newer).release
    known = (one for one in load_entries(ReleaseChange, "rules/release_changes") if one.line == line)
    return tuple(one for one in known if low < parse_version(one.release).release <= high)


def line_of(text: str) -> tuple[Line, str, str]:
    """Return the numbering line of a release, the release as that line writes it, and what was assumed: ``v0.x`` and ``v1.x`` are clients, ``2.x`` services, ``1.7.4`` charts."""
    parsed = parse_version(text)
    number = text.strip().removeprefix("dragonfly-").removeprefix("chart-").removeprefix("v")
    if text.strip().startswith(("chart-", "dragonfly-")):
        return "chart", number, f"chart {number}"
    if parsed.release[0] >= 2:
        return "server", f"v{number}", f"v{number} taken as a release of manager and scheduler"
    if text.strip().startswith("v"):
        return "client", text.strip(), f"{text.strip()} taken as a release of the client"
    if number not in releases("chart") and f"v{number}" in releases("client"):
        return "client", f"v{number}", f"{number} taken as a release of the client: no such chart"
    return "chart", number, f"{number} taken as a release of the chart; a client is written v{number}"


def line_of_role(role: str) -> Line:
    """Return the numbering line of a role's releases."""
    return "client" if role in ("client", "seedClient") else "server"


def require_known(line: Line, version: str) -> str:
    """Return `known_release`, or raise a FactMissingError if every known release is newer."""
    known = known_release(line, version)
    if known is None:
        span = f"{LINE_TITLES[line]}: {releases(line)[0]} to {releases(line)[-1]}"
        hint = f"{span}; {suggest_similar(version, releases(line))}".strip("; ")
        raise FactMissingError(f"unknown release {version}", hint=hint)
    return known
