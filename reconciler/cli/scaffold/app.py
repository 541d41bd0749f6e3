"""A program to begin with: what the reconciler needs of yours is /healthz, and a graceful end on SIGTERM.

Standard library only. `reconcile init` puts one copy into each release folder; replace them by your own.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Says who answers: in the text for people, in two headers for whoever counts."""

    protocol_version = "HTTP/1.1"
    version, slot = "", ""
    wbufsize = -1  # head and body in one packet: else every answer waits 40 ms for the other side

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self.send({"status": "ok", "version": self.version, "pid": os.getpid()})
        else:
            self.send(f"Hello from version {self.version} in the {self.slot} slot.\n")

    def send(self, content: dict[str, object] | str) -> None:
        body = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain" if isinstance(content, str) else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Version", self.version)
        self.send_header("X-Slot", self.slot)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing per request."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--slot", required=True)
    given = parser.parse_args()
    Handler.version, Handler.slot = given.version, given.slot
    server = ThreadingHTTPServer(("127.0.0.1", given.port), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(0.05)
    server.server_close()


if __name__ == "__main__":
    main()
