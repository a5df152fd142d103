"""Finds what configuration a path holds: Helm values, components' own files, ConfigMaps that carry them, or a folder."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from dfly_analysis.catalog.key_places import plain
from dfly_analysis.config import helm_values
from dfly_analysis.config.helm_values import UserValues, is_known, read_text, read_values_text
from dfly_analysis.config.pasted_yaml import clean, split_documents, unwrapped
from dfly_analysis.config.rendered_manifests import RenderedFile, read_go_client, read_rendered, role_named
from dfly_analysis.config.setting import CLIENT_ROLES, SECTIONS
from dfly_analysis.config.yaml_positions import load_yaml
from dfly_analysis.errors import NotEnoughDataError, SettingsError
from dfly_analysis.messages import format_list, message

_MAX_FILES = 5_000
_ENDINGS = frozenset({".yaml", ".yml", ".json"})
_MANIFEST = re.compile(
    r"^\s*(?:- )?[\"']?kind[\"']?:\s*[\"']?[A-Z]\w+|^\s*[\"']?(?:dfdaemon|dfget|scheduler|manager)\.ya?ml[\"']?:\s*(?:[|>\"]|$)",
    re.MULTILINE,
)
"""Objects of Kubernetes, or a part of a ConfigMap that carries a component's file."""
_IMAGE = re.compile(
    r"dragonflyoss/(?P<component>client|scheduler|manager)"
    r"(?::(?P<tag>v\d+\.\d+\.\d+[\w.-]*)|[\"']?,?\s+[\"']?tag[\"']?:\s*[\"']?(?P<tag_below>v\d+\.\d+\.\d+[\w.-]*))"
)
_CHART_LABEL = re.compile(r'"(?:chart|helm\.sh/chart)":\s*"dragonfly-(?P<chart>\d+\.\d+\.\d+)"')
_PLAIN_SECTIONS = frozenset(map(plain, SECTIONS))


@dataclass(frozen=True)
class ConfigInput:
    """The configuration given to check."""

    values: UserValues | None
    rendered: tuple[RenderedFile, ...] = ()
    notes: tuple[str, ...] = ()
    """What was assumed, and files of a directory that are neither or unreadable, one line each."""
    releases: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Releases that manifests name: chart, client, scheduler, manager."""


def read_config_input(path: str) -> ConfigInput:
    """Read a file, a directory, or ``-`` for stdin; a SettingsError if it is no configuration, or a directory has two values files."""
    if path != "-" and Path(path).is_dir():
        return _folder(Path(path))
    return _with_roles(read_config_text(read_text(path), path))


def read_config_text(text: str, path: str) -> ConfigInput:
    """Read a configuration as people paste it: values, a component's file, manifests, or parts of them; a SettingsError if it is none."""
    text = unwrapped(_described(text))
    try:
        found = _read(text, path)
        if found.rendered or found.values is None or is_known(found.values):
            return found
    except SettingsError:
        if images := _images(text, path):
            return images
        cleaned = clean(text)
        if not cleaned.strip() or cleaned == text:
            raise
        with suppress(SettingsError):
            found = _read(cleaned, path)
            if found.rendered or (found.values is not None and found.values.entries and is_known(found.values)):
                return found
        raise
    return _images(text, path) or found


def is_configuration(text: str) -> bool:
    """Return whether a text holds a configuration of Dragonfly, or a part of one, rather than another program's."""
    try:
        found = read_config_text(text, "text")
    except SettingsError:
        return False
    values = found.values
    if found.rendered or values is None:
        return bool(found.rendered)
    return is_values(values) or any(place.is_quantity for part in values.parts for place in part.places)


def _images(text: str, path: str) -> ConfigInput | None:
    """Return the releases that the images in a text name as values of the chart; None where there are none."""
    tags = {match["component"]: match["tag"] or match["tag_below"] for match in _IMAGE.finditer(text)}
    if "client" in tags:
        tags["seedClient"] = tags["client"]
    entries = {f"{role}.image.tag": tag for role, tag in tags.items()}
    return ConfigInput(UserValues(Path(path).name, "", entries, path)) if entries else None


