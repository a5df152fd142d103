"""Reads what is to be preheated: an OCI or Docker manifest, an index with its manifests, or a preheat job."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dfly_analysis.errors import DflyError, SourceError

_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
_BLOB_URL = re.compile(r"/blobs/(?P<digest>[a-z0-9]+:[0-9a-fA-F]{32,})")
_MANIFEST_URL = re.compile(r"(?P<base>https?://[^/\s]+/v2/.+)/manifests/(?P<reference>[^/?#]+)")
_LARGEST = 2**62
_DEEPEST = 4
_HINT = "give an OCI or Docker manifest, e.g. of `docker manifest inspect -v IMAGE` or `crane manifest IMAGE`"


@dataclass(frozen=True)
class Layer:
    """One layer of an image, or its configuration.

    Attributes
    ----------
    digest : str
    size_bytes : int or None
        As it is transferred, compressed; None where nothing says it.
    media_type : str
    annotations : mapping of str to str
    url : str or None
        Where a job fetched it from.
    is_configuration : bool
    """

    digest: str
    size_bytes: int | None
    media_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    url: str | None = None
    is_configuration: bool = False

    @property
    def compression(self) -> str:
        """``gzip``, ``zstd``, ``none`` or ``unknown``, by the media type."""
        if not self.media_type or self.is_configuration:
            return "unknown"
        return next((one for one in ("gzip", "zstd") if one in self.media_type), "none")


@dataclass(frozen=True)
class Manifest:
    """What an image consists of.

    Attributes
    ----------
    source : str
        Where it was read.
    layers : tuple of Layer
        In the manifest's order, the base first; a digest that stands there twice is fetched once.
    configuration : Layer or None
    url : str or None
        Of the manifest in the registry, ``https://HOST/v2/NAME/manifests/TAG``, where it is known.
    platform : str or None
    """

    source: str
    layers: tuple[Layer, ...]
    configuration: Layer | None = None
    url: str | None = None
    platform: str | None = None

    @property
    def size_bytes(self) -> int | None:
        """All layers together; None where the size of one is not known."""
        sizes = [layer.size_bytes for layer in self.layers]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def with_sizes(self, sizes: Mapping[str, int]) -> Manifest:
        """Return it with sizes by digest where it lacks them."""
        filled = (
            replace(layer, size_bytes=sizes.get(layer.digest)) if layer.size_bytes is None else layer
            for layer in self.layers
        )
        return replace(self, layers=tuple(filled))

    def blob_url(self, layer: Layer) -> str:
        """Return where a layer is fetched from; a placeholder where the registry is not known."""
        if layer.url:
            return layer.url
        found = _MANIFEST_URL.fullmatch(self.url or "")
        base = found["base"] if found else "https://REGISTRY/v2/NAME"
        return f"{base}/blobs/{layer.digest}"


def read_manifest(text: str, source: str, *, platform: str | None = None, folder: Path | None = None) -> Manifest:
    """Read a manifest, an index, or a preheat job's JSON.

    Parameters
    ----------
    text : str
    source : str
        Where it was read, for messages.
    platform : str, optional
        ``linux/amd64``: which of an index' manifests.
    folder : Path, optional
        Of an OCI layout, whose ``blobs`` hold the manifests that an index names.

    Returns
    -------
    Manifest

    Raises
    ------
    SourceError
        Where it is none of these, or an index names manifests that are not at hand.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise SourceError(f"is not JSON: {problem}", where=source, hint=_HINT) from None
    return _read(content, source, platform, folder, 0)


def image_url(image: str) -> str:
    """Return the address of an image's manifest.

    Parameters
    ----------
    image : str
        ``registry.example/ml/train:v1``, with ``@sha256:…``, or the address itself.

    Raises
    ------
    DflyError
        Where the registry's host is not named.
    """
    if _MANIFEST_URL.fullmatch(image):
        return image
    bare = re.sub(r"^https?://", "", image)
    scheme = "http" if image.startswith("http://") else "https"
    host, _, rest = bare.partition("/")
    if not rest or not ("." in host or ":" in host or host == "localhost"):
        raise DflyError(f"{image!r} names no registry", hint="write it like registry.example/ml/train:v1")
    name, at, digest = rest.partition("@")
    if at:
        return f"{scheme}://{host}/v2/{name}/manifests/{digest}"
    name, colon, tag = rest.rpartition(":")
    return f"{scheme}://{host}/v2/{name if colon else rest}/manifests/{tag if colon else 'latest'}"


def _read(content: Any, source: str, platform: str | None, folder: Path | None, depth: int) -> Manifest:
    if depth > _DEEPEST:
        raise SourceError("names itself over and over", where=source, hint=_HINT)
    if isinstance(content, list):
        return _of_list(content, source, platform, folder, depth)
    if not isinstance(content, dict):
        raise SourceError("holds no manifest", where=source, hint=_HINT)
    for name in ("OCIManifest", "SchemaV2Manifest", "manifest"):
        if isinstance(content.get(name), dict):
            found = _read(content[name], source, platform, folder, depth + 1)
            return replace(found, platform=found.platform or _platform(content.get("Descriptor")))
    if isinstance(content.get("layers"), list):
        return _of_manifest(content, source)
    if isinstance(content.get("manifests"), list):
        return _of_index(content["manifests"], source, platform, folder, depth)
    if isinstance(content.get("args"), dict) or isinstance(content.get("result"), dict):
        return _of_job(content, source)
    if isinstance(content.get("fsLayers"), list):
        raise SourceError("is of Docker's schema 1, which names no sizes", where=source, hint="push the image anew")
    raise SourceError("holds no manifest", where=source, hint=_HINT)


