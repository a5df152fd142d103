"""Runs one command of the user's kubectl or helm and keeps what it prints, redacted line by line."""

from __future__ import annotations

import gzip
import json
import os
import re
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from dfly_analysis.collect.commands import Item, check_reading
from dfly_analysis.errors import DflyError
from dfly_analysis.redaction import MARK, redact

_BLOCK = 1 << 16
_LONGEST_LINE = 16 << 20  # a longer one is cut, so that memory is bounded
_SECRET_NAMES = frozenset(("PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "CREDENTIALS", "AUTH", "DSN"))
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_LONGEST_REASON = 200
_MAX_SAID = 1 << 20


def fetch(item: Item, target: Path, silence_s: float) -> str | None:
    """Run an item's command and write what it prints; return why there is nothing, one line, or None where all went well.

    A command that prints nothing for `silence_s` seconds is ended; the target stands there only once it is whole.
    """
    check_reading(item.command)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with part.open("wb") as out:
        reason = _run(item, out, silence_s)
    if reason is None and item.content == "json":
        reason = _redact_json(part)
    if reason is None:
        part.replace(target)
    else:
        part.unlink()
    return reason


def _run(item: Item, out: IO[bytes], silence_s: float) -> str | None:
    with tempfile.TemporaryFile() as message:
        try:
            # a session of its own, so that what kubectl starts ends with it
            running = subprocess.Popen(  # noqa: S603 - the command is one of `items`, no shell reads it
                item.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=message, start_new_session=True
            )
        except FileNotFoundError:
            hint = "install it, or run what --dry-run prints where it is"
            raise DflyError(f"{item.command[0]} is not on the PATH", hint=hint) from None
        try:
            reason = _keep(item, running, out, silence_s)
        finally:
            _end(running)
        message.seek(0)
        lines = message.read(_MAX_SAID).decode("utf-8", "replace").split("\n")
    # kubectl writes what it tried before what went wrong
    words = next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "")
    if reason is not None:
        return reason
    if running.returncode:
        return redact(words)[:_LONGEST_REASON] or f"{item.command[0]} ended with code {running.returncode}"
    return None


def _keep(item: Item, running: subprocess.Popen[bytes], out: IO[bytes], silence_s: float) -> str | None:
    assert running.stdout is not None
    stream = _blocks(running.stdout, silence_s)
    try:
        if item.content == "gzip":
            with tempfile.TemporaryFile() as packed:
                packed.writelines(stream)
                packed.seek(0)
                with gzip.open(packed) as unpacked:
                    _write_lines(iter(lambda: unpacked.read(_BLOCK), b""), out)
        elif item.content == "json":
            out.writelines(stream)
        else:
            _write_lines(stream, out)
    except TimeoutError:
        return f"nothing came for {silence_s:g} s, so it was ended"
    except (OSError, EOFError) as problem:
        return f"could not be read: {problem}"
    running.wait()
    return None


def _blocks(stream: IO[bytes], silence_s: float) -> Iterator[bytes]:
    with selectors.DefaultSelector() as waiting:
        waiting.register(stream, selectors.EVENT_READ)
        while True:
            if not waiting.select(silence_s):
                raise TimeoutError
            block = os.read(stream.fileno(), _BLOCK)
            if not block:
                return
            yield block


def _write_lines(blocks: Iterator[bytes], out: IO[bytes]) -> None:
    left = b""
    for block in blocks:
        *lines, left = (left + block).split(b"\n")
        for line in lines:
            out.write(_redacted(line) + b"\n")
        if len(left) > _LONGEST_LINE:
            out.write(_redacted(left) + b"\n")
            left = b""
    if left:
        out.write(_redacted(left))


def _redacted(line: bytes) -> bytes:
    return redact(line.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _end(running: subprocess.Popen[bytes]) -> None:
    if running.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    if running.stdout is not None:
        running.stdout.close()


def _redact_json(path: Path) -> str | None:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as problem:
        return f"is not JSON: {problem}"
    path.write_text(json.dumps(without_secrets(content), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return None


def without_secrets(content: Any) -> Any:
    """Return JSON of Kubernetes without secrets.

    Values of environment variables that are named like one go, and so does the copy of the object that ``kubectl apply``
    leaves behind; every text and every field is redacted as a log is.
    """
    if isinstance(content, list):
        return [without_secrets(one) for one in content]
    if isinstance(content, str):
        return redact(content)
    if not isinstance(content, dict):
        return content
    kept = {name: without_secrets(value) for name, value in content.items() if name != _APPLIED}
    named = str(kept.get("name", "")).upper()
    if isinstance(kept.get("value"), str) and not _SECRET_NAMES.isdisjoint(re.split("[-._]", named)):
        kept["value"] = MARK
    return {name: _without_named(name, value) for name, value in kept.items()}


def _without_named(name: str, value: Any) -> Any:
    """Return the value, or the mark where a field of that name holds a secret by the rules for logs."""
    if not isinstance(value, str) or not value:
        return value
    line = json.dumps({name: value}, ensure_ascii=False)
    cleaned = redact(line)
    try:
        return value if cleaned == line else json.loads(cleaned)[name]
    except (ValueError, KeyError):
        return MARK
