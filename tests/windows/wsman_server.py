"""WinRM's listener for the tests: HTTP/1.1 with connections that stay, a logon for each, and the shells behind them.

It refuses what Windows refuses: nobody without a logon, nothing in the clear without TLS, no message that is too long.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import wsman_soap as soap
from windows_certificates import Authority, Pair
from windows_faults import Blow, Cut, Drip, Faults, Hang, LoseShell, No, Reboot, Said
from windows_machine import Windows
from wsman_logon import Logon
from wsman_shells import Shells
from wsman_soap import Fault

XML = "application/soap+xml;charset=UTF-8"


@dataclass
class Rig:
    """All that a test may ask of it, or do to it."""

    windows: Windows
    faults: Faults
    shells: Shells
    port: int
    tls: bool
    logons: list[Logon] = field(default_factory=list)  # one for each connection
    heard: bytearray = field(default_factory=bytearray)  # every byte of every body, as it came

    @property
    def address(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"


class Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, rig: Rig, offers: tuple[str, ...], pair: Pair | None, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rig, self.offers, self.pair, self.tls = rig, offers, pair, tls
        self.away = False
        self._connections: set[socket.socket] = set()
        rig.port, rig.tls = self.server_address[1], tls is not None

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._connections.add(connection)
        return connection, address

    def verify_request(self, *_words: object) -> bool:
        return not self.away

    def shutdown_request(self, request: object) -> None:
        self._connections.discard(request)  # type: ignore[arg-type]
        super().shutdown_request(request)  # type: ignore[arg-type]

    def handle_error(self, *_words: object) -> None:
        """A connection that broke is what some tests are about."""

    def cut_all(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """One for each connection."""

    protocol_version = "HTTP/1.1"
    server: Listener
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.do_handshake()
        digest = self.server.pair.digest() if self.server.tls and self.server.pair else b""
        self.logon = Logon(self.server.offers, digest, self._peer())
        self.server.rig.logons.append(self.logon)

    def _peer(self) -> str:
        found = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        names = [pair for part in (found or {}).get("subject", ()) for pair in part]
        return next((value for key, value in names if key == "commonName"), "")

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.rig.heard += content
        if self.path != "/wsman":
            self._send(404)
        elif not self.logon.ask(self.headers.get("Authorization") or ""):
            self._send(401, headers=[("WWW-Authenticate", one) for one in self.logon.says])
        elif not content:
            self._send(200)
        else:
            self._taken(content)

    def _taken(self, content: bytes) -> None:
        sealed = "-session-encrypted" in (self.headers.get("Content-Type") or "")
        if not sealed and not self.server.tls:
            self._send(500)  # AllowUnencrypted is false
            return
        try:
            text = self.logon.unsealed(content) if sealed else content
        except ValueError:
            self._send(400)
            return
        message: soap.Message | None = None
        try:
            if len(text) > soap.ENVELOPE:
                raise Fault(soap.BAD_XML, "The request is larger than MaxEnvelopeSizekb.")
            message = soap.read(text)
            if (blow := self.server.rig.faults.blow(message.action)) and self._struck(blow, message, sealed):
                return
            self._answer(200, self._done(message), sealed)
        except Fault as fault:
            self._answer(500, soap.fault(fault, message.id if message else ""), sealed)

    def _done(self, message: soap.Message) -> bytes:
        assert self.logon.session is not None
        return self.server.rig.shells.do(message, self.logon.session)

    def _struck(self, blow: Blow, message: soap.Message, sealed: bool) -> bool:
        """Was that all? Raises Fault."""
        match blow:
            case Cut(taken):
                if taken:
                    self._done(message)
                self._cut()
            case Said(body, status, clear, headers):
                self._answer(status, body, sealed and not clear, list(headers))
            case No(code, reason):
                raise Fault(code, reason)
            case Hang():
                self.server.rig.faults.hang()
                self._cut()
            case Drip():
                self._drip()
            case Reboot(away):
                self.server.away = away
                self.server.rig.shells.lose()
                self.server.rig.windows.reboot(away)
                self.server.cut_all()
            case LoseShell():
                self.server.rig.shells.lose()
                return False
        return True

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not self.server.rig.faults.released.wait(0.01):
            self.wfile.write(b"<")
            self.server.rig.faults.held.set()

    def _answer(self, status: int, body: bytes, sealed: bool, headers: list[tuple[str, str]] | None = None) -> None:
        kind, content = self.logon.sealed(body) if sealed else (XML, body)
        self._send(status, content, [("Content-Type", kind), *(headers or ())])

    def _send(self, status: int, content: bytes = b"", headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        for name, value in headers or ():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_words: object) -> None:
        """Tests are quiet."""


@contextlib.contextmanager
def listening(
    *offers: str, authority: Authority | None = None, pair: Pair | None = None, windows: Windows | None = None
) -> Iterator[Rig]:
    """A Windows machine that takes those transports; with `authority` and `pair`, by TLS."""
    faults = Faults()
    windows = windows or Windows()
    rig = Rig(windows, faults, Shells(windows, faults), 0, False)
    tls = authority.server(pair) if authority and pair else None
    server = Listener(rig, offers, pair, tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield rig
    finally:
        faults.released.set()
        server.shutdown()
        server.cut_all()
        thread.join()
        server.server_close()
