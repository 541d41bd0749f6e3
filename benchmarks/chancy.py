"""A member that fails at random, as its release says, and costs little: `rollback.py` switches to it.

The sample system spaces its errors evenly; statistics are about chance. Ends at SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from pathlib import Path
from random import Random

END = b"\r\n\r\n"


def answer(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


GOOD, BAD = answer("200 OK", b"good\n"), answer("500 Internal Server Error", b"bad\n")


class Answers(asyncio.Protocol):
    """One kept connection. Requests have no bodies."""

    def __init__(self, chance: float, health: bytes, random: Random) -> None:
        self._chance, self._health, self._random = chance, health, random
        self._held = b""  # the beginning of a request
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._held = (self._held + data).split(END)
        if self._transport:
            self._transport.write(b"".join(map(self.answer_to, requests)))

    def answer_to(self, request: bytes) -> bytes:
        if request.startswith(b"GET /healthz "):
            return self._health
        return BAD if self._random.random() < self._chance else GOOD


def chance_of(release: Path) -> float:
    """The share of bad answers that a release's folder tells, as `demo.place.releases` writes it."""
    said = json.loads((release / "release.json").read_text(encoding="utf-8"))
    return float(said["misbehave"].get("search_errors", 0.0))


async def serve(port: int, version: str, chance: float) -> None:
    health = answer("200 OK", json.dumps({"version": version, "pid": os.getpid()}).encode())
    random, ended = Random(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: Answers(chance, health, random), "127.0.0.1", port)
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--release", type=Path, required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.version, chance_of(given.release)))


if __name__ == "__main__":
    main()
