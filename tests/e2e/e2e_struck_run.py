"""`reconcile run` that is struck at a named boundary: python e2e_struck_run.py CONFIG POINT COUNT BLOW [PID-FILE].

The blow falls on the process itself (`kill`, `stop`: SIGKILL, SIGSTOP) or on its gateway (`gateway`: SIGKILL to the
process of the identity in PID-FILE), when it comes by POINT for the COUNTth time. That it fell, where, and when by the
machine's monotonic clock, stands in struck.txt. `count` strikes nothing and writes every boundary's name to PID-FILE.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from reconciler.cli.run import serve
from reconciler.clock import SYSTEM
from reconciler.drivers.identity import Identity
from reconciler.logs.collector import collected
from reconciler.logs.desk import logged
from reconciler.session import Session


class Blow:
    def __init__(self, point: str, count: str, blow: str, file: str = "") -> None:
        self.point, self.count, self.blow, self.file = point, int(count), blow, Path(file)
        self.left = self.count

    def __call__(self, name: str) -> None:
        if self.blow == "count":
            with self.file.open("a", encoding="utf-8") as passed:
                passed.write(name + "\n")
            return
        self.left -= name == self.point
        if not self.left:
            self.left -= 1
            self._strike()

    def _strike(self) -> None:
        Path("struck.txt").write_text(f"{self.point} {self.count} {SYSTEM.monotonic()!r}", encoding="utf-8")
        if self.blow == "gateway":
            identity = Identity.load(self.file.read_text(encoding="utf-8"))
            assert identity is not None
            assert identity.signal(signal.SIGKILL)
        else:
            os.kill(os.getpid(), {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}[self.blow])


def main(config: str, *blow: str) -> int:
    with logged("text") as desk, Session.open(config) as session:
        session.journal.lock()
        session.boundary = Blow(*blow)
        with collected(session.configuration, desk):
            return serve(session, 0.3)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
