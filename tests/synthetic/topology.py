"""Who takes part in a synthetic run: hosts, images, blobs and their pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MENU_BYTES = (4_000_000, 13_000_000, 42_400_000, 95_000_000, 168_300_000, 315_000_000, 546_000_000)
_MIB = 1024**2
_REGISTRY = "10.80.0.2"
SCHEDULER_IP = "10.80.0.3"
MANAGER_IP = "10.80.0.4"


@dataclass(frozen=True)
class Hosts:
    """How many seed clients and clients take part."""

    seeds: int = 3
    clients: int = 2


@dataclass(frozen=True)
class Host:
    """A seed client or a client: name, address, role (``seed`` or ``client``), process id."""

    name: str
    ip: str
    role: str
    pid: int

    @property
    def suffix(self) -> str:
        """End of the ids a seed gives itself."""
        return "-seed" if self.role == "seed" else ""

    @property
    def host_id(self) -> str:
        """Host id as Dragonfly makes it."""
        return f"{self.ip}-{self.name}{self.suffix}"


@dataclass(frozen=True)
class Blob:
    """A layer or a config: digest, task id, length, piece length."""

    digest: str
    task_id: str
    size_bytes: int
    piece_bytes: int
    is_layer: bool

    @property
    def url(self) -> str:
        """Where the registry keeps it."""
        return f"http://{_REGISTRY}/v2/ml/train/blobs/sha256:{self.digest}"

    @property
    def n_pieces(self) -> int:
        """Number of pieces."""
        return -(-self.size_bytes // self.piece_bytes)

    def bytes_of(self, piece: int) -> int:
        """Length of one piece; the last holds the rest."""
        return min(self.piece_bytes, self.size_bytes - piece * self.piece_bytes)


@dataclass(frozen=True)
class Image:
    """One image to preheat: manifest's address and blobs, the config first."""

    manifest_url: str
    blobs: tuple[Blob, ...]


def piece_length(client: str, size_bytes: int) -> int:
    """Length of a task's pieces.

    Parameters
    ----------
    client : str
        Version such as ``v0.1.118``.
    size_bytes : int
        Length of the blob.

    Returns
    -------
    int
        4 MiB; from v0.1.98 the next power of two of a 500th of the blob, at most 16 MiB up to v0.2.25
        and at most 64 MiB from v0.2.26. Source: run with 20 GiB on v1.5.1 (320 pieces) and the sources.
    """
    version = tuple(int(part) for part in client.lstrip("v").split("."))
    if version < (0, 1, 98):
        return 4 * _MIB
    most = 16 if version < (0, 2, 26) else 64
    share = max(1, -(-size_bytes // 500))
    return int(min(max(1 << (share - 1).bit_length(), 4 * _MIB), most * _MIB))


def make_hosts(rng: np.random.Generator, hosts: Hosts) -> tuple[Host, ...]:
    """Name the hosts: seeds first."""
    pids = rng.integers(2_000, 30_000, hosts.seeds + hosts.clients)
    seeds = [Host(f"seed-client-{i}", f"10.80.0.{10 + i}", "seed", int(pids[i])) for i in range(hosts.seeds)]
    pullers = [
        Host(f"client-{i}", f"10.80.0.{100 + i}", "client", int(pids[hosts.seeds + i])) for i in range(hosts.clients)
    ]
    return tuple(seeds + pullers)


def make_images(rng: np.random.Generator, client: str, sizes_bytes: list[list[int]]) -> tuple[Image, ...]:
    """Make images whose layers have the sizes given, one list an image."""
    images = []
    for number, sizes in enumerate(sizes_bytes, start=1):
        blobs = [_blob(rng, client, 512, is_layer=False)]
        blobs += [_blob(rng, client, size, is_layer=True) for size in sizes]
        images.append(Image(f"http://{_REGISTRY}/v2/ml/train/manifests/{number}", tuple(blobs)))
    return tuple(images)


def draw_sizes(rng: np.random.Generator, images: int, layers: int, scale: float) -> list[list[int]]:
    """Draw layer sizes from those of the real runs, times `scale`; the largest appears in each image."""
    drawn = []
    for _ in range(images):
        nominal = [_MENU_BYTES[-1 - int(rng.integers(3))], *rng.choice(_MENU_BYTES, layers - 1).tolist()]
        drawn.append([max(1, int(size * scale * rng.uniform(0.99, 1.01))) for size in nominal])
    return drawn


def draw_uuid(rng: np.random.Generator) -> str:
    """Draw a version 4 UUID."""
    digits = rng.bytes(16).hex()
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _blob(rng: np.random.Generator, client: str, size_bytes: int, *, is_layer: bool) -> Blob:
    digest, task_id = rng.bytes(32).hex(), rng.bytes(32).hex()
    return Blob(digest, task_id, size_bytes, piece_length(client, size_bytes), is_layer)
