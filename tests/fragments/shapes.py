"""The shapes in which people paste a line of a log: each takes a line as it was written and returns the text of a paste."""

from __future__ import annotations

import html
import json
import random
import re
import textwrap
from collections.abc import Callable
from typing import NamedTuple

_RUST = re.compile(
    r"^(?P<time>\S+) +(?P<level>[A-Z]+) (?:(?P<spans>[\w:]+): )?(?P<source>\S+\.rs:\d+): (?P<message>.*)$"
)
_TAIL = re.compile(
    r'(?: (?:host_id|remote_host_id|task_id|peer_id|piece_id|url|remote_ip|content_length)=(?:"[^"]*"|\S+))+$'
)


class Parts(NamedTuple):
    """A line in its parts."""

    time: str
    level: str
    source: str
    message: str


def parts_of(line: str) -> Parts:
    """Take a line of a client, scheduler or manager apart; ids at its end go."""
    if line.startswith("{") and '"msg"' in line and line.endswith("}"):
        data = json.loads(line)
        error = f": {data['error']}" if data.get("error") else ""
        return Parts(data["ts"], data["level"].upper(), data.get("caller", ""), data["msg"] + error)
    if line.count("\t") >= 3:
        time, level, source, message, *_ = line.split("\t")
        return Parts(time, level, source, message)
    match = _RUST.match(line)
    if match is None:  # of another program
        return Parts("", "", "", line)
    return Parts(match["time"], match["level"], match["source"], _TAIL.sub("", match["message"]))


def _coloured(line: str, escape: str) -> str:
    one = parts_of(line)
    if not one.time:
        return f"{escape}[31m{line}{escape}[0m"
    return f"{escape}[2m{one.time}{escape}[0m {escape}[31m{one.level}{escape}[0m {escape}[2m{one.source}:{escape}[0m {one.message}"


def _loki_csv(line: str) -> str:
    cell = _coloured(line, "").replace('"', '""')
    return f'Time,Line\n1732402665332629446,"{cell}"'


def _grafana_panel(line: str) -> str:
    return f"2026-11-23 23:17:45.332\n{_coloured(line, '')}"


def _wrapped(line: str) -> str:
    return "\n".join(line[at : at + 80] for at in range(0, len(line), 80))


def _wrapped_words(line: str) -> str:
    return "\n".join(textwrap.wrap(line, 72, break_long_words=False, break_on_hyphens=False))


def _tracing_json(line: str) -> str:
    one = parts_of(line)
    return json.dumps({
        "timestamp": one.time, "level": one.level, "fields": {"message": one.message}, "target": "dragonfly_client::resource::task",
        "filename": one.source.rsplit(":", 1)[0], "line_number": 640,
    })  # fmt: skip


def _jq(line: str) -> str:
    return json.dumps(json.loads(_tracing_json(line)), indent=2)


def _job_fragment(line: str) -> str:
    return (
        '"job_states": [\n  {"task_name": "preheat", "state": "FAILURE",\n   "error": '
        + json.dumps(parts_of(line).message)
        + ',\n   "created_at"'
    )


def _escaped(line: str) -> str:
    return '{"log": ' + json.dumps(line + "\n") + ', "stream": "stderr"'


def _lost_letters(line: str) -> str:
    """Drop one letter in fifty of the message, as text recognition does, and misread some."""
    random.seed(line)
    letters = list(parts_of(line).message[:220])
    for place in random.sample(range(len(letters)), max(1, len(letters) // 50)):
        letters[place] = random.choice(["", {"l": "1", "o": "0", "i": "l"}.get(letters[place], "")])
    return "".join(letters)


def _two_hosts(line: str) -> str:
    return f"seed-client-1: {line}\nseed-client-2: {line}"


SHAPES: dict[str, Callable[[str], str]] = {
    "as written": lambda line: line,
    "Loki CSV export": _loki_csv,
    "Grafana panel": _grafana_panel,
    "terminal colours": lambda line: _coloured(line, "\x1b"),
    "blanks folded": lambda line: re.sub(r"\s+", " ", line),
    "quoted": lambda line: f"> {line}",
    "quoted twice": lambda line: f"> > {line}\n> what does it mean?",
    "indented": lambda line: f"    {line}",
    "back-ticks": lambda line: f"we see `{line}` since yesterday",
    "code fence with prose": lambda line: (
        f"Hi all,\nthe preheat of a 20 GB image fails with\n```\n{line}\n```\nany idea?"
    ),
    "Markdown table": lambda line: f"| host | line |\n|---|---|\n| seed-0 | {line.replace('|', chr(92) + '|')} |",
    "HTML entities": html.escape,
    "bullet": lambda line: f"* {line}",
    "chat": lambda line: f"Ada Byron  10:32 AM\n{line}",
    "prompt": lambda line: f"$ kubectl logs dragonfly-seed-client-0 -n dragonfly-system | grep ERROR\n{line}",
    "grep": lambda line: f"./dfdaemon.log:{line}",
    "grep -n": lambda line: f"dfdaemon/dfdaemon.log:1234:{line}",
    "wrapped at 80": _wrapped,
    "wrapped at words": _wrapped_words,
    "behind a progress bar": lambda line: f" 42% |█████     | 8.4/20.0 GiB [03:32<04:50, 41.2MB/s]{line}",
    "stern prefix": lambda line: f"dragonfly-seed-client-0 seed-client {line}",
    "journald": lambda line: f"Nov 23 23:17:45 node-7 dfdaemon[2311]: {line}",
    "journald, Chinese": lambda line: f"11月 23 23:17:45 node-7 dfdaemon[2311]: {line}",
    "docker compose": lambda line: f"dfdaemon-1  | {line}",
    "tracing JSON": _tracing_json,
    "jq": _jq,
    "job JSON, a part": _job_fragment,
    "escaped in JSON": _escaped,
    "message alone": lambda line: parts_of(line).message,
    "level and message": lambda line: f"{parts_of(line).level or 'ERROR'} {parts_of(line).message}",
    "without time": lambda line: f"{parts_of(line).level or 'ERROR'} {parts_of(line).source}: {parts_of(line).message}",
    "inside a sentence": lambda line: (
        f'Our preheat stops with "{parts_of(line).message}" after some minutes, what should I set?'
    ),
    "second half": lambda line: f"...{parts_of(line).message}",
    "two hosts": _two_hosts,
    "letters lost": _lost_letters,
}
