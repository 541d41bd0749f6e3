"""The processes of a demo: started in sessions of their own, ended by process id, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from reconciler.clock import SYSTEM
from reconciler.core.model import Slot
from reconciler.core.reading import MemberStatus
from reconciler.demo.place import ENVIRONMENT, Place
from reconciler.errors import ReconcilerError
from reconciler.session import Session

RATE, RUSH = 100, 200  # users' requests per second; and so many more


class Processes:
    """The loop and the users. Both end with `stop`, whatever happened to them."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._loop: subprocess.Popen[bytes] | None = None
        self._loads: list[subprocess.Popen[bytes]] = []
        self.records: list[Path] = []  # of every start of users

    def start_loop(self) -> None:
        """`reconcile run`, as anybody would start it."""
        command = [sys.executable, "-m", "reconciler", "--config", str(self._place.config), "run", "--log", "json"]
        with (self._place.root / "run.log").open("ab") as log:
            self._loop = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self._place.root
            )
        (self._place.root / "run.pid").write_text(f"{self._loop.pid}\n")

    def start_users(self, rate: int = RATE) -> None:
        """Steady GET and POST, on kept and on fresh connections; every request is one record. Beside those before."""
        self.records.append(self._place.root / f"requests-{len(self.records) + 1}.jsonl")
        command = [sys.executable, "-m", "reconciler.demo.load", "--url", self._place.url, "--rate", str(rate)]
        with (self._place.root / "users.log").open("ab") as log:
            load = subprocess.Popen(
                [*command, "--out", str(self.records[-1])],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._loads.append(load)

    def check(self) -> None:
        """Raises ReconcilerError when the loop has ended: waiting for it makes no sense."""
        if self._loop is not None and self._loop.poll() is not None:
            log = (self._place.root / "run.log").read_text(errors="replace").strip().splitlines()
            raise ReconcilerError(f"reconcile run ended: {log[-1] if log else 'without a word'}")

    def stop_users(self) -> None:
        """Let every request end and be recorded."""
        while self._loads:
            _end(self._loads.pop(), 15.0)

    def stop_loop(self) -> None:
        _end(self._loop, 10.0)
        self._loop = None


def _end(process: subprocess.Popen[bytes] | None, patience: float) -> None:
    """SIGTERM, wait, and only then SIGKILL. A process that is gone already is fine."""
    if process is None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


def tear_down(place: Place, patience: float = 15.0) -> None:
    """End gateway and members through the product's own drivers, as `reconcile down` does; nothing outlives a demo."""
    if not (place.state / "journal.db").exists():
        return
    deadline = SYSTEM.monotonic() + patience
    with Session.open(str(place.config), by="demo") as session:
        keeper = session.keeper(ENVIRONMENT)
        spec = session.desired(ENVIRONMENT, keeper.catch_up()).in_force
        if spec is None:
            return
        world = keeper.world(spec)
        world.gateway.close_listener()
        while SYSTEM.monotonic() < deadline:
            alive = [
                (name, slot)
                for name, host in world.hosts.items()
                for slot in Slot
                if host.read(slot).status is not MemberStatus.STOPPED
            ]
            for name, slot in alive:
                world.hosts[name].stop(slot)
            if not alive:
                return
            threading.Event().wait(0.1)
