"""Resolves settings: binary default, chart, the user's values, rendered files, each layer over the one before."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dfly_analysis.catalog.defaults import chart_run, defaults_of
from dfly_analysis.catalog.piece_length_rules import piece_length_rule
from dfly_analysis.catalog.releases import Line, images_of, known_release, parse_version, releases
from dfly_analysis.config.helm_values import UserValues, read_values
from dfly_analysis.config.ignored_keys import ignored_paths
from dfly_analysis.config.rendered_manifests import RenderedFile
from dfly_analysis.config.setting import (
    CLIENT_ROLES,
    KEYS_THAT_MATTER,
    PIECE_LENGTH,
    ROLES,
    Layer,
    Setting,
    helm_path_of,
    is_chart_only,
)
from dfly_analysis.errors import FactMissingError, SettingsError, suggest_similar

if TYPE_CHECKING:
    import pandas as pd

_NO_VERSIONS: Mapping[str, str | None] = dict.fromkeys(ROLES)


@dataclass(frozen=True)
class Settings:
    """What is set, per role and host.

    Attributes
    ----------
    chart : str or None
        Release of the Helm chart.
    versions : mapping of str to (str or None)
        Release of each role's component.
    user : UserValues
        The user's values.
    rendered : tuple of RenderedFile
        Files in force on hosts; on such a host neither chart nor values count, only the file and the binary's default.
    given : frozenset of str
        Roles whose release the user named, by argument or image tag.
    """

    chart: str | None = None
    versions: Mapping[str, str | None] = field(default_factory=lambda: dict(_NO_VERSIONS), hash=False)
    user: UserValues = field(default_factory=UserValues)
    rendered: tuple[RenderedFile, ...] = ()
    given: frozenset[str] = frozenset()

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
        """Resolve settings from what is known.

        Parameters
        ----------
        values : path, mapping, UserValues or None
            Helm values.
        chart : str, optional
            Release of the chart, ``1.7.4``: its defaults go over the binary's, its images name the versions.
        client, scheduler, manager : str, optional
            Releases, ``v1.4.0``, ``v2.5.1``; they go before image tags in the values, those before the chart's.

        Raises
        ------
        SettingsError
            Where the values cannot be used.
        FactMissingError
            Where a release is not one.
        """
        user = read_values(values)
        number = chart.strip().removeprefix("dragonfly-").removeprefix("chart-").removeprefix("v") if chart else None
        given = {"client": client, "seedClient": client, "scheduler": scheduler, "manager": manager}
        shipped = images_of(number) if number else _NO_VERSIONS
        named = {role: _written(given[role]) or _tag(user, role) for role in ROLES}
        versions = {role: named[role] or shipped[role] for role in ROLES}
        return cls(number, versions, user, given=frozenset(role for role in ROLES if named[role]))

    def with_rendered(self, files: Iterable[RenderedFile]) -> Settings:
        """Return settings that also know these files, in the order of their addresses."""
        joined = {file.path: file for file in (*self.rendered, *files)}
        return replace(self, rendered=tuple(joined[path] for path in sorted(joined)))

    def with_versions(
        self, client: str | None = None, scheduler: str | None = None, manager: str | None = None
    ) -> Settings:
        """Return settings with releases seen in the input, where the user named none.

        What was seen running goes before what the chart would have shipped.
        """
        observed = {"client": client, "seedClient": client, "scheduler": scheduler, "manager": manager}
        kept = {role: self.versions.get(role) for role in ROLES}
        versions = {role: (None if role in self.given else _written(observed[role])) or kept[role] for role in ROLES}
        return replace(self, versions=versions)

    def get(self, key: str, role: str, host: str | None = None) -> Setting:
        """Return the value in force.

        Parameters
        ----------
        key : str
            ``download.pieceTimeout``; any name the setting ever had.
        role : {"client", "seedClient", "scheduler", "manager"}
        host : str, optional
            Host whose rendered file counts; without one, what the files of the role agree on, or what most say.

        Returns
        -------
        Setting
            With layer ``unknown``, value None and the reason as source where nothing is known.

        Raises
        ------
        SettingsError
            Where the role is not one.
        """
        layers = self.chain(key, role, host)
        if layers:
            return layers[-1]
        bare = _bare(key, role)
        version = self.versions.get(role)
        found = defaults_of(role, bare)
        if is_chart_only(bare):
            source = "no chart is named that sets it, nor do the values"
        elif version is None:
            source = f"the {role}'s version is not known, and nothing sets it"
        elif found is None:
            source = "the facts do not know this key, and nothing sets it"
        else:
            source = f"{role} {version} does not read this key"
        return Setting(bare, role, host, None, "unknown", source, helm_path_of(role, bare))

    def chain(self, key: str, role: str, host: str | None = None) -> tuple[Setting, ...]:
        """Return the value of each layer that sets it, lowest first; the last is in force.

        Where a host's rendered file is known, chart and values do not count: what the file leaves out falls to the
        binary's default.
        """
        if role not in ROLES:
            if role in ("", "unknown"):
                return ()
            raise SettingsError(
                f"{role!r} is no role", hint=suggest_similar(role, ROLES) or f"one of {', '.join(ROLES)}"
            )
        bare = _bare(key, role)
        if bare == PIECE_LENGTH:
            return self._piece_length(role, host)
        names = self._names(bare, role)
        binary = self._binary(names, role, host)
        file = None if is_chart_only(bare) else self._file(names, role, host)
        if file is not None:
            top = self._from_file(file, names, role, host)
            if top is None and binary:
                return (replace(binary[0], source=f"{binary[0].source}; {file.path} does not set it"),)
            return (*binary, *([top] if top else []))
        return (*binary, *self._chart(names, role, host), *self._user(names, role, host))

    @property
    def ignored(self) -> tuple[tuple[str, str], ...]:
        """Keys of the user that have no effect: path and reason, see `dfly_analysis.config.ignored_keys.ignored_paths`."""
        return ignored_paths(self)

    def table(self, keys: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the values in force as a table.

        Parameters
        ----------
        keys : iterable of str, optional
            `KEYS_THAT_MATTER` where not given.

        Returns
        -------
        pandas.DataFrame
            role, host, key, value, layer, source; a row for each role that has the key, and one for each host
            (with a rendered file) where hosts differ. Host is None where the row holds for the whole role.
        """
        import pandas as pd

        wanted = tuple(keys) if keys is not None else KEYS_THAT_MATTER
        rows = [
            (item.role, item.host, item.key, item.value, item.layer, item.source)
            for role in ROLES
            for key in wanted
            if _belongs(key, role)
            for item in self._per_host(key, role)
        ]
        return pd.DataFrame(rows, columns=["role", "host", "key", "value", "layer", "source"], dtype=object)

    def _per_host(self, key: str, role: str) -> list[Setting]:
        hosts = dict.fromkeys(file.host for file in self.rendered if file.role == role and file.host)
        each = [self.get(key, role, host) for host in hosts]
        return each if len({repr(item.value) for item in each}) > 1 else [self.get(key, role)]

    def _names(self, key: str, role: str) -> tuple[str, ...]:
        found = defaults_of(role, key)
        names = found.spellings if found else (key,)
        return tuple(name for name in names if self._reads(name, role))

    def _reads(self, key: str, role: str) -> bool:
        found = defaults_of(role, key)
        if found is None or not found.eras:
            return True
        version = self.versions.get(role)
        if version is None:
            return any(era.ignored is None for era in found.eras)
        era = found.at(version)
        return era is not None and era.ignored is None

    def _binary(self, names: tuple[str, ...], role: str, host: str | None) -> tuple[Setting, ...]:
        version = self.versions.get(role)
        for name in names:
            found = defaults_of(role, name)
            era = found.at(version) if found and version else None
            if found and era and version:
                source = f"{'client' if role in CLIENT_ROLES else role} {_as_known(found.line, version)} (binary)"
                return (Setting(name, role, host, era.default, "binary", source, found.helm_path),)
        return ()

    def _chart(self, names: tuple[str, ...], role: str, host: str | None) -> tuple[Setting, ...]:
        for name in names if self.chart else ():
            path = helm_path_of(role, name)
            run = chart_run(path, self.chart or "")
            if run and path and not self.user.removes(path):
                source = f"chart {_as_known('chart', self.chart or '')}"
                return (Setting(name, role, host, run.value, "chart", source, path),)
        return ()

    def _user(self, names: tuple[str, ...], role: str, host: str | None) -> tuple[Setting, ...]:
        for name in names:
            path = helm_path_of(role, name)
            if path and self.user.entries.get(path) is not None:
                return (Setting(name, role, host, self.user.entries[path], "user", self.user.place(path), path),)
        return ()

    def _file(self, names: tuple[str, ...], role: str, host: str | None) -> RenderedFile | None:
        files = [file for file in self.rendered if file.role == role]
        own = [file for file in files if host is not None and file.host == host]
        message = Counter(repr(file.first(names)) for file in own or files)
        if not message or (host is not None and not own and len(message) > 1):
            return None
        return next(file for file in own or files if repr(file.first(names)) == message.most_common(1)[0][0])

    def _from_file(self, file: RenderedFile, names: tuple[str, ...], role: str, host: str | None) -> Setting | None:
        found = file.first(names)
        if found is None:
            return None
        # The files of all hosts are looked at only where no host is named: else many hosts take the square of their number.
        said = {repr(other.first(names)) for other in self.rendered if other.role == role} if host is None else set()
        source = f"{file.path} (hosts differ)" if len(said) > 1 else file.path
        return Setting(found[0], role, host, found[1], "rendered", source, helm_path_of(role, found[0]))

    def _piece_length(self, role: str, host: str | None) -> tuple[Setting, ...]:
        version = self.versions.get(role)
        if role not in CLIENT_ROLES or version is None:
            return ()
        source = f"client {_as_known('client', version)} (binary)"
        layer: Layer = "binary"
        return (Setting(PIECE_LENGTH, role, host, piece_length_rule(version), layer, source),)


def _bare(key: str, role: str) -> str:
    return key.removeprefix(f"{role}.config.")


def _belongs(key: str, role: str) -> bool:
    if key == PIECE_LENGTH:
        return role in CLIENT_ROLES
    found = defaults_of(role, key)
    # A key that the newest releases dropped altogether is no row of its own.
    return found is not None and (not found.eras or found.eras[-1].until == releases(found.line)[-1])


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
    line: Line = "client" if role in CLIENT_ROLES else "server"
    return written if written and known_release(line, written) else None


def _as_known(line: Line, version: str) -> str:
    known = known_release(line, version)
    same = known is None or parse_version(known) == parse_version(version)
    return version if same else f"{version} (read as {known}, the newest known before it)"
