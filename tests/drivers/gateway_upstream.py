"""A tiny app behind a gateway, in a thread: says who it is, fails, streams or dies when told to."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Upstream:
    """`/` says who answered and which headers came; `/status/N` answers N; `/stream` sends pieces until `finish` is
    set; an upgrade to websocket is accepted and echoes bytes."""

    def __init__(self, member: str, slot: str, port: int = 0) -> None:
        self.member, self.slot = member, slot
        self.finish, self.streaming = threading.Event(), threading.Event()
        self._connections: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def die(self) -> None:
        """As a killed process does: nobody listens any more, and every connection is reset."""
        self.finish.set()
        self._server.socket.close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def opened(self, connection: socket.socket) -> None:
        self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        self._connections.discard(connection)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, client


def _handler(app: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            app.opened(self.connection)

        def finish(self) -> None:
            app.closed(self.connection)
            with contextlib.suppress(OSError):
                super().finish()

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if self.headers.get("upgrade", "").lower() == "websocket":
                self.echo()
            elif path.endswith("/stream"):
                self.stream()
            else:
                self.tell(int(path.rpartition("/status/")[2]) if "/status/" in path else 200)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.tell(200)

        def tell(self, status: int) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.dumps({"member": app.member, "slot": app.slot, "headers": headers}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def stream(self) -> None:
            self.send_response(200)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for piece in self.pieces():
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def pieces(self) -> Iterator[bytes]:
            yield b"begin "
            app.streaming.set()
            while not app.finish.wait(0.05):
                yield b"more "
            yield b"end"

        def echo(self) -> None:
            self.send_response(101)
            self.send_header("connection", "upgrade")
            self.send_header("upgrade", "websocket")
            given = self.headers.get("sec-websocket-key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
            self.send_header("sec-websocket-accept", base64.b64encode(hashlib.sha1(given.encode()).digest()).decode())
            self.end_headers()
            self.close_connection = True
            while data := self.connection.recv(100):
                self.connection.sendall(data)

    return Handler
