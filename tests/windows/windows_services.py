r"""Services of the simulated Windows: real processes, started and ended by a service control manager that is no kinder
than the real one: what it was told to start again it starts again, also when its machine was started anew.

services = Services(windows, Processes(windows), folder, {"worker.exe": [sys.executable, "sample.py", "worker"]})
services.place(r"D:\releases\worker\1.0\worker.exe")    # a file of that Windows, which lies below `folder`

What Windows does by itself, after a while, it does at the next look at it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

from windows_arguments import words
from windows_machine import Broken, Session, Throw, Windows, access_denied
from windows_processes import Life, Processes

from reconciler.drivers.windows_service.looking import FILES, LOOK, START, STOP

DENIED, CANNOT_NOW, NOT_A_SERVICE, NO_FILE, NO_LOGON, RUNS = 2, 5, 7, 9, 15, 10
NEVER, FAILED = 1077, 1067
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
    """`deaf`: services that do not end when they are asked. `slow`: that stay in Start Pending. `denied`: no change is
    allowed; `blind`: nothing may be looked at. `meanwhile` is done once, right before the next start by a script."""

    windows: Windows
    processes: Processes
    folder: Path  # below it lie the drives: `D/releases`
    programs: Mapping[str, Sequence[str] | None]  # by a program's name what is really run; None: it is no service
    all: dict[str, Service] = field(default_factory=dict)  # by its name in small letters
    deaf: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    no_logon: set[str] = field(default_factory=set)  # accounts
    denied: bool = False
    blind: bool = False
    administrator: bool = True
    late: float = 0.0  # seconds from the machine's start to that of what starts "automatic, delayed"
    meanwhile: Callable[[], None] | None = None
    ahead: float = 0.0  # seconds by which a test has moved its clock
    booted: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.windows.parts.append(self)
        for script, handler in ((LOOK, self._look), (FILES, self._files), (START, self._start), (STOP, self._stop)):
            self.windows.plays(script, handler)

    # ---- for tests ---------------------------------------------------------------------------------------------------

    def real(self, path: str) -> Path:
        """Where a file of that Windows really lies."""
        parts = PureWindowsPath(path)
        return self.folder.joinpath(parts.drive.rstrip(":").upper(), *parts.parts[1:])

    def place(self, path: str, text: str = "") -> Path:
        file = self.real(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def service(self, name: str) -> Service:
        with self.windows.lock:
            self._pass()
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
            self._pass()

    # ---- the service control manager ---------------------------------------------------------------------------------

    def _pass(self) -> None:
        """What has happened since somebody looked."""
        for service in self.all.values():
            if service.life and not service.life.alive:
                self._ended(service, service.life)
            if service.due is not None and self.uptime >= service.due:
                service.due = None
                if service.mode != "Disabled" and service.state == "Stopped":
                    self._begin(service)

    def _ended(self, service: Service, life: Life) -> None:
        service.state, service.life = "Stopped", None
        service.code = FAILED if life.code else 0
        if service.code:
            service.due = self.uptime + SOON[min(service.failures, len(SOON) - 1)]
            service.failures += 1

    def _begin(self, service: Service) -> int:
        if service.state != "Stopped":
            return RUNS
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

    # ---- the scripts -------------------------------------------------------------------------------------------------

    def _look(self, arguments: dict[str, Any], _session: Session) -> dict[str, Any]:
        if self.blind:
            raise access_denied("Win32_Service")
        with self.windows.lock:
            self._pass()
            pairs = zip(arguments["Names"], arguments["Records"], strict=True)
            return {
                "services": [self._seen(name, self._text(record)) for name, record in pairs],
                "texts": [self._text(file) for file in arguments["Files"]],
                "there": [self.real(path).exists() for path in arguments["Paths"]],
                "taken": [_listens(port) for port in arguments["Ports"]],
                "uptime": self.uptime,
                "may": self.administrator,
            }

    def _text(self, path: str) -> str:
        if not path:
            return ""
        if self.real(path).is_dir():
            raise access_denied(path)
        return self.real(path).read_text() if self.real(path).exists() else ""

    def _seen(self, name: str, record: str) -> dict[str, Any]:
        service = self.all.get(name.lower())
        life = service.life if service else None
        family = [
            {"pid": one.pid, "started": one.started, "path": words(one.line)[0], "line": one.line}
            for one in self._family(service, record)
        ]
        return {
            "name": name, "there": service is not None, "record": record, "processes": family,
            "state": service.state if service else "", "mode": service.mode if service else "",
            "line": service.line if service else "", "account": service.account if service else "",
            "code": service.code if service else 0, "pid": life.pid if life else 0,
        }  # fmt: skip

    def _family(self, service: Service | None, record: str) -> list[Life]:
        running = self.processes.running()
        lines = {service.line} if service else set()
        known: list[str] = []
        try:
            kept = json.loads(record)
            lines.add(kept["line"])
            known = kept["family"]
        except (ValueError, TypeError, KeyError):
            pass
        root = service.life.pid if service and service.life else 0
        found = [one for one in running if one.pid == root or one.line in lines or f"{one.pid}@{one.started}" in known]
        for one in running:  # children come after their parents
            if one not in found and one.of in [parent.pid for parent in found]:
                found.append(one)
        return found

    def _files(self, arguments: dict[str, Any], _session: Session) -> dict[str, Any]:
        for file, expected, text in zip(arguments["Files"], arguments["Expected"], arguments["Texts"], strict=True):
            with self.windows.lock:
                there = self._text(file)
                if there == text:
                    continue
                if expected not in ("*", there):
                    raise Throw(f"{file} was changed by somebody else meanwhile; nothing is written over it.")
                if self.denied:
                    raise access_denied(file)
                draft = self.place(file + ".new", text)
                os.replace(draft, self.real(file))
        return {"written": len(arguments["Files"])}

    def _start(self, arguments: dict[str, Any], _session: Session) -> dict[str, Any]:
        with self.windows.lock:
            self._pass()
            name, line, account = arguments["Name"], arguments["Line"], arguments["Account"]
            service, rival = self.all.get(name.lower()), self.all.get(arguments["Other"].lower())
            if service and service.state != "Stopped":
                if service.line != line:
                    raise Throw(f"{name} is {service.state} with another command line; it must be stopped first.")
                if service.state == "Stop Pending":
                    raise Throw(f"{name} was asked to stop; wait until it has.")
                return {"code": 0, "state": service.state}
            if rival and rival.state != "Stopped":
                raise Throw(f"{rival.name} is {rival.state}; of these two only one may run.")
            self._change(f"a change of the service {name}" if service else f"the new service {name}")
            if rival:
                rival.mode = "Disabled"  # nothing can have started it meanwhile: we hold the lock
            service = self.all.setdefault(name.lower(), Service(name, line, account))
            service.line, service.account, service.mode = line, account, "Auto"
            service.variables = arguments["Variables"]
            meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        with self.windows.lock:
            code = self._begin(service)
            code = 0 if code == RUNS else code
            if code:
                service.mode = "Disabled"
            return {"code": code, "state": service.state}

    def _stop(self, arguments: dict[str, Any], _session: Session) -> dict[str, Any]:
        with self.windows.lock:
            self._pass()
            service, kill, code = self.all.get(arguments["Name"].lower()), arguments["Kill"], 0
            if service:
                if service.mode != "Disabled":
                    self._change(f"a change of the service {service.name}")
                    service.mode = "Disabled"
                if not kill and service.state not in ("Stopped", "Stop Pending"):
                    code = self._ask(service)
            for one in kill:
                pid, _, started = one.partition("@")
                life = self.processes.find(int(pid))
                if life and life.started == started:
                    self.processes.kill(life)
            self._pass()
            return {"code": code, "state": service.state if service else "gone"}

    def _ask(self, service: Service) -> int:
        if service.state == "Start Pending":
            return CANNOT_NOW
        service.state = "Stop Pending"
        if service.life:
            self.processes.ask(service.life)
        return 0

    def _change(self, what: str) -> None:
        if self.denied:
            raise Broken(f"{what}: Windows answers {DENIED}", "PermissionDenied")


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