def _read(text: str, path: str) -> ConfigInput:
    """Read each document as what it is; those of Kubernetes that carry no configuration are left out."""
    rendered: list[RenderedFile] = []
    releases: dict[str, str] = {}
    rest: list[str] = []
    documents = list(split_documents(text))
    for document in documents:
        if _MANIFEST.search(document):
            for manifest in _manifests(load_yaml(document, path)):
                releases |= _releases_of(manifest)
                rendered += _files_of(manifest, path, in_json=document.lstrip().startswith("{"))
        elif file := read_rendered(document, path) or read_go_client(document, path):
            rendered.append(file)
        else:
            rest.append(document)
    if documents and not rest and not rendered and not releases:
        hint = "give the ConfigMaps of dragonfly-client, -seed-client, -scheduler and -manager"
        raise SettingsError("neither Helm values nor a component's own file in these manifests", where=path, hint=hint)
    values = None
    if len(rest) < len(documents):  # as one text, with each line where it was
        lines: list[str] = []
        for document in rest:
            lines += [*document.split("\n")[len(lines) :], "---"]
        text = "\n".join(lines)
    if rest or not documents:
        values = _values_beside(text, path, is_alone=not rendered)
    return ConfigInput(values, tuple(rendered), releases=releases)


def _values_beside(text: str, path: str, *, is_alone: bool) -> UserValues | None:
    """Return the values in a text; None where files were found beside it and it holds none."""
    try:
        values = read_values_text(text, path, name=Path(path).name)
    except SettingsError:
        if is_alone:
            raise
        return None
    return values if is_alone or is_known(values) else None


def _with_roles(given: ConfigInput) -> ConfigInput:
    """Return the input with each client's file for both roles where nothing says which of them reads it, and a note of that."""
    clients = [file for file in given.rendered if file.component == "client"]
    unsaid = [file for file in clients if file.role != "seedClient" and file.named_role is None]
    unsaid = [file for file in unsaid if not isinstance(file.values.get("seedPeer.enable"), bool)]
    if not unsaid or len(unsaid) < len(clients):
        return given
    both = tuple(replace(file, role="seedClient") for file in unsaid)
    files = format_list(list(dict.fromkeys(file.path for file in unsaid)), 3)
    note = message(
        "{files}: nothing says whether a client or a seed client reads it (seedPeer.enable would); checked for both",
        files=files,
    )
    return replace(given, rendered=(*given.rendered, *both), notes=(*given.notes, note))


def is_empty(given: ConfigInput) -> bool:
    """Return whether the input sets no key of a component; a misspelt section is a finding, not nothing."""
    entries = given.values.entries if given.values is not None else {}
    return not given.rendered and not any(plain(path.partition(".")[0]) in _PLAIN_SECTIONS for path in entries)


def require_nonempty(values: UserValues, *, defaults_known: bool) -> None:
    """Refuse a file with only foreign keys (SettingsError), or with none and no known defaults (NotEnoughDataError)."""
    tops = list(dict.fromkeys(path.partition(".")[0] for path in values.entries))
    if tops and helm_values.OTHER_SECTIONS.isdisjoint(tops):
        shown = ", ".join(tops[:4]) + (" and more" if len(tops) > 4 else "")
        expected = [near for top in tops if (near := helm_values.nearest_section(top))]
        usual = "give the values of the Dragonfly chart (seedClient:, client:, scheduler:, manager:), or a component's own file"
        hint = f"did you mean {expected[0]}?" if expected else usual
        raise SettingsError(f"no key of Dragonfly, only {shown}", where=values.address, hint=hint)
    if not defaults_known:
        reason = "no key of a Dragonfly component, and no release whose defaults could be checked"
        raise NotEnoughDataError(reason, where=values.address, hint="add --chart 1.7.4, or --client and --scheduler")


