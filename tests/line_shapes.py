"""What is left of a log line when its values are taken away: level, spans, place, wording, names and order of fields.

Run on unpacked runs of a real Dragonfly, it writes the shapes that tests/data keeps::

    python tests/line_shapes.py RUN_FOLDER... > tests/data/line_shapes-v1.5.1.txt
"""

import json
import re
import sys
from pathlib import Path

_MASKS = [
    (re.compile(pattern), mask)
    for pattern, mask in (
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "U"),
        (r"[0-9a-f]{64}", "H"),
        (r"\d+\.\d+\.\d+\.\d+", "IP"),
        (r"(content/tasks/)[0-9a-f]{3}\b", r"\1P"),
        (r"(?:seed-)?client-\d", "HOST"),
        (r"\(0x[0-9a-f]+\)", "(X)"),
        (r"0x[0-9a-f]+", "X"),
        (r"\[http://[^\]]*\]", "[urls]"),
        (r"\[\{.*?\}\]", "[objects]"),
        (r'\[\\?"[^\]]*\]', "[texts]"),
        (r"\[\]string\{[^}]*\}", "[]string{texts}"),
        (r"\[[\d, ]*\]", "[numbers]"),
        (r"\d+(?:\.\d+)?", "N"),
        (r"N(?:ms|µs|mNs|s)(?=, parent)", "DURATION"),
    )
]
_STAMPS = {
    "nanoseconds": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?:\d{9}|\d{6}|\d{3}))?\+00:00 "),
    "microseconds": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z "),
}
_PLACE = re.compile(r"\S+\.rs:\d+: ")


# Wording no real run shows, and the wording of a real run in whose place it stands.
STAND_INS = {
    "v0.1.118": (
        ("Custom { kind: UnexpectedEof, error: IncompleteBody }",
         'Os { code: N, kind: ConnectionReset, message: "Connection reset by peer" }'),
        ("desc = backend error N Unauthorized", "desc = error decoding response body"),
        ("desc = backend error N Service Unavailable", "desc = error decoding response body"),
        ("Error = rpc error: code = Internal desc = backend error N", "Error = rpc error: code = Internal desc"),
        ("code = Unavailable desc = error reading from server: EOF",
         "code = Internal desc = error decoding response body"),
    ),
    "v1.5.1": (
        ("end of file before message length reached", "Connection reset by peer (os error N)"),
        ("N Service Unavailable", "N Unauthorized"),
        ("download piece H-N finished timeout",
         "error decoding response body: request or response body error: operation timed out"),
        ('DownloadPieceFinished("H-N")',
         'IO(Custom { kind: Other, error: "error decoding response body: request or response body error: operation timed out" })'),
    ),
}  # fmt: skip
# Lines no real run of that version shows at all.
UNSEEN = {
    "v0.1.118": ("download started failed by error: backend error N",),
    "v1.5.1": (
        "announce peer failed: TonicStatus",
        "download with scheduler error: TonicStatus",
        "download back-to-source is disabled, download with scheduler error: TonicStatus",
        "download failed: unknown download failed",
    ),
}


def client_shape(line):
    """Shape of a dfdaemon line, line number of the source included; the stamp says only which kind it is."""
    stamp = next((name for name, pattern in _STAMPS.items() if pattern.match(line)), "no stamp")
    rest = line.split(" ", 1)[1]
    place = _PLACE.search(rest)
    head, message = (rest[: place.end()], rest[place.end() :]) if place else ("", rest)
    return f"{stamp}|{head}{_mask(message)}"


def scheduler_shape(line):
    """Shape of a zap line: level, caller, message, names of its fields, stack trace."""
    record = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", record["ts"])
    head = f"{record['level']}|{record['caller']}|{_mask(record['msg'])}|{','.join(record)}"
    return f"{head}|{record.get('stacktrace', '')}".replace("\n", " ")


def json_shape(value, path="jobs"):
    """Key paths of a JSON document; lists are one level whose entries are alike."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from json_shape(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from json_shape(inner, f"{path}[]")
    else:
        yield path


def run_shapes(run):
    """Yield the shape of each line of one run's clients and scheduler, and the key paths of its jobs."""
    for path in sorted(run.rglob("dfdaemon.log")):
        yield from (client_shape(line) for line in path.read_text("utf-8").splitlines())
    for name in ("core.log", "job.log"):
        for path in sorted(run.glob(f"scheduler-*/scheduler/{name}")):
            yield from (scheduler_shape(line) for line in path.read_text("utf-8").splitlines())
    for path in run.glob("jobs.json"):
        yield from json_shape(json.loads(path.read_text("utf-8")))


def real_shape(shape, client):
    """Put the wording of a real run in the place of wording no real run shows."""
    for ours, theirs in STAND_INS[client]:
        shape = shape.replace(ours, theirs)
    return shape


def _mask(text):
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


if __name__ == "__main__":
    found = {shape for folder in sys.argv[1:] for shape in run_shapes(Path(folder))}
    sys.stdout.write("".join(f"{shape}\n" for shape in sorted(found)))
