"""OpenTelemetry: logs as JSON over HTTP, as an OpenTelemetry Collector and many others take them at `/v1/logs`."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.logs.post import Post
from reconciler.drivers.logs.sending import fields, level, nanoseconds

if TYPE_CHECKING:
    from reconciler.drivers.logs.destination import Destination

PATH = "/v1/logs"
SEVERITIES = ((5, "DEBUG"), (9, "INFO"), (13, "WARN"), (17, "ERROR"), (21, "FATAL"))
OWN = {"at", "level", "logger", "message"}  # have places of their own; all else is an attribute
NAMES = {"id": "log.record.uid", "trace": "exception.stacktrace"}  # as OpenTelemetry names them


class Otlp:
    def __init__(self, destination: Destination, clock: Clock = SYSTEM) -> None:
        self._post = Post(destination, PATH, clock)

    def send(self, lines: Sequence[bytes]) -> int:
        """What it takes only partly must not be sent again: how many it has thrown away."""
        answer = self._post.send(request(lines))
        try:
            told = json.loads(answer.body or b"{}")
            return max(0, min(len(lines), int((told.get("partialSuccess") or {}).get("rejectedLogRecords", 0))))
        except (ValueError, TypeError, AttributeError):
            return 0  # a proxy's own way to say yes


def request(lines: Iterable[bytes]) -> dict[str, Any]:
    """Lines of one logger are one scope."""
    scopes: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        said = fields(line)
        scopes.setdefault(str(said.get("logger", "reconciler")), []).append(_record(said))
    who = {"service.name": "reconcile", "host.name": socket.gethostname(), "process.pid": os.getpid()}
    found = [{"scope": {"name": name}, "logRecords": records} for name, records in scopes.items()]
    return {"resourceLogs": [{"resource": {"attributes": _attributes(who)}, "scopeLogs": found}]}


def _record(said: dict[str, Any]) -> dict[str, Any]:
    number, text = SEVERITIES[level(said)]
    at = nanoseconds(said)
    return {
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": number,
        "severityText": text,
        "body": {"stringValue": str(said.get("message", ""))},
        "attributes": _attributes({NAMES.get(key, key): value for key, value in said.items() if key not in OWN}),
    }


def _attributes(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in found.items()]


def _value(value: Any) -> dict[str, Any]:
    """Whole numbers are text in OTLP's JSON, because JavaScript has none of 64 bits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"intValue": str(value)}
    return {"stringValue": value if isinstance(value, str) else json.dumps(value)}
