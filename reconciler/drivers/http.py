"""One HTTP client for drivers: one request, one answer, bounded in time and memory whatever the other side sends.

httpx bounds each wait, not their sum: a server that sends one byte a second would keep it for ever. So the waits are
shortened here to what is left of one deadline, beneath httpx. Foreign exceptions end at this seam.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.certificates.trust import trusting
from reconciler.drivers.lookup import addresses
from reconciler.errors import Unreachable

CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` holds at most what was asked for; `whole` is False when there was more."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool
    seconds: float  # from the request to the last byte that was read


class Client:
    """No redirects, no proxies from the environment, no cookies, no decompression. Safe for many threads."""

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._backend = _Backend(clock)
        self._transports: dict[tuple[str, ...], tuple[ssl.SSLContext, _Transport]] = {}

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: float,
        max_bytes: int,
        trust: tuple[str, ...] = (),
    ) -> Answer:
        """`trust`: as of a `Road`. Raises Unreachable when no complete answer came within `deadline` seconds: it may or
        may not have arrived; Refused when nobody could be believed.
        The message names host and path, never a query or a header."""
        started = self._clock.monotonic()
        self._backend.ends = started + deadline
        try:
            said = {"accept-encoding": "identity", **(headers or {})}
            response = self._answered(httpx.Request(method, url, headers=said, content=body), trust)
            try:
                content, whole = _read(response, max_bytes)
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise Unreachable(_complaint(url, error, deadline)) from error
        spent = self._clock.monotonic() - started
        return Answer(response.status_code, dict(response.headers), content, whole, spent)

    def _answered(self, request: httpx.Request, trust: tuple[str, ...]) -> httpx.Response:
        by = self._by(trust)
        try:
            return by.handle_request(request)
        except httpx.ConnectError:
            if (now := self._by(trust)) is by:
                raise
            return now.handle_request(request)  # renewed in this very moment, and nothing was sent yet

    def _by(self, trust: tuple[str, ...]) -> _Transport:
        """Raises Refused when there is nobody to be believed."""
        context, known = trusting(trust) if trust else _trust(), self._transports.get(trust)
        if known is None or known[0] is not context:
            known = self._transports[trust] = context, _Transport(self._backend, context)
        return known[1]

    def close(self) -> None:
        """Twice is safe."""
        for _, transport in list(self._transports.values()):
            transport.close()


def place(url: str) -> str:
    """A URL as it may be shown: no user, no password, no query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is no URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _read(response: httpx.Response, max_bytes: int) -> tuple[bytes, bool]:
    content = bytearray()
    for chunk in response.iter_raw(CHUNK):
        content += chunk
        if len(content) > max_bytes:
            return bytes(content[:max_bytes]), False
    return bytes(content), True


def _complaint(url: str, error: Exception, deadline: float) -> str:
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return f"{place(url)}: no complete answer within {deadline:g} s"
    if isinstance(error, httpx.ConnectError):
        return f"{place(url)}: no connection ({error})"
    return f"{place(url)}: no usable answer ({type(error).__name__})"


@cache
def _trust() -> ssl.SSLContext:
    """The machine's own certificate store: a company's authority is there, and in no bundle."""
    return ssl.create_default_context()


class _Transport(httpx.HTTPTransport):
    """httpx's own, over a pool that knows the deadline and keeps no connection: every request stands for itself."""

    def __init__(self, backend: httpcore.NetworkBackend, trust: ssl.SSLContext) -> None:
        super().__init__(verify=trust, trust_env=False)
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust, max_connections=None, max_keepalive_connections=0, network_backend=backend
        )


class _Backend(httpcore.SyncBackend):
    """Opens connections whose every wait ends at the deadline of the request that its thread is making."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._local = threading.local()

    @property
    def ends(self) -> float:
        return float(self._local.ends)

    @ends.setter
    def ends(self, ends: float) -> None:
        self._local.ends = ends

    def left(self, timeout: float | None) -> float:
        """Seconds that one wait may take. Raises ReadTimeout when there are none left."""
        left = self.ends - self._clock.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline is over")
        return left if timeout is None else min(left, timeout)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        problem = httpcore.ConnectError("the name has no address")
        for number in _looked_up(host, port, self.left(timeout)):
            try:
                stream = super().connect_tcp(number, port, self.left(timeout), local_address, socket_options)
                return _Stream(stream, self)
            except httpcore.ConnectError as error:
                problem = error
        raise problem


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, backend: _Backend) -> None:
        self._stream, self._backend = stream, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._backend.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._backend.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._backend.left(timeout))
        return _Stream(secured, self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _looked_up(host: str, port: int, patience: float) -> list[str]:
    try:
        return addresses(host, port, patience)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(str(error)) from error
    except OSError as error:
        raise httpcore.ConnectError(error.strerror) from error
