"""WS-Management as pywinrm speaks it, over connections of ours: to the one machine that the operator named, with
certificates that this machine trusts or his own authority's, and bounded in time and bytes beneath everything else.

Only here are pywinrm and requests imported; whoever imports this module pays for them. What they raise is translated in
`winrm.py`.
"""

from __future__ import annotations

import re
import socket
import ssl
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from winrm import transport
from winrm.exceptions import WinRMTransportError
from winrm.protocol import Protocol

from reconciler.clock import Clock
from reconciler.drivers.lookup import addresses
from reconciler.drivers.windows.machine import Machine
from reconciler.errors import InvalidConfiguration, Refused

LARGEST = 2 << 20  # bytes of the answer to one message; WinRM keeps its own far below
_ENCODING = re.compile(rb"""\s*<\?xml[^>]*encoding=["']([^"']*)""")
_ASKED = re.compile(rb"MessageID>uuid:([0-9a-fA-F-]{36})<")
_ANSWERED = re.compile(rb"RelatesTo>uuid:([0-9a-fA-F-]{36})<")
SECONDS = 3600  # for pywinrm's own time-out, which never counts: ours are beneath it


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


class _Adapter(HTTPAdapter):
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


class _Transport(transport.Transport):
    """pywinrm's, over our connections. On plain HTTP nothing is sent, nor believed, that is not sealed."""

    def __init__(self, machine: Machine, password: str, budget: Budget) -> None:
        self._context = trust(machine, budget) if machine.tls else None
        files = [str(machine.file(name)) if name else None for name in (machine.certificate, machine.key)]
        super().__init__(
            endpoint=machine.endpoint,
            username=machine.user,
            password=password,
            service="HTTP",
            ca_trust_path=None,  # type: ignore[arg-type]
            cert_pem=files[0],
            cert_key_pem=files[1],
            read_timeout_sec=SECONDS,
            kerberos_delegation=machine.delegate,
            auth_method=machine.transport,
            message_encryption="never",  # until the session is ours: see below
            credssp_minimum_version=5,  # CVE-2018-0886
            proxy=None,
        )
        self._budget = budget

    def build_session(self) -> Session:
        if self.session:
            return self.session
        session = super().build_session()
        session.trust_env = False  # no proxy, no .netrc
        session.max_redirects = 0
        session.headers["Accept-Encoding"] = "identity"
        session.adapters.clear()
        session.mount(f"{'https' if self._context else 'http'}://", _Adapter(self._context, self._budget))
        self._budget.bytes = LARGEST
        if self._context is None:
            self._seal(session)
        return session

    def _seal(self, session: Session) -> None:
        """From here on, or not at all: a session that cannot seal is none."""
        try:
            if not getattr(session.auth, "winrm_encryption_available", True):
                raise Nonsense("this machine's Kerberos library cannot seal messages; use https")
            self.setup_encryption(session)
        except BaseException:
            self.close_session()
            raise

    def send_message(self, message: str | bytes) -> bytes:
        self.build_session()
        self._budget.bytes = LARGEST
        try:
            text = super().send_message(message)
        except WinRMTransportError as error:
            _refuse_entities(error.response_text.encode())
            raise
        _refuse_entities(text)
        _refuse_strange(text, message)
        return text

    def _get_message_response_text(self, response: Response) -> bytes:
        if self.encryption and self.encryption.protocol_string.decode() not in response.headers.get("content-type", ""):
            raise Nonsense(f"it answers HTTP {response.status_code} in the clear, where every message is to be sealed")
        return super()._get_message_response_text(response)


def _refuse_entities(text: bytes) -> None:
    """No answer of WinRM has a document type; with one, a small answer can grow without end. Nothing but UTF-8 is read,
    or it could hide there."""
    coded = _ENCODING.match(text)
    if b"<!DOCTYPE" in text or b"\0" in text or (coded and coded[1].lower() != b"utf-8"):
        raise Nonsense("its answer is no plain XML")


def _refuse_strange(text: bytes, message: str | bytes) -> None:
    """pywinrm takes whatever comes for what it waits for; WinRM says which message it answers."""
    asked = _ASKED.search(message.encode() if isinstance(message, str) else message)
    answered = _ANSWERED.search(text)
    if not asked or not answered or asked[1].lower() != answered[1].lower():
        raise Nonsense("its answer is to nothing that was asked")


def protocol(machine: Machine, password: str, budget: Budget) -> Protocol:
    """Touches no network yet. Raises Refused where its transport needs a library that is not there."""
    if not getattr(transport, f"HAVE_{machine.transport.upper()}", True):
        cure = f"pip install 'pywinrm[{machine.transport}]'"
        raise Refused(f"{machine.host}: transport '{machine.transport}' needs a library of its own; {cure}")
    made = Protocol(machine.endpoint, "plaintext", "-", "-", proxy=None)
    made.transport = _Transport(machine, password, budget)
    return made
