"""Levels and names of fields in Dragonfly's logs; the tables of the Python readers and, generated from here, of the native one."""

from collections.abc import Mapping

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")  # from the least severe to the most
CLIENT_LEVELS = LEVELS[:5]  # those that tracing, which writes the client's logs, knows
ZAP_LEVELS: Mapping[str, str] = {
    "info": "INFO", "warn": "WARN", "error": "ERROR", "debug": "DEBUG", "fatal": "FATAL", "panic": "FATAL", "dpanic": "FATAL",
    "warning": "WARN",
}  # fmt: skip
"""How the Go services write a level, in lower case."""
SPAN_FIELDS: Mapping[str, str | None] = {
    "host_id": "host_id", "task_id": "task_id", "peer_id": "peer_id", "piece_id": "piece_id", "url": "url",
    "content_length": "content_length", "remote_host_id": None, "piece_number": None, "piece_length": None, "uri": None, "method": None,
    "remote_ip": None, "remote_address": None, "local_only": None, "num": None, "lid": None, "gid": None, "id": None,
    "panic.payload": None, "panic.location": None, "panic.backtrace": None, "panic.note": None,
}  # fmt: skip
"""Fields that the client's spans append to a compact line, and what of a record they are; None where nothing reads them.

Only these are taken off a line's end: a message may hold ``a=b`` itself.
"""
TAIL_STARTS = (
    ' host_id="', ' remote_host_id="', ' task_id="', ' piece_id="', " url=", " uri=", " id=", " method=", " content_length=",
    ' panic.payload="',
)  # fmt: skip
"""How the span fields at the end of a line can begin."""
ZAP_FIELDS: Mapping[str, str] = {
    "url": "url", "task": "task_id", "peer": "peer_id", "jobID": "job_id", "hostID": "host_id", "taskID": "task_id", "peerID": "peer_id",
    "taskId": "task_id", "groupID": "job_id", "groupUUID": "job_id",
}  # fmt: skip
"""Names of the Go services' JSON fields, and what of a record they are."""