def _folder(folder: Path) -> ConfigInput:
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _ENDINGS and path.is_file()]
    if len(found) > _MAX_FILES:
        raise SettingsError(f"more than {_MAX_FILES} YAML files", where=str(folder), hint="give a folder below it")
    rendered: list[RenderedFile] = []
    values: list[UserValues] = []
    skipped: list[str] = []
    releases: dict[str, str] = {}
    for path in found:
        try:
            here = read_config_text(read_text(str(path)), str(path))
        except SettingsError as problem:
            skipped.append(str(problem))
            continue
        rendered += here.rendered
        releases |= here.releases
        if here.values is not None and (is_values(here.values) or (len(found) == 1 and is_known(here.values))):
            values.append(here.values)
        elif here.values is not None:
            skipped.append(f"{path}: neither Helm values nor a component's own file")
    if len(values) > 1:
        reason = f"two files of Helm values: {values[0].address}, {values[1].address}"
        raise SettingsError(reason, where=str(folder), hint="give one of them")
    if not values and not rendered:
        hint = "add a values file, or dfdaemon.yaml, scheduler.yaml or manager.yaml"
        raise SettingsError("no configuration of Dragonfly in this folder", where=str(folder), hint=hint)
    return _with_roles(ConfigInput(values[0] if values else None, tuple(rendered), tuple(skipped), releases))


def is_values(read: UserValues) -> bool:
    """Return whether a file of a folder is Helm values: other files have sections of these names too, dynconfig.yaml above all."""
    steps = (path.split(".")[:2] for path in read.entries)
    return read.is_chart_values and any(
        top in SECTIONS and {*below} & helm_values.SECTION_KEYS for top, *below in steps
    )


def _manifests(content: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of Kubernetes in a document, those of lists each, and mappings that are a part of a ConfigMap."""
    if isinstance(items := _mapping(content).get("items"), list):
        for item in items:
            yield from _manifests(item)
    elif isinstance(content, Mapping):
        yield content


def _files_of(manifest: Mapping[str, Any], address: str, *, in_json: bool) -> Iterator[RenderedFile]:
    """Yield the components' files that a ConfigMap carries, with the lines of the file they lie in."""
    if manifest.get("kind", "ConfigMap") != "ConfigMap":
        return
    data = manifest.get("data", manifest)
    name, component = _identity(manifest)
    for key, text in data.items() if isinstance(data, Mapping) else ():
        path = f"{name or 'config-map'}/{key}"
        file = (read_rendered(text, path) or read_go_client(text, path)) if isinstance(text, str) else None
        if file is not None:
            begins = getattr(data, "lines", {}).get(key, 0)
            # In JSON the whole text stands on the line of its key.
            lines = {path: begins + (0 if in_json else line) for path, line in file.lines.items()}
            role = component if file.component == "client" and component in CLIENT_ROLES else file.role
            yield replace(file, path=f"{address}!{file.path}", role=role, named_role=component, lines=lines)


def _identity(manifest: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the name of an object, and the role that its labels or its name say."""
    about = _mapping(manifest.get("metadata"))
    labels, name = _mapping(about.get("labels")), about.get("name")
    names = (labels.get("component"), labels.get("app.kubernetes.io/component"), name)
    role = next((role for one in names if (role := role_named(str(one or "")))), None)
    return (name if isinstance(name, str) else None), role


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _releases_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the releases that an object names: of the chart in its labels, of a component in its images."""
    text = json.dumps(manifest, default=str)
    found = {match["component"]: match["tag"] or match["tag_below"] for match in _IMAGE.finditer(text)}
    chart = _CHART_LABEL.search(text)
    return {**found, **({"chart": chart["chart"]} if chart else {})}


def _described(text: str) -> str:
    """Return the output of `kubectl describe configmap` as ConfigMaps, line by line; any other text as it is."""
    if not re.search(r"^Data\n====$", text, re.MULTILINE):
        return text
    kept, in_key = [], False
    for line, following in pairwise([*text.split("\n"), ""]):
        shown = ""
        if line.startswith("Name:"):
            shown, in_key = f"metadata: {{name: {json.dumps(line.partition(':')[2].strip())}}}", False
        elif re.fullmatch(r"-{4,}", following) and line.endswith(":"):
            shown, in_key = f"{line} |", True
        elif line in ("BinaryData", "Data") or re.match(r"(?:Events|Labels|Annotations|Namespace):", line):
            in_key = False
        elif in_key and line and not re.fullmatch(r"-{4,}", line):
            shown = f"  {line}"
        kept.append(shown)
    return "\n".join(kept)
