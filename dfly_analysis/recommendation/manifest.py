"""Reads what is to be preheated: an OCI or Docker manifest, an index with its manifests, or a preheat job."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, Self

from dfly_analysis.errors import DflyError, SourceError

_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
_BLOB_URL = re.compile(r"/blobs/(?P<digest>[a-z0-9]+:[0-9a-fA-F]{32,})")
_MANIFEST_URL = re.compile(r"(?P<base>https?://[^/\s]+/v2/.+)/manifests/(?P<reference>[^/?#]+)")
_LARGEST = 2**62
_DEEPEST = 4
_HINT = "give an OCI or Docker manifest, e.g. of `docker manifest inspect -v IMAGE` or `crane manifest IMAGE`"


@dataclass(frozen=True)
class Layer:
    """One layer of an image, or its configuration; the size is that of the transfer (compressed), the URL where a job fetched it."""

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
    """An image: layers in the manifest's order, each digest once; `url` is ``https://HOST/v2/NAME/manifests/TAG``."""

    source: str
    layers: tuple[Layer, ...]
    configuration: Layer | None = None
    url: str | None = None
    platform: str | None = None

    @property
    def size_bytes(self) -> int | None:
        return total_bytes(self.layers)

    def with_sizes(self, sizes: Mapping[str, int]) -> Self:
        sized = (replace(one, size_bytes=sizes.get(one.digest)) if one.size_bytes is None else one for one in self.layers)  # fmt: skip
        return replace(self, layers=tuple(sized))

    def blob_url(self, layer: Layer) -> str:
        """Return where a layer is fetched from; a placeholder where the registry is not known."""
        found = _MANIFEST_URL.fullmatch(self.url or "")
        return layer.url or f"{found['base'] if found else 'https://REGISTRY/v2/NAME'}/blobs/{layer.digest}"


def total_bytes(layers: Sequence[Layer]) -> int | None:
    """Return the size of layers together; None where one is not known."""
    sizes = [layer.size_bytes for layer in layers]
    return None if None in sizes else sum(size or 0 for size in sizes)


def load_manifest(path: str | PathLike[str], *, image: str | None = None, platform: str | None = None) -> Manifest:
    """Read a file, a folder with an OCI layout, or ``-`` for standard input, see `read_manifest`; `image` names where it is preheated from."""
    if path == "-":
        found = read_manifest(sys.stdin.read(), "standard input", platform=platform)
    else:
        given = Path(path)
        file = given / "index.json" if given.is_dir() else given
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            raise SourceError("is not JSON", where=str(file), hint="give the manifest, not the image itself") from None
        except OSError as problem:
            if given.is_dir():
                hint = "give an OCI layout, which contains index.json, or a manifest"
                raise SourceError("the directory is not an OCI layout", where=str(given), hint=hint) from problem
            raise SourceError(
                f"cannot be read: {problem.strerror}", where=str(file), hint="check the path"
            ) from problem
        found = read_manifest(text, str(file), platform=platform, folder=file.parent)
    return replace(found, url=image_url(image) if image else found.url, platform=found.platform or platform)


