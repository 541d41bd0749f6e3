"""One synthetic request: sent on a line to the gateway, and accounted for whatever comes back.

A stranger's request has a connection of its own: one that is kept, and that the other side closes at the wrong moment,
would be an error that no user's browser shows. A visitor keeps his, and does what a browser does then: he asks again.
Standard library only: in threads it is the steadiest, and it starts fast.
"""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from reconciler.clock import SYSTEM
from reconciler.drivers.certificates.trust import trusting
from reconciler.drivers.journey import MAX_BODY, Step
from reconciler.drivers.protocols import Road
from reconciler.drivers.roads import UPSTREAM_HEADER
from reconciler.errors import Refused

OURS = {errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class NotSent(Exception):
    """This machine could not even send: that says nothing about the other side."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` None: no answer. `error` is empty exactly when the answer was the expected one. `void`: it was given by
    somebody else than the road leads to. `lost`: it shows that the session that asked is gone."""

    status: int | None
    slot: str = ""
    error: str = ""
    void: bool = False
    lost: bool = False


Look = Callable[[Step, http.client.HTTPResponse, Reply], Reply]  # what an answer is worth; may read its body


def send(step: Step, road: Road, timeout: float) -> Reply:
    """On a connection of its own. Takes `timeout` seconds at most, from here to the last byte. Raises NotSent."""
    line = Line(road)
    try:
        return line.ask(step, timeout, lambda *said: _looked(road, *said), {"Connection": "close"})
    finally:
        line.close()


class Line:
    """A connection to a road's address, made when it is needed, and kept while both sides keep it."""

    def __init__(self, road: Road) -> None:
        address = urlsplit(road.url)
        self._road = road
        secure = address.scheme == "https"
        self._exchange = _Exchange(address.hostname or "", address.port or (443 if secure else 80))
        self._exchange.trust = road.trust if secure else None

    def ask(self, step: Step, timeout: float, look: Look, headers: Mapping[str, str]) -> Reply:
        """Takes `timeout` seconds at most, from here to the last byte. Raises NotSent."""
        self._exchange.ends = SYSTEM.monotonic() + timeout
        kept, reply = self._exchange.sock is not None, Reply(None)
        try:
            try:
                response = self._answered(step, headers)
            except (ConnectionError, ssl.SSLEOFError):
                if not kept:
                    raise
                self.close()  # the other side had closed it meanwhile, which nobody can be blamed for
                response = self._answered(step, headers)
            with response:
                reply = Reply(response.status, response.getheader("X-Slot", "")[:20])
                found = look(step, response, reply)
                if not response.isclosed():  # what is left unread would be taken for the next answer
                    self.close()
                return found
        except Refused as error:
            raise NotSent(str(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            if isinstance(error, OSError) and error.errno in OURS:
                raise NotSent(f"this machine cannot send more requests: {error.strerror}") from error
            return Reply(reply.status, reply.slot, _reason(error, timeout))

    def close(self) -> None:
        self._exchange.close()

    def _answered(self, step: Step, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        whole = {**_headers(step, self._road), **headers}
        self._exchange.request(step.method, step.path, body=_body(step), headers=whole)
        return self._exchange.getresponse()


def _looked(road: Road, step: Step, response: http.client.HTTPResponse, reply: Reply) -> Reply:
    if astray := road.astray(response.getheader(UPSTREAM_HEADER)):
        return replace(reply, error=astray, void=True)
    body, error = whole(response)
    return replace(reply, error=error or _unexpected(step, response.status, body))


def whole(response: http.client.HTTPResponse) -> tuple[bytes, str]:
    """An answer's body, and why it is not whole; that is empty when it is."""
    body = response.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        return body, f"an answer of more than {MAX_BODY} bytes"
    if response.length:  # read() does not complain by itself
        return body, "an answer that was cut off"
    return body, ""


def _unexpected(step: Step, status: int, body: bytes) -> str:
    """Why this is not the expected answer; empty when it is."""
    if status != step.expect_status:
        return f"status {status} instead of {step.expect_status}"
    if step.contains is not None and step.contains.encode() not in body:
        return "an answer without the expected text"
    if step.exact is not None and body != step.exact.encode():
        return f"not what was uploaded: {len(body)} bytes instead of {len(step.exact)}, or others"
    return ""


def _body(step: Step) -> bytes | None:
    return None if step.body is None else step.body.encode()


def _headers(step: Step, road: Road) -> dict[str, str]:
    kind = {} if step.body is None else {"Content-Type": step.content_type}
    return {**kind, **road.headers, "User-Agent": "reconciler-journey"}


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no complete answer within {timeout:g} s"
    text = error.strerror if isinstance(error, OSError) else None
    return f"no complete answer: {text or type(error).__name__}"


class _Connection(socket.socket):
    """A connection whose every wait ends at one deadline, so that no trickle of bytes can keep it."""

    ends: float

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        _hurry(self, self.ends)
        return super().recv_into(*arguments, **named)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        _hurry(self, self.ends)
        super().sendall(data, flags)


class _Secured(ssl.SSLSocket):
    """Likewise, by TLS: there, what is sent whole is sent in pieces, and each of them waits for itself."""

    ends: float

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        _hurry(self, self.ends)
        return super().recv_into(*arguments, **named)

    def send(self, data: Any, flags: int = 0) -> int:
        _hurry(self, self.ends)
        return super().send(data, flags)


def _hurry(connection: socket.socket, ends: float) -> None:
    left = ends - SYSTEM.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)


class _Exchange(http.client.HTTPConnection):
    """Requests and answers on connections that all end by `ends` (seconds, monotonic), which each request sets anew."""

    ends = 0.0
    trust: tuple[str, ...] | None = None  # None: in the clear

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), max(0.001, self.ends - SYSTEM.monotonic()))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.trust is None:
            self.sock = _Connection(fileno=plain.detach())
            return
        context = trusting(self.trust, _Secured)
        try:
            self.sock = self._secured(plain, context)
        except ssl.SSLCertVerificationError:
            if trusting(self.trust, _Secured) is context:
                raise
            self.connect()  # it was renewed in this very moment, and nothing was sent yet

    def _secured(self, plain: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        try:
            plain.settimeout(max(0.001, self.ends - SYSTEM.monotonic()))
            return context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def request(self, *said: Any, **named: Any) -> None:
        if self.sock is None:
            self.connect()
        assert isinstance(self.sock, _Connection | _Secured)
        self.sock.ends = self.ends
        super().request(*said, **named)
