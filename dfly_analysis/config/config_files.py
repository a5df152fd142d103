"""Finds what configuration a path holds: Helm values, components' own files, ConfigMaps that carry them, or a folder."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dfly_analysis.config.helm_values import UserValues, read_text, read_values_text
from dfly_analysis.config.rendered_manifests import RenderedFile, read_rendered
from dfly_analysis.config.setting import SECTIONS
from dfly_analysis.config.yaml_positions import load_yaml
from dfly_analysis.errors import NotEnoughDataError, SettingsError

_MAX_FILES = 5_000
_NEAR = 0.75  # how alike a section and a name have to be for one to be meant
_ENDINGS = frozenset({".yaml", ".yml", ".json"})
_CONFIG_MAP = re.compile(r"^\s*(?:- )?[\"']?kind[\"']?:\s*[\"']?ConfigMap\b", re.MULTILINE)
_DOCUMENT = re.compile(r"^---(?:\s.*)?$", re.MULTILINE)
_PLAIN_SECTIONS = frozenset(name.lower() for name in SECTIONS)
_OTHER_SECTIONS = frozenset({
    "cdn", "clusterDomain", "containerRuntime", "externalManager", "externalMysql", "externalRedis", "fullnameOverride", "global",
    "hostAliases", "injector", "jaeger", "mysql", "nameOverride", "namespaceOverride", "redis", "triton",
})  # fmt: skip
"""Sections of a chart's values that are no component: a file of these alone is Dragonfly's, and configures no component."""
_SECTION_KEYS = frozenset({
    "config", "enable", "image", "replicas", "resources", "persistence", "metrics", "extraVolumes", "nodeSelector", "tolerations",
})  # fmt: skip


@dataclass(frozen=True)
class ConfigInput:
    """The configuration given to check."""

    values: UserValues | None
    rendered: tuple[RenderedFile, ...]
    skipped: tuple[str, ...] = ()
    """Files of a directory that are neither or unreadable, one line each."""


def read_config_input(path: str) -> ConfigInput:
    """Read a file, a directory, or ``-`` for stdin; a SettingsError if it is no configuration, or a directory has two values files."""
    if path != "-" and Path(path).is_dir():
        return _folder(Path(path))
    text = read_text(path)
    rendered = tuple(_rendered(text, path))
    values = None if rendered else read_values_text(text, path, name=Path(path).name)
    return ConfigInput(values, rendered)


def is_empty(given: ConfigInput) -> bool:
    """Return whether the input sets no key of a component."""
    entries = given.values.entries if given.values is not None else {}
    return not given.rendered and not any(_plain(path) in _PLAIN_SECTIONS for path in entries)


def require_nonempty(values: UserValues, *, defaults_known: bool) -> None:
    """Refuse a file with only foreign keys (SettingsError), or with none and no known defaults (NotEnoughDataError)."""
    tops = list(dict.fromkeys(path.partition(".")[0] for path in values.entries))
    if tops and _OTHER_SECTIONS.isdisjoint(tops):
        shown = ", ".join(tops[:4]) + (" and more" if len(tops) > 4 else "")
        expected = [near for top in tops for near in get_close_matches(top, SECTIONS, 1, _NEAR)]
        usual = "give the values of the Dragonfly chart (seedClient:, client:, scheduler:, manager:), or a component's own file"
        hint = f"did you mean {expected[0]}?" if expected else usual
        raise SettingsError(f"no key of Dragonfly, only {shown}", where=values.address, hint=hint)
    if not defaults_known:
        reason = "no key of a Dragonfly component, and no release whose defaults could be checked"
        raise NotEnoughDataError(reason, where=values.address, hint="add --chart 1.7.4, or --client and --scheduler")


def _plain(path: str) -> str:
    """Return a path's section without capitals and signs: a misspelt section is a finding, not nothing."""
    return path.partition(".")[0].lower().replace("_", "").replace("-", "")


def _folder(folder: Path) -> ConfigInput:
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _ENDINGS and path.is_file()]
    if len(found) > _MAX_FILES:
        raise SettingsError(f"more than {_MAX_FILES} YAML files", where=str(folder), hint="give a folder below it")
    rendered: list[RenderedFile] = []
    values: list[UserValues] = []
    skipped: list[str] = []
    for path in found:
        try:
            text = read_text(str(path))
            here = tuple(_rendered(text, str(path)))
            rendered += here
            read = None if here else read_values_text(text, str(path), name=path.name)
        except SettingsError as problem:
            skipped.append(str(problem))
            continue
        if read is not None and _is_values(read):
            values.append(read)
        elif read is not None:
            skipped.append(f"{path}: neither Helm values nor a component's own file")
    if len(values) > 1:
        reason = f"two files of Helm values: {values[0].address}, {values[1].address}"
        raise SettingsError(reason, where=str(folder), hint="give one of them")
    if not values and not rendered:
        hint = "add a values file, or dfdaemon.yaml, scheduler.yaml or manager.yaml"
        raise SettingsError("no configuration of Dragonfly in this folder", where=str(folder), hint=hint)
    return ConfigInput(values[0] if values else None, tuple(rendered), tuple(skipped))


def _is_values(read: UserValues) -> bool:
    """Return whether a file of a folder is Helm values: other files have sections of these names too, dynconfig.yaml above all."""
    steps = (path.split(".") for path in read.entries)
    return any(len(one) > 1 and one[0] in SECTIONS and one[1] in _SECTION_KEYS for one in steps)


def _rendered(text: str, path: str) -> Iterator[RenderedFile]:
    if _CONFIG_MAP.search(text):
        yield from _carried(text, path)
    elif (file := read_rendered(text, path)) is not None:
        yield file


def _carried(text: str, path: str) -> Iterator[RenderedFile]:
    """Yield the files that ConfigMaps carry, with the lines of the file they lie in."""
    begins = [0, *(match.end() for match in _DOCUMENT.finditer(text))]
    for begin, end in zip(begins, [*begins[1:], len(text)], strict=True):
        document = text[begin:end].removesuffix("---")
        above = text.count("\n", 0, begin)
        for holder in _config_maps(load_yaml(_DOCUMENT.sub("", document), path)):
            yield from _of_map(holder, path, above, in_json=document.lstrip().startswith("{"))


def _config_maps(content: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(content, Mapping):
        return
    if content.get("kind") == "ConfigMap" and isinstance(content.get("data"), Mapping):
        yield content
    items = content.get("items")
    for item in items if isinstance(items, list) else ():
        yield from _config_maps(item)


def _of_map(holder: Mapping[str, Any], address: str, above: int, *, in_json: bool) -> Iterator[RenderedFile]:
    data = holder["data"]
    named = holder.get("metadata")
    name = named.get("name") if isinstance(named, Mapping) else None
    for key, text in data.items():
        file = read_rendered(text, f"{name or 'config-map'}/{key}") if isinstance(text, str) else None
        if file is not None:
            begins = above + getattr(data, "lines", {}).get(key, 0)
            # In JSON the whole text stands on the line of its key.
            lines = {path: begins + (0 if in_json else line) for path, line in file.lines.items()}
            yield replace(file, path=f"{address}!{file.path}", lines=lines)
