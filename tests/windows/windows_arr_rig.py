"""The gateway of IIS with ARR for the exams: our driver, real WS-Man, the simulated machine, real HTTP through it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_exam import BLUE, GREEN, JOURNAL
from gateway_upstream import Upstream
from windows_arr import Arr
from windows_calls import machine
from windows_faults import Hang
from windows_traffic import Gateway, serving
from wsman_logon import PASSWORD
from wsman_server import Rig

from reconciler.core.model import Pair, Slot
from reconciler.drivers.gateways import iis_arr
from reconciler.drivers.iis_arr.farm import Farm
from reconciler.drivers.protocols import Endpoint, GatewayContext
from reconciler.drivers.protocols import Gateway as Driver

ENVIRONMENT = "production"


class ArrRig:
    """`apps`: as the exams say. `one_site`: both members of a slot are at one address, as two applications of one site:
    then they are behind one farm."""

    def __init__(
        self, rig: Rig, arr: Arr, traffic: Gateway, apps: dict[tuple[str, Slot], Upstream], root: Path, password: Path
    ) -> None:
        self.wsman, self.arr, self.traffic, self.apps = rig, arr, traffic, apps
        self.state, self.machine = root / "gateway", machine(rig, password.parent)
        self.port = traffic.port
        self.one_site = False
        self._open: list[iis_arr.IisArr] = []

    def endpoints(self) -> tuple[Endpoint, ...]:
        def address(member: str) -> Pair[str]:
            member = "web" if self.one_site else member
            return Pair(self.apps[member, BLUE].address, self.apps[member, GREEN].address)

        return Endpoint("api", "/api", address("api")), Endpoint("web", "/", address("web"))

    def named(self, section: str, name: str) -> Any:
        farm = {"machine": "arr1", "users": f"http://127.0.0.1:{self.port}", "site": "Portal", "pool": "Portal"}
        found = {"machines": {"arr1": self.machine}, "farms": {"portal": Farm.model_validate(farm)}}
        return found[section][name]

    def open(
        self, *, read_only: bool = False, deadline: float = 10.0, journal: str = JOURNAL, sessions: str = "shared"
    ) -> iis_arr.IisArr:
        self.one_site |= sessions == "sticky"
        self._set_up(sessions)
        gateway = self._made(read_only, journal, deadline, sessions)
        self._open.append(gateway)
        return gateway

    def _made(self, read_only: bool, journal: str, deadline: float, sessions: str) -> iis_arr.IisArr:
        context = GatewayContext(
            ENVIRONMENT, journal, self.state, self.endpoints(), read_only=read_only, named=self.named
        )
        said = {"farm": "portal", "sessions": sessions, "timeout": deadline}
        return iis_arr.IisArr(context, iis_arr.Settings.model_validate(said))

    def _set_up(self, sessions: str = "shared") -> None:
        """Once, as an administrator does it."""
        if not self.arr.configuration.rules:
            self.arr.set_up(self._made(True, JOURNAL, 1.0, sessions).configuration())

    def restart(self, gateway: Driver) -> None:
        self.arr.recycle()

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        faults = self.wsman.faults
        for action in ("Create", "Command", "Send", "Receive"):
            faults.strike(action, *[Hang()] * 50)
        try:
            yield
        finally:
            faults.forget()
            faults.released.set()
            faults.released.clear()

    @contextlib.contextmanager
    def rejecting(self) -> Iterator[None]:
        self.arr.denied = True
        try:
            yield
        finally:
            self.arr.denied = False

    def fingerprint(self) -> object:
        self._set_up()
        files = [(str(path), path.stat().st_mtime_ns) for path in sorted(self.state.rglob("*"))]
        return files, self.arr.version, repr(self.arr.configuration), repr(self.arr.worker)

    def secrets(self) -> Iterable[str]:
        return [(self.state / "road.secret").read_text(), PASSWORD]

    def end(self) -> None:
        for gateway in self._open:
            gateway.close()


@pytest.fixture
def rig(plain: Rig, shared_apps: dict[tuple[str, Slot], Upstream], tmp_path: Path, password: Path) -> Iterator[ArrRig]:
    plain.windows.clock = ""  # as ours
    arr = Arr(plain.windows)
    with serving(arr) as traffic:
        found = ArrRig(plain, arr, traffic, dict(shared_apps), tmp_path, password)
        yield found
        found.end()
