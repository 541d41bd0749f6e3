"""Envoy's admin interface over a unix socket: ask, and translate every failure to answer into `Unreachable`."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from reconciler.drivers.envoy import names
from reconciler.drivers.local.deadline import Deadline
from reconciler.errors import Unreachable

CLUSTERS = "/clusters?format=json"
ROUTES = f"/config_dump?resource=dynamic_route_configs&name_regex=^{names.ROUTES}$"
# `usedonly` leaves out what is zero, and is three times as fast for it; an attempt there always was.
UPDATES = rf"/stats?type=Counters&usedonly&filter=^http\.{names.LISTENER}\.rds\.{names.ROUTES}\.update_"
ACTIVE = rf"/stats?type=Gauges&filter=^http\.{names.LISTENER}\.downstream_rq_active$"

CERTIFICATE = rf"/stats?filter=^sds\.{names.CERTIFICATE}\.(version_text|update_rejected|update_failure)$"
CERTIFICATES = "/certs"

Clusters = list[Mapping[str, Any]]


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, deadline: Deadline) -> None:
        super().__init__("envoy")
        self._path, self._deadline = path, deadline

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._deadline.check())
        self.sock.connect(str(self._path))


@contextmanager
def understood(deadline: Deadline) -> Iterator[None]:
    """An answer of another shape is as good as none, and never a zero. Raises Unreachable."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Unreachable(f"{deadline.what}: what Envoy would serve cannot be understood: {error}") from error


class Admin:
    """A new connection for every question: a unix socket costs nothing, and none can go stale or stay open."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def routes(self, deadline: Deadline) -> tuple[str, Mapping[str, Any]] | None:
        """Version and content of the routes in force; None while Envoy has loaded none."""
        (found,) = self._told((ROUTES,), deadline)
        with understood(deadline):
            return _routes(found)

    def routes_and_clusters(self, deadline: Deadline) -> tuple[tuple[str, Mapping[str, Any]] | None, Clusters]:
        """Both at once: Envoy answers two questions in little more than the time of one."""
        routes, clusters = self._told((ROUTES, CLUSTERS), deadline)
        with understood(deadline):
            return _routes(routes), cast("Clusters", clusters["cluster_statuses"])

    def failures(self, deadline: Deadline) -> int:
        """How many documents Envoy could not read, or did not accept, since it started."""
        lines = self._ask("GET", UPDATES, deadline).decode().splitlines()
        with understood(deadline):
            found = {name.rpartition("_")[2]: int(value) for name, _, value in (line.partition(": ") for line in lines)}
        if "attempt" not in found:
            raise Unreachable(f"{deadline.what}: Envoy does not tell which routes it refused")
        return found.get("rejected", 0) + found.get("failure", 0)

    def active(self, deadline: Deadline) -> int:
        """Users' requests that are being answered, to whichever slot."""
        with understood(deadline):
            return int(self._ask("GET", ACTIVE, deadline).decode().rpartition(":")[2])

    def certificate(self, deadline: Deadline) -> tuple[str, Mapping[str, Any] | None]:
        """The version of the secret that is in force, and the certificate that new connections are shown."""
        stats, certificates = self._ask_all("GET", (CERTIFICATE, CERTIFICATES), deadline)
        with understood(deadline):
            shown = [one["cert_chain"] for one in json.loads(certificates).get("certificates", [])]
            return _stats(stats).get("version_text", "").strip('"'), shown[0][0] if shown and shown[0] else None

    def certificates_refused(self, deadline: Deadline) -> int:
        """How many secrets Envoy could not read, or did not accept, since it started."""
        with understood(deadline):
            found = _stats(self._ask("GET", CERTIFICATE, deadline))
            return int(found.get("update_rejected", 0)) + int(found.get("update_failure", 0))

    def drain(self, deadline: Deadline) -> None:
        """Ask clients to leave, and stop listening when the drain time is over."""
        self._ask("POST", "/drain_listeners?graceful", deadline)

    def quit(self, deadline: Deadline) -> None:
        self._ask("POST", "/quitquitquit", deadline)

    def _told(self, paths: Sequence[str], deadline: Deadline) -> list[dict[str, Any]]:
        bodies = self._ask_all("GET", paths, deadline)
        with understood(deadline):
            return [json.loads(body) for body in bodies]

    def _ask(self, method: str, path: str, deadline: Deadline) -> bytes:
        return self._ask_all(method, (path,), deadline)[0]

    def _ask_all(self, method: str, paths: Sequence[str], deadline: Deadline) -> list[bytes]:
        """Every question is on its way before the first answer is waited for."""
        connections = [_Connection(self._path, deadline) for _ in paths]
        try:
            for connection, path in zip(connections, paths, strict=True):
                connection.request(method, path)
            return [_answer(connection, deadline) for connection in connections]
        except TimeoutError as error:
            raise Unreachable(f"{deadline.what}: no answer within {deadline.seconds:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{deadline.what}: no answer on Envoy's admin socket {self._path} ({error})") from error
        finally:
            for connection in connections:
                connection.close()


def _stats(text: bytes) -> dict[str, str]:
    """By the last part of their names."""
    return {
        name.rpartition(".")[2]: value
        for name, _, value in (line.partition(": ") for line in text.decode().splitlines())
    }


def _routes(dump: dict[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    found = dump.get("configs", [])
    return (found[0].get("version_info", ""), found[0]["route_config"]) if found else None


def _answer(connection: _Connection, deadline: Deadline) -> bytes:
    response = connection.getresponse()
    body = _whole(connection, response, deadline)
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
