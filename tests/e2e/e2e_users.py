"""Users in a process of their own: GET and POST, on kept and on fresh connections, each request accounted for."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import preloaded

from reconciler.demo.account import Outcome, Request, Totals, read, totals

PATIENCE = 80.0  # seconds until a wait is given up


class Users:
    """They come at once, and until `stop`."""

    def __init__(self, port: int, out: Path, rate: float, ca: Path | None = None, *, forked: bool) -> None:
        self.out = out
        where = ["--url", f"https://127.0.0.1:{port}", "--ca", str(ca)] if ca else ["--url", f"http://127.0.0.1:{port}"]
        words = [*where, "--out", str(out), "--rate", str(rate)]
        self._open: int | None
        held, self._open = os.pipe()  # they end when nobody holds its other end any more
        start = preloaded.fork if forked else preloaded.start
        with open(held, "rb") as given, open(2, "wb", closefd=False) as told:
            self._process = start(
                "-m", "reconciler.demo.load", *words, folder=out.parent, environ=os.environ, given=given, out=told
            )

    def so_far(self) -> list[Request]:
        if not self.out.exists():
            return []
        with self.out.open(encoding="utf-8") as lines:
            return read(lines)

    def more(self, count: int = 40) -> float:
        """Wait until so many have asked from now on; the moment of now, for `served_by`."""
        now, deadline = time.monotonic(), time.monotonic() + PATIENCE
        while sum(request.start >= now for request in self.so_far()) < count:
            assert time.monotonic() < deadline, "no more users come"
            time.sleep(0.05)
        return now

    def stop(self) -> list[Request]:
        """Let every request end; all of them."""
        if self._open is not None:
            os.close(self._open)
            self._open = None
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        assert code == 0, f"the load generator ended with {code}"
        return self.so_far()


def lost(requests: list[Request]) -> list[Request]:
    """Those that did not get what they asked for."""
    return [request for request in requests if request.outcome is not Outcome.OK]


def assert_nothing_lost(requests: list[Request]) -> Totals:
    """sent = ok, and everybody was there: both kinds of connections, reads and writes."""
    account = totals(requests)
    assert account.sent == account.ok, (account, lost(requests)[:5])
    assert {request.fresh for request in requests} == {True, False}
    assert {"search", "page", "upload", "job", "session"} <= {request.kind for request in requests}
    return account


def served_by(requests: list[Request], after: float = 0.0) -> set[str]:
    """The slots that answered, by their own word."""
    return {request.slot for request in requests if request.slot and request.start >= after}
