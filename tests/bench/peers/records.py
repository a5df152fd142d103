"""What the peers agree on: the shape of a record, the numbers in it, and names of failures by a literal of their message."""

import json

RECORD = (
    r"^(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6,9}(?:Z|\+00:00)) +(?P<level>[A-Z]+) (?:(?P<spans>\S+): )??(?P<source>\S+\.rs:\d+): "
    r'(?P<message>.*?)(?: host_id="(?P<host_id>[^"]*)"(?: remote_host_id="[^"]*")?(?: task_id="(?P<task_id>[^"]*)")?(?: peer_id="(?P<peer_id>[^"]*)")?.*)?$'
)
FIELDS = ("time", "level", "spans", "source", "message", "host_id", "task_id", "peer_id")
PIECE_NUMBER = r"[0-9a-f]{64}-(?P<piece_number>\d{1,9})"
PIECE_LENGTH = r"piece length:? (?P<piece_length>\d+)"
REPORTED_NUMBER = r"piece number: (?P<piece_number>\d+)"
SIGNATURES = {
    "body": "error decoding response body",
    "disk_full": "No space left on device",
    "scheduler_silent": "Timeout expired",
    "report_closed": 'failed: "Closed(..)"',
    "cgroup": "container detected but cgroup",
}
SERVICE_FIELDS = ("ts", "level", "caller", "msg", "hostID", "taskID", "peerID", "stacktrace")
SERVICE_SIGNATURES = {
    "body": "error decoding response body",
    "refused_report": "embedded message failed validation",
    "canceled": "context canceled",
    "no_parents": "candidate parents not found",
}


def signature_sql(message: str, signatures: dict[str, str]) -> str:
    """Name the first known literal in a column, in SQL."""
    cases = " ".join(f"WHEN contains({message}, '{literal}') THEN '{name}'" for name, literal in signatures.items())
    return f"CASE {cases} END"


def sound(block: bytes) -> bytes:
    """Leave out of some lines those that are not JSON, for readers that stop at the first of them."""
    return b"\n".join(line for line in block.split(b"\n") if _is_json(line))


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
