"""Clients of a gateway: a load that counts every outcome, a long download, and waiting by condition."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from gateway_upstream import Upstream

from reconciler.core.reading import Counters
from reconciler.drivers.certificates.trust import trusting
from reconciler.drivers.protocols import Road


def until(so: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + 30
    while not so():
        assert time.monotonic() < limit, what
        time.sleep(0.01)


def connection(road: Road, users: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    """To a road's address, not made yet: as our own requests are, or as those of `users`, who believe an authority."""
    scheme, _, address = road.url.partition("://")
    if scheme == "http":
        return http.client.HTTPConnection(address, timeout=30)
    return http.client.HTTPSConnection(address, timeout=30, context=users or trusting(road.trust))


class Load:
    """Clients that ask on and on, half of them on kept-alive connections; every request has an outcome."""

    def __init__(self, road: Road, clients: int = 4, users: ssl.SSLContext | None = None) -> None:
        self._road, self._users = road, users
        self.outcomes: Counter[str] = Counter()
        self._over, self._lock = threading.Event(), threading.Lock()
        self._clients = [threading.Thread(target=self._run, args=(number % 2 == 0,)) for number in range(clients)]

    def __enter__(self) -> Load:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for client in self._clients:
            client.join()

    def wait_for(self, more: int) -> None:
        goal = self.outcomes.total() + more
        until(lambda: self.outcomes.total() >= goal, "the clients do not get on")

    @property
    def failed(self) -> int:
        return self.outcomes.total() - self.outcomes["blue"] - self.outcomes["green"]

    def _run(self, keep: bool) -> None:
        kept = connection(self._road, self._users)
        while not self._over.wait(0.004):
            outcome = self._once(kept)
            if not keep or outcome not in ("blue", "green"):
                kept.close()
            with self._lock:
                self.outcomes[outcome] += 1
        kept.close()

    @staticmethod
    def _once(connection: http.client.HTTPConnection) -> str:
        try:
            connection.request("GET", "/")
            response = connection.getresponse()
            text = response.read()
            return str(json.loads(text)["slot"]) if response.status == 200 else str(response.status)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__


def flying(counted: Counters | None) -> int:
    assert counted is not None
    return counted.in_flight


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def download(road: Road, app: Upstream) -> Iterator[Callable[[], bytes]]:
    """A long answer under way; what it yields reads the rest of it."""
    used = connection(road)
    try:
        used.request("GET", "/stream")
        response = used.getresponse()
        assert app.streaming.wait(30)
        yield response.read
    finally:
        app.finish.set()
        used.close()
