"""Runs one command of the user's kubectl or helm and keeps its output, redacted line by line."""

import gzip
import json
import os
import selectors
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from dfly_analysis.collect.commands import Item, check_read_only
from dfly_analysis.errors import DflyError
from dfly_analysis.redaction import LineRedactor, redact, without_secrets

_BLOCK = 1 << 16
_MAX_LINE_BYTES = 16 << 20  # a longer line is redacted in pieces, so that memory is bounded
_MOST_BYTES = {"json": 512 << 20, "gzip": 4 << 30, "text": 16 << 30}
_MAX_STDERR_BYTES, _MAX_REASON_CHARS = 1 << 20, 200


def fetch(item: Item, target: Path, silence_s: float) -> str | None:
    """Run an item's command, killed after `silence_s` seconds without output, and write what it prints, whole or not at all; return why there is none, None on success."""
    check_read_only(item.command)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    with tempfile.TemporaryFile(dir=target.parent) as raw:  # without a name: no secret is left after an interruption
        reason = _run(item.command, raw, silence_s, _MOST_BYTES[item.content])
        raw.seek(0)
        try:
            if reason is None:
                with part.open("wb") as out:
                    _write_redacted(raw, item.content, out)
                part.replace(target)
        except (OSError, EOFError, ValueError) as problem:
            part.unlink()
            reason = f"cannot be read as {item.content}: {problem}"
    return reason


def _run(command: tuple[str, ...], raw: IO[bytes], silence_s: float, most_bytes: int) -> str | None:
    with tempfile.TemporaryFile() as stderr:
        try:
            # a session of its own, so that what kubectl starts ends with it
            running = subprocess.Popen(  # noqa: S603 - the command is one of `commands`, no shell reads it
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True
            )
        except FileNotFoundError:
            hint = "install it, or run the script that --dry-run prints on a machine that has it"
            raise DflyError(f"{command[0]} is not on the PATH", hint=hint) from None
        with running, selectors.DefaultSelector() as selector:
            assert running.stdout is not None
            selector.register(running.stdout, selectors.EVENT_READ)
            try:
                while selector.select(silence_s):
                    if not (block := os.read(running.stdout.fileno(), _BLOCK)):
                        running.wait()
                        break
                    raw.write(block)
                    if raw.tell() > most_bytes:
                        return f"more than {most_bytes >> 20:,} MiB, so the command was stopped"
                else:
                    return f"no output for {silence_s:g} s, so the command was stopped"
            finally:
                if running.poll() is None:
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(running.pid, signal.SIGKILL)
        stderr.seek(0)
        lines = stderr.read(_MAX_STDERR_BYTES).decode("utf-8", "replace").split("\n")
    if not running.returncode:
        return None
    # kubectl writes what it tried before what went wrong
    text = next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "")
    return redact(text)[:_MAX_REASON_CHARS] or f"{command[0]} exited with code {running.returncode}"


def _write_redacted(raw: IO[bytes], content: str, out: IO[bytes]) -> None:
    if content == "json":
        out.write(json.dumps(without_secrets(json.load(raw)), indent=1, ensure_ascii=False).encode() + b"\n")
        return
    redactor = LineRedactor()
    with gzip.open(raw) if content == "gzip" else raw as lines:
        while line := lines.readline(_MAX_LINE_BYTES):
            text = line.removesuffix(b"\n")
            out.write(redactor.line(text.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape"))
            out.write(line[len(text) :])