def _of_list(content: Sequence[Any], source: str, platform: str | None, folder: Path | None, depth: int) -> Manifest:
    """Read what ``docker manifest inspect -v`` says of an image of several platforms, or a list of one."""
    whole = [one for one in content if isinstance(one, dict)]
    if not whole:
        raise SourceError("holds no manifest", where=source, hint=_HINT)
    if len(whole) > 1:
        chosen = _chosen([(_platform(one.get("Descriptor")) or "", one) for one in whole], source, platform)
        return _read(chosen, source, platform, folder, depth + 1)
    return _read(whole[0], source, platform, folder, depth + 1)


def _chosen(listed: Sequence[tuple[str, Any]], source: str, platform: str | None) -> Any:
    real = [(name, one) for name, one in listed if name not in ("", "unknown/unknown")] or list(listed)
    fitting = [one for name, one in real if platform and (name == platform or name.startswith(f"{platform}/"))]
    if fitting:
        return fitting[0]
    if len(real) == 1 and platform is None:
        return real[0][1]
    names = ", ".join(sorted(name or "one without a name" for name, _ in real)[:8])
    raise SourceError(f"holds manifests for {names}", where=source, hint="choose one with --platform")


def _of_index(entries: Sequence[Any], source: str, platform: str | None, folder: Path | None, depth: int) -> Manifest:
    listed = [(_platform(one) or "", one) for one in entries if isinstance(one, dict) and _digest(one)]
    if not listed:
        raise SourceError("is an index that names no manifest", where=source, hint=_HINT)
    entry = _chosen(listed, source, platform)
    digest = _digest(entry)
    path = folder.joinpath("blobs", *digest.split(":", 1)) if folder else None
    if path is None or not path.is_file():
        hint = f"fetch that manifest, e.g. crane manifest IMAGE@{digest}, and give it"
        raise SourceError(f"is an index; the layers stand in the manifest {digest}", where=source, hint=hint)
    inner = json.loads(path.read_text("utf-8"))
    found = _read(inner, source, platform, folder, depth + 1)
    return replace(found, platform=found.platform or _platform(entry))


def _of_manifest(content: Mapping[str, Any], source: str) -> Manifest:
    layers = [_layer(one, f"layers[{place}]", source) for place, one in enumerate(content["layers"])]
    if not layers:
        raise SourceError("is a manifest without layers", where=source, hint=_HINT)
    own = content.get("config")
    configuration = replace(_layer(own, "config", source), is_configuration=True) if isinstance(own, dict) else None
    unique: dict[str, Layer] = {}
    for layer in layers:
        unique.setdefault(layer.digest, layer)
    return Manifest(source, tuple(unique.values()), configuration)


def _layer(entry: Any, place: str, source: str) -> Layer:
    digest = _digest(entry)
    size = entry.get("size") if isinstance(entry, dict) else None
    if not digest:
        raise SourceError(f"{place} has no digest", where=source, hint=_HINT)
    if type(size) is not int or not 0 <= size < _LARGEST:
        raise SourceError(f"{place} has no size", where=source, hint=_HINT)
    noted = entry.get("annotations")
    annotations = {str(name): str(value) for name, value in noted.items()} if isinstance(noted, dict) else {}
    return Layer(digest, size, str(entry.get("mediaType") or ""), annotations)


def _of_job(content: Mapping[str, Any], source: str) -> Manifest:
    arguments = content.get("args") if isinstance(content.get("args"), dict) else {}
    assert isinstance(arguments, dict)
    urls = [*_texts(arguments.get("urls")), *(url for url in _urls(content.get("result")))]
    if arguments.get("type") == "file" and isinstance(arguments.get("url"), str):
        urls.append(arguments["url"])
    blobs = {found["digest"]: url.split("?", 1)[0] for url in urls if (found := _BLOB_URL.search(url))}
    if not blobs:
        raise SourceError("is a job that names no layers", where=source, hint=_HINT)
    layers = tuple(Layer(digest, None, url=url) for digest, url in blobs.items())
    url = arguments.get("url") if arguments.get("type") != "file" else None
    platform = arguments.get("platform")
    known = isinstance(url, str) and _MANIFEST_URL.fullmatch(url) is not None
    return Manifest(source, layers, None, url if known else None, str(platform) if platform else None)


def _urls(content: Any, depth: int = 0) -> Iterator[str]:
    if depth > 2 * _DEEPEST:
        return
    inner = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    for one in inner:
        if isinstance(one, str) and "/blobs/" in one:
            yield one
        else:
            yield from _urls(one, depth + 1)


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _digest(entry: Any) -> str:
    value = entry.get("digest") if isinstance(entry, dict) else None
    return value if isinstance(value, str) and _DIGEST.fullmatch(value) else ""


def _platform(entry: Any) -> str | None:
    found = entry.get("platform") if isinstance(entry, dict) else None
    if not isinstance(found, dict) or not found.get("os"):
        return None
    parts = (found.get("os"), found.get("architecture"), found.get("variant"))
    return "/".join(str(part) for part in parts if part)
