"""Who collects logs, for real: HTTP, TCP, UDP and Unix servers of this machine, that take, refuse, cut off, or hang."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATIENCE = 80.0


class Http(ThreadingHTTPServer):
    """`answer` gives status and headers for what was sent; what it took is in `got`, each request in `tried`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Callable[[Any], tuple[int, dict[str, str]]] = lambda _content: (204, {})
        self.says = b""
        self.got: list[Any] = []
        self.tried: list[tuple[str, dict[str, str], Any]] = []
        self.silent = False
        self.asked, self.released = threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Http

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.tried.append((self.path, dict(self.headers), content))
        self.server.asked.set()
        if self.server.silent:
            self.server.released.wait(PATIENCE)
            return
        status, headers = self.server.answer(content)
        if status < 300:
            self.server.got.append(content)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if status != 204:
            self.wfile.write(self.server.says)

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@contextlib.contextmanager
def http(tls: ssl.SSLContext | None = None) -> Iterator[Http]:
    server = Http()
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def certificate(folder: Path) -> ssl.SSLContext:
    """Of this machine's own making: nobody vouches for it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += [
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(key),
        "-out",
        str(cert),
    ]
    subprocess.run(words, check=True, capture_output=True)
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(cert, key)
    return found


def loki_lines(contents: list[Any]) -> list[str]:
    """Everything that was pushed, in the order of its coming."""
    values = [value for content in contents for stream in content["streams"] for value in stream["values"]]
    return [json.loads(line)["message"] for _, line in values]


def otlp_lines(contents: list[Any]) -> list[str]:
    records = (
        record
        for content in contents
        for resource in content["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    )
    return [record["body"]["stringValue"] for record in records]


class Stream:
    """A syslog server over TCP, or a Unix socket at `path`. `cuts`: how many bytes it reads of each connection before
    it closes it, in order; None reads to the end."""

    def __init__(self, *cuts: int | None, path: Path | None = None) -> None:
        self._cuts = list(cuts)
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", 0))
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            self.listener.listen()
        self.read: list[bytes] = []  # of each connection
        self.ended = threading.Semaphore(0)
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self._take(connection, self._cuts.pop(0) if self._cuts else None)
                self.ended.release()

    def _take(self, connection: socket.socket, cut: int | None) -> None:
        found = b""
        with connection:
            while cut is None or len(found) < cut:
                chunk = connection.recv(65536 if cut is None else cut - len(found))
                if not chunk:
                    break
                found += chunk
            self.read.append(found)

    def messages(self, connection: int = -1) -> list[str]:
        """By octet counting. Raises ValueError when a frame is not whole."""
        rest, found = self.read[connection], []
        while rest:
            length, _, rest = rest.partition(b" ")
            if len(rest) < int(length):
                raise ValueError(f"a frame of {int(length)} octets has only {len(rest)}")
            found.append(rest[: int(length)].decode())
            rest = rest[int(length) :]
        return found

    def close(self) -> None:
        self.listener.close()


def closed_port() -> int:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
