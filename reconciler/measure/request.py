"""One synthetic request: sent on a connection of its own, and accounted for whatever comes back.

A kept-alive connection that the other side closes at the wrong moment would be an error that no user's browser shows,
so none is kept. Standard library only: in threads it is the steadiest, and it starts fast.
"""

from __future__ import annotations

import errno
import http.client
import socket
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from reconciler.clock import SYSTEM
from reconciler.drivers.journey import MAX_BODY, Step
from reconciler.drivers.protocols import Road
from reconciler.drivers.roads import UPSTREAM_HEADER

OURS = {errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class NotSent(Exception):
    """This machine could not even send: that says nothing about the other side."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`status` None: no answer. `error` is empty exactly when the answer was the expected one. `void`: it was given by
    somebody else than the road leads to."""

    status: int | None
    slot: str = ""
    error: str = ""
    void: bool = False


def send(step: Step, road: Road, timeout: float) -> Reply:
    """Takes `timeout` seconds at most, from here to the last byte. Raises NotSent."""
    address = urlsplit(road.url)
    host, port = address.hostname or "", address.port or 80
    reply = Reply(None)
    try:
        with _connect(host, port, timeout) as connection:
            exchange = http.client.HTTPConnection(host, port)
            exchange.sock = connection
            exchange.request(step.method, step.path, body=_body(step), headers=_headers(step, road))
            with exchange.getresponse() as response:
                reply = Reply(response.status, response.getheader("X-Slot", "")[:20])
                if astray := road.astray(response.getheader(UPSTREAM_HEADER)):
                    return replace(reply, error=astray, void=True)
                error = _unexpected(step, response)
        return Reply(reply.status, reply.slot, error)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, OSError) and error.errno in OURS:
            raise NotSent(f"this machine cannot send more requests: {error.strerror}") from error
        return Reply(reply.status, reply.slot, _reason(error, timeout))


def _unexpected(step: Step, response: http.client.HTTPResponse) -> str:
    """Why this is not the expected answer; empty when it is."""
    body = response.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        return f"an answer of more than {MAX_BODY} bytes"
    if response.length:  # read() does not complain by itself
        return "an answer that was cut off"
    if response.status != step.expect_status:
        return f"status {response.status} instead of {step.expect_status}"
    if step.contains is not None and step.contains.encode() not in body:
        return "an answer without the expected text"
    if step.exact is not None and body != step.exact.encode():
        return f"not what was uploaded: {len(body)} bytes instead of {len(step.exact)}, or others"
    return ""


def _body(step: Step) -> bytes | None:
    return None if step.body is None else step.body.encode()


def _headers(step: Step, road: Road) -> dict[str, str]:
    kind = {} if step.body is None else {"Content-Type": step.content_type}
    return {**kind, **road.headers, "Connection": "close", "User-Agent": "reconciler-journey"}


def _reason(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no complete answer within {timeout:g} s"
    text = error.strerror if isinstance(error, OSError) else None
    return f"no complete answer: {text or type(error).__name__}"


class _Connection(socket.socket):
    """A connection whose every wait ends at one deadline, so that no trickle of bytes can keep it."""

    ends: float

    def recv_into(self, *arguments: Any, **named: Any) -> int:
        self._hurry()
        return super().recv_into(*arguments, **named)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        self._hurry()
        super().sendall(data, flags)

    def _hurry(self) -> None:
        left = self.ends - SYSTEM.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)


def _connect(host: str, port: int, timeout: float) -> _Connection:
    ends = SYSTEM.monotonic() + timeout
    plain = socket.create_connection((host, port), timeout)
    connection = _Connection(fileno=plain.detach())
    connection.ends = ends
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
