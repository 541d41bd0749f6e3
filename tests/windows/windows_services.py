r"""Services of the simulated Windows: real processes, started and ended by a service control manager that is no kinder
than the real one: what it was told to start again it starts again, also when its machine was started anew.

services = Services(windows, Processes(windows), folder, {"worker.exe": [sys.executable, "sample.py", "worker"]})
services.place(r"D:\releases\worker\1.0\worker.exe")    # a file of that Windows, which lies below `folder`

What Windows does by itself, after a while, it does at the next look at it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from windows_arguments import words
from windows_machine import Broken, Windows
from windows_processes import Life, Processes
from windows_service_scripts import Scripts
from windows_small_files import Files

DENIED, DEPENDENTS, CANNOT_NOW, NOT_A_SERVICE, NO_FILE, RUNS, LOCKED = 2, 3, 5, 7, 9, 10, 11
NO_LOGON, MARKED, NO_ACCOUNT = 15, 16, 22
NEVER, FAILED = 1077, 1067
ENDED = {7: 1053, 13: 1068, 15: 1069}  # with which number one ends that could not be started
SOON = [
    5.0,
    15.0,
    60.0,
]  # seconds from an end by failure to the next start, as `sc.exe failure` was told


@dataclass
class Service:
    name: str
    line: str
    account: str
    mode: str = "Disabled"
    state: str = "Stopped"
    code: int = NEVER
    variables: list[str] = field(default_factory=list)
    life: Life | None = None
    failures: int = 0
    due: float | None = None  # when Windows starts it, if it may still be started then


@dataclass
class Services:
    """`deaf`: services that do not end when they are asked. `slow`: that stay in Start Pending. `marked`: for deletion,
    while somebody shows them; `needed`: by others that run. `denied`: no change is allowed; `locked`: not now; `blind`:
    nothing may be looked at. `answers`: what Windows says to the next starts, one each. `dying`: processes that end by
    themselves right before somebody ends them; `lasting`: what Windows says to the end of a process, which lives on.

    Each done once: `before` the next start's script has looked; `disabling`, right before it disables the other slot's;
    `meanwhile`, right before Windows is told to start."""

    windows: Windows
    processes: Processes
    folder: Path  # below it lie the drives: `D/releases`
    programs: Mapping[str, Sequence[str] | None]  # by a program's name what is really run; None: it is no service
    all: dict[str, Service] = field(default_factory=dict)  # by its name in small letters
    deaf: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    no_logon: set[str] = field(default_factory=set)  # accounts
    no_account: set[str] = field(default_factory=set)
    marked: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)
    answers: list[int] = field(default_factory=list)
    dying: set[int] = field(default_factory=set)
    lasting: dict[int, int] = field(default_factory=dict)
    locked: bool = False
    blind: bool = False
    administrator: bool = True
    late: float = 0.0  # seconds from the machine's start to that of what starts "automatic, delayed"
    before: Callable[[], None] | None = None
    disabling: Callable[[], None] | None = None
    meanwhile: Callable[[], None] | None = None
    ahead: float = 0.0  # seconds by which a test has moved its clock
    booted: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.windows.parts.append(self)
        self.files = Files(self.windows, self.folder)
        self.real, self.place = self.files.real, self.files.place
        self.scripts = Scripts(self)

    # ---- for tests ---------------------------------------------------------------------------------------------------

    @property
    def denied(self) -> bool:
        return self.files.denied

    @denied.setter
    def denied(self, yes: bool) -> None:
        self.files.denied = yes

    def service(self, name: str) -> Service:
        with self.windows.lock:
            self.now()
            return self.all[name.lower()]

    @property
    def uptime(self) -> float:
        return time.monotonic() - self.booted + self.ahead

    def down(self) -> None:
        with self.windows.lock:
            for service in self.all.values():
                service.state, service.code, service.life, service.due = "Stopped", NEVER, None, None
                service.failures = 0

    def up(self) -> None:
        with self.windows.lock:
            self.booted, self.ahead = time.monotonic(), 0.0
            for service in self.all.values():
                service.due = self.late if service.mode == "Auto" else None
            self.now()

    # ---- the service control manager ---------------------------------------------------------------------------------

    def now(self) -> None:
        """What has happened since somebody looked."""
        for service in self.all.values():
            if service.life and not service.life.alive:
                self._ended(service, service.life)
            if service.due is not None and self.uptime >= service.due:
                service.due = None
                if service.mode != "Disabled" and service.state == "Stopped":
                    self.begin(service)

    def _ended(self, service: Service, life: Life) -> None:
        service.state, service.life = "Stopped", None
        service.code = FAILED if life.code else 0
        if service.code:
            service.due = self.uptime + SOON[min(service.failures, len(SOON) - 1)]
            service.failures += 1

    def begin(self, service: Service) -> int:
        if service.state != "Stopped":
            return RUNS
        if self.answers:
            code = self.answers.pop(0)
            service.code = ENDED.get(code, service.code)
            return code
        program, *arguments = words(service.line)
        name = PureWindowsPath(program).name.lower()
        if not self.real(program).exists():
            service.code = 2
            return NO_FILE
        if service.account in self.no_logon:
            service.code = 1069
            return NO_LOGON
        run = self.programs[name]
        if run is None:
            service.code = 1053
            return NOT_A_SERVICE
        environ = dict(self._really(one).split("=", 1) for one in service.variables)
        argv = [*run, *map(self._really, arguments)]
        deaf = service.name in self.deaf
        service.life = self.processes.start(argv, service.line, environ=environ, deaf=deaf)
        service.state = "Start Pending" if service.name in self.slow else "Running"
        return 0

    def _really(self, word: str) -> str:
        """That Windows' paths, also behind a `NAME=`, as this machine has them."""
        return re.sub(r"(?:^|(?<==))[A-Za-z]:\\.*", lambda found: str(self.real(found[0])), word)

    def make(self, name: str, line: str, account: str) -> Service:
        """Create, or Change, that Windows has nothing against."""
        service = self.all.setdefault(name.lower(), Service(name, line, account))
        service.line, service.account, service.mode = line, account, "Disabled"
        return service

    def change(self, service: Service | None, account: str = "") -> int:
        """What Windows answers to a change, or to a new one; `account`: where it is given one."""
        if self.denied or self.locked:
            return DENIED if self.denied else LOCKED
        if service and service.name in self.marked:
            return MARKED
        return NO_ACCOUNT if account in self.no_account else 0

    def ask(self, service: Service) -> int:
        """To stop."""
        if service.state == "Start Pending":
            return CANNOT_NOW
        if service.name in self.needed:
            return DEPENDENTS
        service.state = "Stop Pending"
        if service.life:
            self.processes.ask(service.life)
        return 0

    def terminate(self, life: Life) -> int:
        """By force. To that of one that is gone Windows answers by an error."""
        if life.pid in self.dying:
            self.processes.kill(life)
        if not life.alive:
            raise Broken("Not found", "ObjectNotFound")
        if life.pid in self.lasting:
            return self.lasting[life.pid]
        self.processes.kill(life)
        return 0

    def once(self, moment: str) -> None:
        act: Callable[[], None] | None = getattr(self, moment)
        setattr(self, moment, None)
        if act:
            act()
