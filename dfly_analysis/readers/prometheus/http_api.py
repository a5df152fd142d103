"""A small client of Prometheus' HTTP API: two questions, a timeout, and one clear error for each way to fail."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from dfly_analysis.errors import SourceError

TOKEN = "DFLY_ANALYSIS_PROMETHEUS_TOKEN"  # noqa: S105 - the variable's name
_TIMEOUT_S = (10.0, 120.0)  # to connect, and between two bytes of the answer
_MAX_BYTES = 512 << 20
_REASONS = ("Connection refused", "Name or service not known", "No route to host", "reset by peer", "Network is unreachable")  # fmt: skip
Point = tuple[float, float]  # unix time in seconds and value


@dataclass(frozen=True)
class Answer:
    """One series of an answer."""

    labels: dict[str, str]  # with the metric's name under ``__name__``, where the query kept it
    points: tuple[Point, ...]  # unix time, value


@dataclass(frozen=True)
class Server:
    """A Prometheus server, or anything that speaks its API."""

    address: str  # its URL without user name and password
    user: str | None = None
    password: str | None = None  # for basic authentication

    @classmethod
    def at(cls, url: str) -> Server:
        """Read a URL; user name and password in it become basic authentication."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit(""), None, None
        if parts.scheme not in ("http", "https") or not host:
            raise SourceError("is not the URL of a Prometheus server", where=url.rsplit("@", 1)[-1], hint="write it like http://prometheus:9090")  # fmt: skip
        place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
        path = parts.path.rstrip("/").removesuffix("/api/v1").removesuffix("/graph")
        address = urlunsplit((parts.scheme, place, path, "", ""))
        return cls(address, unquote(parts.username) if parts.username else None, unquote(parts.password or ""))

    def query(self, expression: str, at_s: float) -> list[Answer]:
        """Return the value of an expression at a moment."""
        return self._ask("query", {"query": expression, "time": f"{at_s:.3f}"})

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> list[Answer]:
        """Return the values of an expression in a window."""
        parameters = {"query": expression, "start": f"{start_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:.3f}"}
        return self._ask("query_range", parameters)

    def _ask(self, endpoint: str, parameters: dict[str, str]) -> list[Answer]:
        status, body = self._get(f"{self.address}/api/v1/{endpoint}", parameters)
        if status in (401, 403):
            hint = f"put user:password@ into the URL, or a token into the variable {TOKEN}"
            raise self._error(f"refuses access (HTTP {status})", hint)
        try:
            answer = json.loads(body)
            outcome, data = answer["status"], answer.get("data")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
            hint = "name the server itself, with its path prefix where it has one"
            raise self._error(f"does not answer as Prometheus does (HTTP {status})", hint) from problem
        if outcome != "success":
            error_text = str(answer.get("error") or answer.get("errorType") or status)[:300]
            raise self._error(f"cannot answer: {error_text}", "check the selector, or name a shorter window")
        try:
            return [answer for answer in map(_answer, data["result"]) if answer.points]
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise self._error("answers in another form than Prometheus does", "name the server itself") from problem

    def _get(self, url: str, parameters: dict[str, str]) -> tuple[int, bytes]:
        import requests  # type: ignore[import-untyped,unused-ignore]

        token = os.environ.get(TOKEN, "").strip()
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token and not self.user else {})  # fmt: skip
        basic = (self.user, self.password or "") if self.user else _keep_header if token else None
        failures = requests.exceptions
        try:
            with requests.get(url, params=parameters, headers=headers, auth=basic, timeout=_TIMEOUT_S, stream=True) as response:  # fmt: skip
                body = bytearray()
                for block in response.iter_content(1 << 20):
                    body += block
                    if len(body) > _MAX_BYTES:
                        raise self._error(f"answers with more than {_MAX_BYTES} bytes", "name a shorter window or a selector")  # fmt: skip
                return response.status_code, bytes(body)
        except failures.SSLError as problem:
            if "certificate" not in str(problem).lower():
                raise self._error("does not speak TLS", "write http:// instead of https://") from problem
            hint = "name the authority's certificate in the variable REQUESTS_CA_BUNDLE"
            raise self._error("has a certificate that is not trusted", hint) from problem
        except failures.Timeout as problem:
            raise self._error("does not answer in time", "check that it is reachable, or name a shorter window") from problem  # fmt: skip
        except failures.ConnectionError as problem:
            reason = next((text for text in _REASONS if text.lower() in str(problem).lower()), "no connection")
            raise self._error(f"cannot be reached: {reason}", "check host and port; is a port forwarded?") from problem
        except (failures.RequestException, UnicodeError, OSError) as problem:
            hint = "write its URL like http://prometheus:9090"
            raise self._error(f"cannot be queried: {type(problem).__name__}", hint) from problem

    def _error(self, message: str, hint: str) -> SourceError:
        return SourceError(message, where=self.address, hint=hint)


def _keep_header(request: Any) -> Any:
    """Keep the header that is there: without an authentication a ``.netrc`` would replace the token."""
    return request


def _answer(entry: dict[str, Any]) -> Answer:
    points = entry["values"] if "values" in entry else [entry["value"]] if "value" in entry else []
    return Answer(dict(entry["metric"]), tuple((float(time), float(value)) for time, value in points))
