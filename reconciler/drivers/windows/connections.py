"""Connections to one machine: bounded in time and bytes beneath requests and urllib3, with certificates that this
machine trusts or the operator's own authority's, and to nobody else.

Whoever imports this module pays for requests.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from reconciler.clock import Clock
from reconciler.drivers.lookup import addresses
from reconciler.drivers.windows.machine import Machine
from reconciler.errors import InvalidConfiguration

LARGEST = 2 << 20  # bytes of the answer to one message; WinRM keeps its own far below


class Nonsense(Exception):
    """An answer that no honest machine gives. Its text is ours, and is fit for an operator."""


class Budget:
    """What may still be taken, by every socket of a client: seconds of the call, bytes of the message under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends = 0.0
        self.bytes = LARGEST

    def begin(self, seconds: float) -> None:
        self._ends = self._clock.monotonic() + seconds

    def left(self) -> float:
        """Seconds. Raises TimeoutError when there are none."""
        left = self._ends - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline is over")
        return left

    def take(self, count: int) -> None:
        """Raises Nonsense."""
        self.bytes -= count
        if self.bytes < 0:
            raise Nonsense(f"it answers one message with more than {LARGEST} bytes")


class _Bounded:
    """Mixed into a socket: every wait ends with the budget, whatever requests and urllib3 have set."""

    budget: Budget

    def recv_into(self, *words: Any) -> int:
        self.settimeout(self.budget.left())  # type: ignore[attr-defined]
        count: int = super().recv_into(*words)  # type: ignore[misc]
        self.budget.take(count)
        return count

    def send(self, *words: Any) -> int:
        self.settimeout(self.budget.left())  # type: ignore[attr-defined]
        count: int = super().send(*words)  # type: ignore[misc]
        return count

    def sendall(self, *words: Any) -> None:
        self.settimeout(self.budget.left())  # type: ignore[attr-defined]
        super().sendall(*words)  # type: ignore[misc]


class _Plain(_Bounded, socket.socket):
    pass


class _Secured(_Bounded, ssl.SSLSocket):
    pass


def _connected(host: str, port: int, budget: Budget) -> _Plain:
    """Raises OSError of the last address that was tried."""
    problem: OSError = OSError("the name has no address")
    for number in addresses(host, port, budget.left()):
        try:
            found = socket.create_connection((number, port), budget.left())
        except TimeoutError:
            raise
        except OSError as error:
            problem = error
            continue
        bounded = _Plain(fileno=found.detach())
        bounded.budget = budget
        bounded.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bounded.settimeout(budget.left())  # for the handshake of TLS, which is one wait
        return bounded
    raise problem


def _pools(budget: Budget) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's own, with connections of ours."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self.host, self.port, budget)

    class Secured(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self.host, self.port or 0, budget)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecuredPool(HTTPSConnectionPool):
        ConnectionCls = Secured

    return {"http": PlainPool, "https": SecuredPool}


def trust(machine: Machine, budget: Budget) -> ssl.SSLContext:
    """The operator's authority, else this machine's own store: a company's is there, and in no bundle. There is no
    switch that trusts everybody. Raises InvalidConfiguration for files that cannot be used."""
    files = [machine.file(name) for name in (machine.ca, machine.certificate, machine.key) if name]
    try:
        context = ssl.create_default_context(cafile=str(files[0]) if machine.ca else None)
        if machine.certificate and machine.key:
            context.load_cert_chain(files[-2], files[-1], lambda: "")  # or OpenSSL would ask on the terminal
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or "no PEM"
        named = " or ".join(map(str, files)) or "this machine's own store"
        raise InvalidConfiguration(f"{machine.host}: {named} cannot be used: {why}") from None
    context.sslsocket_class = type("Secured", (_Secured,), {"budget": budget})
    return context


class Adapter(HTTPAdapter):
    """Certificates are the context's affair alone: what requests would bring along is not asked."""

    def __init__(self, context: ssl.SSLContext | None, budget: Budget) -> None:
        self._context, self._budget = context, budget
        self._last: Any = None
        super().__init__()

    def init_poolmanager(self, *_words: Any, **_more: Any) -> None:
        super().init_poolmanager(1, 1, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = _pools(self._budget)

    def cert_verify(self, *_words: Any) -> None:
        pass

    def build_connection_pool_key_attributes(self, request: PreparedRequest, *_words: Any, **_more: Any) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, True)
        return host, {}

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        self._last = resp
        if resp.headers.get("content-encoding", "identity") != "identity":
            raise Nonsense("it compresses its answer, which nobody asked for")
        return super().build_response(req, resp)

    def close(self) -> None:
        """Whoever raises between the head of an answer and its end leaves its connection open, in no pool."""
        if self._last is not None:
            self._last.close()
        super().close()