def read_manifest(text: str, source: str, *, platform: str | None = None, folder: Path | None = None) -> Manifest:
    """Read a manifest, an index (with its platform, and the folder of its OCI layout) or a preheat job's JSON; else a SourceError."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise SourceError(f"the file is not JSON: {problem}", where=source, hint=_HINT) from None
    return _Reader(source, platform, folder).read(content)


def image_url(image: str) -> str:
    """Return the address of the manifest of ``registry.example/ml/train:v1``; a DflyError if it has no registry."""
    if _MANIFEST_URL.fullmatch(image):
        return image
    scheme = "http" if image.startswith("http://") else "https"
    host, _, rest = re.sub(r"^https?://", "", image).partition("/")
    if not rest or not ("." in host or ":" in host or host == "localhost"):
        raise DflyError(f"image {image!r} has no registry host", hint="write it like registry.example/ml/train:v1")
    name, at, digest = rest.partition("@")
    if at:
        return f"{scheme}://{host}/v2/{name}/manifests/{digest}"
    name, colon, tag = rest.rpartition(":")
    return f"{scheme}://{host}/v2/{name if colon else rest}/manifests/{tag if colon else 'latest'}"


@dataclass(frozen=True)
class _Reader:
    source: str
    platform: str | None
    folder: Path | None

    def problem(self, message: str, hint: str = _HINT) -> SourceError:
        return SourceError(message, where=self.source, hint=hint)

    def read(self, content: Any, depth: int = 0) -> Manifest:
        if depth > _DEEPEST:
            raise self.problem("the manifest contains itself")
        if isinstance(content, list):
            # what ``docker manifest inspect -v`` prints for an image of several platforms, or a list of one
            whole = [(_platform(one.get("Descriptor")) or "", one) for one in content if isinstance(one, dict)]
            if not whole:
                raise self.problem("the file contains no manifest")
            return self.read(whole[0][1] if len(whole) == 1 else self.chosen(whole), depth + 1)
        if not isinstance(content, dict):
            raise self.problem("the file contains no manifest")
        return self.object(content, depth)

    def object(self, content: Mapping[str, Any], depth: int) -> Manifest:
        for name in ("OCIManifest", "SchemaV2Manifest", "manifest"):
            if isinstance(content.get(name), dict):
                found = self.read(content[name], depth + 1)
                return replace(found, platform=found.platform or _platform(content.get("Descriptor")))
        if isinstance(content.get("layers"), list):
            return self.manifest(content)
        if isinstance(content.get("manifests"), list):
            return self.index(content["manifests"], depth)
        if isinstance(content.get("args"), dict) or isinstance(content.get("result"), dict):
            return self.job(content)
        if isinstance(content.get("fsLayers"), list):
            raise self.problem("the manifest has Docker's schema 1, which has no sizes", "push the image again")
        raise self.problem("the file contains no manifest")

    def chosen(self, listed: Sequence[tuple[str, Any]]) -> Any:
        """Return the manifest of the requested platform; attestations (``unknown/unknown``) are none."""
        real = [(name, one) for name, one in listed if name not in ("", "unknown/unknown")] or list(listed)
        for name, one in real:
            if self.platform and (name == self.platform or name.startswith(f"{self.platform}/")):
                return one
        if len(real) == 1 and self.platform is None:
            return real[0][1]
        names = ", ".join(sorted(name or "an unknown platform" for name, _ in real)[:8])
        raise self.problem(f"the file contains manifests for {names}", "choose one with --platform")

    def index(self, entries: Sequence[Any], depth: int) -> Manifest:
        listed = [(_platform(one) or "", one) for one in entries if isinstance(one, dict) and _digest(one)]
        if not listed:
            raise self.problem("the index names no manifest")
        entry = self.chosen(listed)
        digest = _digest(entry)
        path = self.folder.joinpath("blobs", *digest.split(":", 1)) if self.folder else None
        if path is None or not path.is_file():
            hint = f"give that manifest, e.g. from crane manifest IMAGE@{digest}"
            raise self.problem(f"the file is an index; the layers are in the manifest {digest}", hint)
        found = self.read(json.loads(path.read_text("utf-8")), depth + 1)
        return replace(found, platform=found.platform or _platform(entry))

    def manifest(self, content: Mapping[str, Any]) -> Manifest:
        unique: dict[str, Layer] = {}
        for place, entry in enumerate(content["layers"]):
            layer = self.layer(entry, f"layers[{place}]")
            unique.setdefault(layer.digest, layer)
        if not unique:
            raise self.problem("the manifest has no layers")
        own = content.get("config")
        configuration = replace(self.layer(own, "config"), is_configuration=True) if isinstance(own, dict) else None
        return Manifest(self.source, tuple(unique.values()), configuration)

    def layer(self, entry: Any, place: str) -> Layer:
        digest = _digest(entry)
        if not digest:
            raise self.problem(f"{place} has no digest")
        size, noted = entry.get("size"), entry.get("annotations")
        if type(size) is not int or not 0 <= size < _LARGEST:
            raise self.problem(f"{place} has no size")
        annotations = {str(name): str(value) for name, value in noted.items()} if isinstance(noted, dict) else {}
        return Layer(digest, size, str(entry.get("mediaType") or ""), annotations)

    def job(self, content: Mapping[str, Any]) -> Manifest:
        given = content.get("args")
        arguments = given if isinstance(given, dict) else {}
        listed, url, platform = arguments.get("urls"), arguments.get("url"), arguments.get("platform")
        urls = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
        urls += _blob_urls(content.get("result"))
        if arguments.get("type") == "file" and isinstance(url, str):
            urls.append(url)
        blobs = {found["digest"]: one.split("?", 1)[0] for one in urls if (found := _BLOB_URL.search(one))}
        if not blobs:
            raise self.problem("the job names no layers")
        layers = tuple(Layer(digest, None, url=one) for digest, one in blobs.items())
        image = arguments.get("type") != "file" and isinstance(url, str) and _MANIFEST_URL.fullmatch(url)
        return Manifest(self.source, layers, None, str(url) if image else None, str(platform) if platform else None)


def _blob_urls(content: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(content, str) and "/blobs/" in content:
        yield content
    elif depth <= 2 * _DEEPEST:
        inner = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
        for one in inner:
            yield from _blob_urls(one, depth + 1)


def _digest(entry: Any) -> str:
    value = entry.get("digest") if isinstance(entry, dict) else None
    return value if isinstance(value, str) and _DIGEST.fullmatch(value) else ""


def _platform(entry: Any) -> str | None:
    found = entry.get("platform") if isinstance(entry, dict) else None
    if not isinstance(found, dict) or not found.get("os"):
        return None
    parts = (found.get("os"), found.get("architecture"), found.get("variant"))
    return "/".join(str(part) for part in parts if part)
