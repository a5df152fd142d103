"""Resolves settings: binary default, chart, the user's values, rendered files, each layer over the one before."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from dfly_analysis.catalog.defaults import chart_run, defaults_of
from dfly_analysis.catalog.piece_length_rules import PARENT_CONCURRENCY, concurrency_key, piece_length_rule
from dfly_analysis.catalog.releases import (
    Line,
    charts_of_images,
    images_of,
    is_known,
    known_release,
    line_of_role,
    parse_version,
    release_note,
    releases,
)
from dfly_analysis.config.helm_values import UserValues, read_values
from dfly_analysis.config.rendered_manifests import RenderedFile
from dfly_analysis.config.setting import (
    CLIENT_ROLES,
    KEYS_THAT_MATTER,
    PIECE_LENGTH,
    Setting,
    helm_path_of,
    is_chart_only,
)
from dfly_analysis.errors import FactMissingError, SettingsError, suggest_similar
from dfly_analysis.messages import Message, message
from dfly_analysis.schema import ROLES

if TYPE_CHECKING:
    import pandas as pd

_NO_VERSIONS: Mapping[str, str | None] = dict.fromkeys(ROLES)


@dataclass(frozen=True)
class Settings:
    """Settings in force, by role and host."""

    chart: str | None = None
    """Release of the Helm chart."""
    versions: Mapping[str, str | None] = field(default_factory=lambda: dict(_NO_VERSIONS), hash=False)
    """Release of each role's component."""
    user: UserValues = field(default_factory=UserValues)
    rendered: tuple[RenderedFile, ...] = ()
    """Files in force on hosts; there, neither chart nor values count, only the file and the binary's defaults."""
    rendered_elsewhere: tuple[RenderedFile, ...] = ()
    """Files of other runs in the input: they count for their own hosts alone."""
    given: frozenset[str] = frozenset()
    """Roles whose release the user named, by argument or image tag."""
    observed: frozenset[str] = frozenset()
    """Roles whose release the input itself names, as a log does."""

    @classmethod
    def resolve(
        cls,
        values: UserValues | str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        chart: str | None = None,
        client: str | None = None,
        scheduler: str | None = None,
        manager: str | None = None,
    ) -> Settings:
        """Resolve settings from Helm values and releases.

        Parameters
        ----------
        values : path, mapping, UserValues or None
            Helm values; a SettingsError if they cannot be used.
        chart : str, optional
            Release of the chart, ``1.7.4``: its defaults override the binary's, its images name the versions.
        client, scheduler, manager : str, optional
            Releases, ``v1.4.0``, ``v2.5.1``; they override image tags in the values, and those override the chart's.
            A FactMissingError if one does not exist.
        """
        user = read_values(values)
        number = chart.strip().removeprefix("dragonfly-").removeprefix("chart-").removeprefix("v") if chart else None
        given = {"client": client, "seedClient": client, "scheduler": scheduler, "manager": manager}
        shipped = images_of(number) if number else _NO_VERSIONS
        named = {role: _written(given[role]) or _tag(user, role) for role in ROLES}
        versions = {role: named[role] or shipped[role] for role in ROLES}
        return cls(number, versions, user, given=frozenset(role for role in ROLES if named[role]))

    def assumed(self, role: str) -> Message | None:
        """Return why a role's release is only assumed to be that of a chart: the chart is not known, or the image tag of the values names no release; None where neither is so."""
        own = images_of(self.chart).get(role) if self.chart is not None else None
        if role in self.given | self.observed or own != self.versions.get(role):
            return None
        tag = self.user.entries.get(f"{role}.image.tag")
        if tag is not None and str(tag) not in (own, ""):
            return message("the image tag {tag} names no release of the {role}", tag=tag, role=role)
        if own is None or self.chart is None or is_known("chart", self.chart):
            return None
        return message(
            "which {role} chart {chart} ships is not known to this version of dfly-analysis",
            role=role,
            chart=self.chart,
        )

    def release_text(self, role: str) -> str:
        """Return a role's release as text, with the nearest known one where it is not known, and what it is assumed from; empty where there is none."""
        version = self.versions.get(role)
        if version is None:
            return ""
        if (reason := self.assumed(role)) is None:
            return as_known(line_of_role(role), version)
        chart = known_release("chart", self.chart or "")
        return message("{version} (of chart {chart}: {reason})", version=version, chart=chart, reason=reason)

    def release_note(self, role: str) -> Message | None:
        """Return the note that a client's release is not known, and which one counts instead; None where it is known."""
        version, reason = self.versions.get(role), self.assumed(role)
        if version is None or reason is None:
            return release_note(version)
        return message(
            "{reason}: defaults, piece lengths and retries are those of client {version}",
            reason=reason,
            version=version,
        )

    @property
    def charts(self) -> tuple[str, ...]:
        """Charts that may be installed: the one named, or those that ship the releases that go with Helm values."""
        return self._charts[0]

    @property
    def chart_source(self) -> str:
        """Those charts in words, and why it is they."""
        return self._charts[1]

    @cached_property
    def _charts(self) -> tuple[tuple[str, ...], str]:
        return _possible_charts(self.chart, self.versions, self.user)

    def with_values(self, values: UserValues) -> Settings:
        """Return settings with these Helm values, and the releases that their image tags name where the user named none."""
        tags = {role: None if role in self.given else _tag(values, role) for role in ROLES}
        versions = {role: tags[role] or self.versions.get(role) for role in ROLES}
        return replace(self, user=values, versions=versions, given=self.given | {role for role in ROLES if tags[role]})

    def with_rendered(self, files: Iterable[RenderedFile]) -> Settings:
        """Return settings that also know these files, in the order of their addresses."""
        joined = {(file.path, file.role): file for file in (*self.rendered, *files)}
        return replace(self, rendered=tuple(joined[place] for place in sorted(joined)))

    def with_upgrade(self, values: UserValues) -> Settings:
        """Return settings after Helm values are applied over what is in force, on every host, as ``helm upgrade --reuse-values -f`` does."""
        changed = tuple(_upgraded(file, values) for file in self.rendered)
        elsewhere = tuple(_upgraded(file, values) for file in self.rendered_elsewhere)
        joined = replace(values, entries={**self.user.entries, **values.entries})
        return replace(self.with_values(joined), rendered=changed, rendered_elsewhere=elsewhere)

    def with_versions(
        self, client: str | None = None, scheduler: str | None = None, manager: str | None = None
    ) -> Settings:
        """Return settings with releases seen in the input, where the user named none; they override the chart's images."""
        found = {"client": client, "seedClient": client, "scheduler": scheduler, "manager": manager}
        named = {role: None if role in self.given else _written(found[role]) for role in ROLES}
        versions = {role: named[role] or self.versions.get(role) for role in ROLES}
        return replace(self, versions=versions, observed=self.observed | {role for role in ROLES if named[role]})

    def get(self, key: str, role: str, host: str | None = None) -> Setting:
        """Return the value in force.

        Parameters
        ----------
        key : str
            ``download.pieceTimeout``; any name the setting ever had.
        role : {"client", "seedClient", "scheduler", "manager"}
            A SettingsError for any other.
        host : str, optional
            Host whose rendered file counts; default: the most common value of the role's files.

        Returns
        -------
        Setting
            If nothing is known: layer ``unknown``, value None, and the reason as source.
        """
        layers = self.chain(key, role, host)
        if layers:
            return layers[-1]
        bare = _bare(key, role)
        version = self.versions.get(role)
        if is_chart_only(bare):
            source = message("neither a chart nor the values set it")
        elif version is None:
            source = message("unknown release of the {role}, and nothing sets it", role=role)
        elif defaults_of(role, bare) is None:
            source = message("unknown key, and nothing sets it")
        elif self.assumed(role) is not None or not is_known(line_of_role(role), version):
            text = self.release_text(role)
            source = message("{role} {version} is not known to read this key", role=role, version=text)
        else:
            source = message("{role} {version} does not read this key", role=role, version=version)
        return Setting(bare, role, host, None, "unknown", source, helm_path_of(role, bare))

    def chain(self, key: str, role: str, host: str | None = None) -> tuple[Setting, ...]:
        """Return the value of each layer that sets a key, lowest first; the last is in force.

        With a host's rendered file, chart and values do not count: what the file leaves out is the binary's default.
        """
        if role not in ROLES:
            if role in ("", "unknown"):
                return ()
            hint = suggest_similar(role, ROLES) or f"use one of {', '.join(ROLES)}"
            raise SettingsError(f"unknown role {role!r}", hint=hint)
        bare = _bare(key, role)
        if bare == PIECE_LENGTH:
            return self._piece_length(role, host)
        names = _names(bare, role, self.versions.get(role))
        binary = self._binary(names, role, host)
        in_force = None if is_chart_only(bare) else self._from_files(names, role, host)
        if in_force is not None:
            file, top = in_force
            if top is None and binary:
                source = message("{source}; {file} does not set it", source=binary[0].source, file=file.path)
                return (replace(binary[0], source=source),)
            return (*binary, *([top] if top else []))
        return (*binary, *self._chart(names, role, host), *self._user(names, role, host))

    def pieces_in_flight(self, role: str, host: str | None = None, origin: str = "source") -> Setting:
        """Return the setting that limits the concurrent pieces of a layer from the ``source`` or a ``parent``, by the role's release.

        Where the release is not known, the newest key that anything sets.
        """
        version = self.versions.get(role)
        found = self.get(concurrency_key(version, origin), role, host)
        unset = version is None and found.value is None and found.key != PARENT_CONCURRENCY
        return self.get(PARENT_CONCURRENCY, role, host) if unset else found

    def rendered_file(self, path: str) -> RenderedFile | None:
        """Return the rendered file of an address, or None."""
        return self._files.by_path.get(path)

    def table(self, keys: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the values of keys (default: `KEYS_THAT_MATTER`) as a table: role, host, key, value, layer, source.

        One row for each role that has the key, with host None, or one for each host if hosts differ.
        """
        import pandas as pd

        wanted = tuple(keys) if keys is not None else KEYS_THAT_MATTER
        listed = [item for role in ROLES for key in wanted if _belongs(key, role) for item in self._per_host(key, role)]
        columns = ["role", "host", "key", "value", "layer", "source"]
        return pd.DataFrame(
            [[getattr(item, name) for name in columns] for item in listed], columns=columns, dtype=object
        )

    def _per_host(self, key: str, role: str) -> list[Setting]:
        """Return what is in force on each host where hosts differ, else once for the role."""
        names = _names(_bare(key, role), role, self.versions.get(role))
        if not self._files.choose(names, role, None)[1]:
            each = [self.get(key, role, host) for host in self._files.hosts(role)]
            if len({repr(item.value) for item in each}) > 1:
                return each
        return [self.get(key, role)]

    def _binary(self, names: tuple[str, ...], role: str, host: str | None) -> tuple[Setting, ...]:
        version = self.versions.get(role)
        for name in names:
            found = defaults_of(role, name)
            era = found.at(version) if found and version else None
            if found and era and version:
                component = "client" if role in CLIENT_ROLES else role
                source = message("{component} {version} (binary)", component=component, version=self.release_text(role))
                return (Setting(name, role, host, era.default, "binary", source, found.helm_path),)
        return ()

    def _chart(self, names: tuple[str, ...], role: str, host: str | None) -> tuple[Setting, ...]:
        for name in names if self.charts else ():
            path = helm_path_of(role, name)
            runs = [chart_run(path, chart) for chart in self.charts]
            if path is None or not any(runs) or self.user.removes(path):
                continue
            values = list(dict.fromkeys(run.value if run else None for run in runs))
            if len(values) == 1:
                return (Setting(name, role, host, values[0], "chart", self.chart_source, path),)
            source = message("{source} set different values; name yours with --chart", source=self.chart_source)
            return (Setting(name, role, host, None, "unknown", source, path),)
        return ()

    def _user(self, names: tuple[str, ...], role: str, host: str | None) -> tuple[Setting, ...]:
        for name in names:
            path = helm_path_of(role, name)
            if path and self.user.entries.get(path) is not None:
                return (Setting(name, role, host, self.user.entries[path], "user", self.user.place(path), path),)
        return ()

    @cached_property
    def _files(self) -> _RenderedFiles:
        return _RenderedFiles(self.rendered, self.rendered_elsewhere)

    def _from_files(
        self, names: tuple[str, ...], role: str, host: str | None
    ) -> tuple[RenderedFile, Setting | None] | None:
        """Return the file that counts and what it sets, or None where no file counts."""
        file, agree, is_own = self._files.choose(names, role, host)
        if file is None or not (host is None or is_own or agree):
            return None
        found = file.first(names)
        if found is None:
            return file, None
        source = message("{file} (hosts differ)", file=file.path) if host is None and not agree else file.path
        return file, Setting(found[0], role, host, found[1], "rendered", source, helm_path_of(role, found[0]))

    def _piece_length(self, role: str, host: str | None) -> tuple[Setting, ...]:
        version = self.versions.get(role)
        if role not in CLIENT_ROLES or version is None:
            return ()
        source = message("{component} {version} (binary)", component="client", version=self.release_text(role))
        return (Setting(PIECE_LENGTH, role, host, piece_length_rule(version), "binary", source),)


def _upgraded(file: RenderedFile, values: UserValues) -> RenderedFile:
    """Return a file with what Helm values set for its role, whatever the keys are called in it."""
    changed = dict(file.values)
    for path, value in values.entries.items():
        role, _, key = path.partition(".config.")
        if role == file.role and key:
            found = defaults_of(role, key)
            for name in found.spellings if found else ():
                changed.pop(name, None)
            changed[key] = value
    return replace(file, values=changed)


class _RenderedFiles:
    """Rendered files by role and host, so that a look-up does not go through all files of a fleet."""

    def __init__(self, files: Iterable[RenderedFile], elsewhere: Iterable[RenderedFile] = ()) -> None:
        own = {file.path: file for file in files}
        self.by_path = {**{file.path: file for file in elsewhere}, **own}
        self._of_role: dict[str, list[RenderedFile]] = {}
        self._of_host: dict[tuple[str, str], list[RenderedFile]] = {}
        self._chosen: dict[tuple[tuple[str, ...], str, str | None], tuple[RenderedFile | None, bool]] = {}
        for file in self.by_path.values():
            if file.path in own:
                self._of_role.setdefault(file.role, []).append(file)
            if file.host:
                self._of_host.setdefault((file.role, file.host), []).append(file)

    def hosts(self, role: str) -> Iterator[str]:
        """Yield the hosts that a role has files of."""
        return (host for known, host in self._of_host if known == role)

    def choose(self, names: tuple[str, ...], role: str, host: str | None) -> tuple[RenderedFile | None, bool, bool]:
        """Return a file with the most common value under these names, whether all agree, and whether the host has files of its own. Without files of the host, those of the role count."""
        own = self._of_host.get((role, host)) if host else None
        place = names, role, host if own else None
        if place not in self._chosen:
            files = own or self._of_role.get(role, [])
            values = [repr(file.first(names)) for file in files]
            common = Counter(values).most_common()
            file = files[values.index(common[0][0])] if common else None
            self._chosen[place] = file, len(common) < 2
        return *self._chosen[place], bool(own)


@lru_cache(maxsize=1024)
def _names(key: str, role: str, version: str | None) -> tuple[str, ...]:
    """Return the spellings of a key that a release reads, newest first."""
    found = defaults_of(role, key)
    known = {name: defaults_of(role, name) for name in (found.spellings if found else (key,))}
    return tuple(name for name, item in known.items() if item is None or not item.eras or item.is_read(version))


def _bare(key: str, role: str) -> str:
    return key.removeprefix(f"{role}.config.")


def _belongs(key: str, role: str) -> bool:
    if key == PIECE_LENGTH:
        return role in CLIENT_ROLES
    found = defaults_of(role, key)
    # A key that the newest releases dropped altogether is no row of its own.
    return found is not None and (not found.eras or found.eras[-1].until == releases(found.line)[-1])


def _possible_charts(
    named: str | None, versions: Mapping[str, str | None], user: UserValues
) -> tuple[tuple[str, ...], str]:
    """Return the chart named, or for Helm values those that ship the client of these versions, else the nearest; and the same in words."""
    if named is not None:
        return (named,), message("chart {version}", version=as_known("chart", named))
    images = {role: version for role in (*CLIENT_ROLES, "scheduler") if (version := versions.get(role))}
    clients = {role: version for role, version in images.items() if role in CLIENT_ROLES}
    if not user.is_chart_values or not clients:
        return (), ""
    found, shipped = charts_of_images(images)
    if not shipped:
        found, shipped = charts_of_images(clients)
    if not found:
        return (), ""
    span = found[0] if len(found) == 1 else message("{first} to {last}", first=found[0], last=found[-1])
    values = {"charts": span, "version": next(iter(clients.values()))}
    if shipped:
        return found, message("chart {charts}, which ships client {version}", **values)
    if not is_known("client", values["version"]):
        return found, message("chart {charts}, nearest to client {version}, which no known chart ships", **values)
    return found, message("chart {charts}, nearest to client {version}, which no chart ships", **values)


def _written(version: str | None) -> str | None:
    if version is None:
        return None
    parse_version(version)
    return version.strip() if version.strip().startswith("v") else f"v{version.strip()}"


def _tag(user: UserValues, role: str) -> str | None:
    tag = user.entries.get(f"{role}.image.tag")
    try:
        written = _written(str(tag)) if tag is not None else None
    except FactMissingError:
        return None
    # Older than every release, it is a tag of someone's own.
    line = line_of_role(role)
    return written if written and known_release(line, written) else None


def as_known(line: Line, version: str) -> str:
    """Return a release as text, with the nearest known one that it is read as where it is not known."""
    known = known_release(line, version)
    if known is None or parse_version(known) == parse_version(version):
        return version
    return message("{version} (read as {known}, the newest known before it)", version=version, known=known)
