"""Replaces ids, addresses, hosts and image names by others, each always by the same one."""

import hashlib
import re
import secrets
from collections.abc import Iterable

_ROLES = ("seed-client", "scheduler", "manager", "client", "seed", "dfdaemon")
_FIRST = 101
_ID = re.compile(
    r"(?<![0-9a-zA-Z])(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?![0-9a-zA-Z])"
)
_ADDRESS = re.compile(r"(?<![\w.])(?!127\.|0\.0\.0\.0)\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_SERVER = re.compile(r"(?<=://)(?![\d.]+(?:[:/\"'\s]|$))[A-Za-z0-9.-]+")
_REPOSITORY = re.compile(r"(?<=/v2/)[a-z0-9._/-]+(?=/(?:blobs|manifests)/)")


class Pseudonyms:
    """Pseudonyms of one run: the same original has the same pseudonym in every file, and nobody without this object knows which."""

    def __init__(self, hosts: Iterable[str] = ()) -> None:
        self._key = secrets.token_bytes(32)
        self._given: dict[tuple[str, str], str] = {}
        self._numbers: dict[str, int] = {}
        ordered = sorted({host for host in hosts if host and not _ADDRESS.fullmatch(host)})
        for host in ordered:
            self._numbered("host", host, next((role for role in _ROLES if role in host), "host"))
        longest_first = "|".join(map(re.escape, sorted(ordered, key=len, reverse=True)))
        self._hosts = re.compile(rf"(?<![A-Za-z0-9])(?:{longest_first})(?![A-Za-z0-9])") if ordered else None

    def apply(self, line: str) -> str:
        """Return a line with pseudonyms."""
        line = _SERVER.sub(lambda found: self._server(found[0]), line)
        line = _REPOSITORY.sub(lambda found: self._numbered("repository", found[0], "repository"), line)
        line = _ID.sub(lambda found: self._id(found[0]), line)
        line = _ADDRESS.sub(lambda found: self._address(found[0]), line)
        return self._hosts.sub(lambda found: self._given["host", found[0]], line) if self._hosts else line

    def _numbered(self, kind: str, original: str, word: str) -> str:
        if (kind, original) not in self._given:
            self._numbers[word] = self._numbers.get(word, _FIRST - 1) + 1
            self._given[kind, original] = f"{word}-{self._numbers[word]}"
        return self._given[kind, original]

    def _server(self, original: str) -> str:
        if ("host", original) in self._given:
            return original
        return original if original == "localhost" else self._numbered("server", original, "server")

    def _id(self, original: str) -> str:
        digits = hashlib.blake2b(original.encode(), key=self._key, digest_size=32).hexdigest()
        if "-" not in original:
            return digits[: len(original)]
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))

    def _address(self, original: str) -> str:
        if ("address", original) not in self._given:
            number = self._numbers["address"] = self._numbers.get("address", 0) + 1
            self._given["address", original] = f"10.{200 + number // 65025}.{number // 255 % 255}.{number % 255}"
        return self._given["address", original]
