"""Who is told, for real: an HTTP server and an SMTP server of this machine, that take, refuse, or never answer."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from email import message_from_string, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "s3cr3t-t0k3n-0f-a-webh00k"


class Webhook(ThreadingHTTPServer):
    """`status` is what it answers; `got` what it took. `silent`: it takes the request and never answers."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.silent = 200, False
        self.got: list[dict[str, Any]] = []
        self.tried = 0
        self.taken, self.released = threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_address[1]}/{TOKEN}?+X-Key={TOKEN}"

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.got]


class Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.tried += 1
        if self.server.silent:
            self.server.taken.set()
            self.server.released.wait()
            return
        if self.server.status == 200:
            self.server.got.append({**json.loads(body), "key": self.headers.get("X-Key")})
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(TOKEN.encode())
        self.server.taken.set()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@contextlib.contextmanager
def webhook() -> Iterator[Webhook]:
    server = Webhook()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Mailbox:
    """As much of SMTP as it takes to be given a mail."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.mails: list[Any] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        port = self.listener.getsockname()[1]
        return f"mailto://ops:{TOKEN}@127.0.0.1:{port}?from=reconcile@corp.example&to=ops@corp.example&mode=insecure"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, connection.makefile("rw", newline="", encoding="utf-8") as lines:
                    self._session(lines)

    def _session(self, lines: Any) -> None:
        def say(text: str) -> None:
            lines.write(text + "\r\n")
            lines.flush()

        say("220 here")
        for line in lines:
            word = line.strip().upper()
            if word == "DATA":
                say("354 go on")
                self.mails.append(message_from_string(self._data(lines), policy=policy.default))
            elif word.startswith("EHLO"):
                lines.write("250-here\r\n")
                say("250 AUTH PLAIN LOGIN")
                continue
            say({"AUTH": "235 in", "QUIT": "221 bye"}.get(word[:4], "250 fine"))
            if word == "QUIT":
                return

    def _data(self, lines: Any) -> str:
        found = []
        for line in lines:
            if line == ".\r\n":
                break
            found.append(line.removeprefix("."))
        return "".join(found)

    def close(self) -> None:
        self.listener.close()


def closed_port() -> int:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
