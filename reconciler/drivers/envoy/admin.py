"""Envoy's admin interface over a unix socket: ask, and translate every failure to answer into `Unreachable`."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from reconciler.drivers.envoy import names
from reconciler.drivers.envoy.deadline import Deadline
from reconciler.errors import Unreachable

ROUTES = f"/config_dump?resource=dynamic_route_configs&name_regex=^{names.ROUTES}$"
# `usedonly` leaves out what is zero, and is three times as fast for it; an attempt there always was.
UPDATES = rf"/stats?type=Counters&usedonly&filter=^http\.{names.LISTENER}\.rds\.{names.ROUTES}\.update_"
ACTIVE = rf"/stats?type=Gauges&filter=^http\.{names.LISTENER}\.downstream_rq_active$"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, deadline: Deadline) -> None:
        super().__init__("envoy")
        self._path, self._deadline = path, deadline

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._deadline.check())
        self.sock.connect(str(self._path))


class Admin:
    """A new connection for every question: a unix socket costs nothing, and none can go stale or stay open."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def routes(self, deadline: Deadline) -> tuple[str, Mapping[str, Any]] | None:
        """Version and content of the routes in force; None while Envoy has loaded none."""
        found = self._json(ROUTES, deadline).get("configs", [])
        return (found[0].get("version_info", ""), found[0]["route_config"]) if found else None

    def clusters(self, deadline: Deadline) -> list[Mapping[str, Any]]:
        return cast("list[Mapping[str, Any]]", self._json("/clusters?format=json", deadline)["cluster_statuses"])

    def failures(self, deadline: Deadline) -> int:
        """How many documents Envoy could not read, or did not accept, since it started."""
        lines = self.ask("GET", UPDATES, deadline).decode().splitlines()
        found = {name.rpartition("_")[2]: int(value) for name, _, value in (line.partition(": ") for line in lines)}
        if "attempt" not in found:
            raise Unreachable(f"{deadline.what}: Envoy does not tell which routes it refused")
        return found.get("rejected", 0) + found.get("failure", 0)

    def active(self, deadline: Deadline) -> int:
        """Users' requests that are being answered, to whichever slot."""
        return int(self.ask("GET", ACTIVE, deadline).decode().rpartition(":")[2])

    def drain(self, deadline: Deadline) -> None:
        """Ask clients to leave, and stop listening when the drain time is over."""
        self.ask("POST", "/drain_listeners?graceful", deadline)

    def quit(self, deadline: Deadline) -> None:
        self.ask("POST", "/quitquitquit", deadline)

    def _json(self, path: str, deadline: Deadline) -> dict[str, Any]:
        try:
            return cast("dict[str, Any]", json.loads(self.ask("GET", path, deadline)))
        except ValueError as error:
            raise Unreachable(f"{deadline.what}: Envoy's admin interface gave no JSON") from error

    def ask(self, method: str, path: str, deadline: Deadline) -> bytes:
        connection = _Connection(self._path, deadline)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            body = _whole(connection, response, deadline)
        except TimeoutError as error:
            raise Unreachable(f"{deadline.what}: no answer within {deadline.seconds:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{deadline.what}: no answer on Envoy's admin socket {self._path} ({error})") from error
        finally:
            connection.close()
        if response.status != 200:
            raise Unreachable(f"{deadline.what}: Envoy's admin interface answered {response.status}")
        return body


def _whole(connection: _Connection, response: http.client.HTTPResponse, deadline: Deadline) -> bytes:
    """The body, piece by piece: a socket's own time-out starts anew with every piece."""
    pieces: list[bytes] = []
    while True:
        if connection.sock is not None:  # None once the answer says that the connection closes after it
            connection.sock.settimeout(deadline.check())
        piece = response.read1(1 << 16)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        deadline.check()
