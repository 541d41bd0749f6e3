"""`reconcile run` that kills itself at a named boundary: python e2e_killed_run.py CONFIG POINT COUNT."""

from __future__ import annotations

import os
import signal
import sys

from reconciler.cli.logs import logged
from reconciler.cli.run import serve
from reconciler.session import Session


class Killer:
    """Ends this process, without any last word, when it comes by `point` for the `count`th time."""

    def __init__(self, point: str, count: int) -> None:
        self.point, self.left = point, count

    def __call__(self, name: str) -> None:
        self.left -= name == self.point
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def main(config: str, point: str, count: str) -> int:
    with logged("text"), Session.open(config) as session:
        session.journal.lock()
        session.boundary = Killer(point, int(count))
        return serve(session, 0.3)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
