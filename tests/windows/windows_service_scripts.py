"""The scripts that look at services of the simulated machine, start and stop them: what each does, step by step, and
what it makes of what Windows answers."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from windows_arguments import words
from windows_machine import Broken, Session, access_denied
from windows_processes import Life

from reconciler.drivers.windows_service.looking import LOOK, START, STOP

if TYPE_CHECKING:
    from windows_services import Service, Services

DENIED, NOT_ACTIVE, RUNS, MARKED = 2, 6, 10, 16
NO_RIGHTS = (2, 3)  # to end a process
ABOUT_ITSELF = (16, 21, 22)  # what is wrong with a service itself is answered, where other numbers are errors


@dataclass
class Scripts:
    services: Services

    def __post_init__(self) -> None:
        windows = self.services.windows
        self.lock, self.processes, self.files = windows.lock, self.services.processes, self.services.files
        for script, handler in ((LOOK, self._look), (START, self._start), (STOP, self._stop)):
            windows.plays(script, handler)

    def _look(self, arguments: dict[str, Any], _session: Session) -> dict[str, Any]:
        if self.services.blind:
            raise access_denied("Win32_Service")
        with self.lock:
            self.services.now()
            pairs = zip(arguments["Names"], arguments["Records"], strict=True)
            return {
                "services": [self._seen(name, self.files.text(record)) for name, record in pairs],
                "texts": [self.files.text(file) for file in arguments["Files"]],
                "there": [self.files.real(path).exists() for path in arguments["Paths"]],
                "taken": [_listens(port) for port in arguments["Ports"]],
                "uptime": self.services.uptime,
                "may": self.services.administrator,
            }

    def _seen(self, name: str, record: str) -> dict[str, Any]:
        service = self.services.all.get(name.lower())
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

    def _start(self, arguments: dict[str, Any], _session: Session) -> dict[str, Any]:
        self.services.once("before")
        with self.lock:
            self.services.now()
            name, line = arguments["Name"], arguments["Line"]
            service, rival = (self.services.all.get(arguments[one].lower()) for one in ("Name", "Other"))
            if service and service.state != "Stopped":
                if service.line != line:
                    raise _not_now(f"{name} is {service.state}, with another command line.")
                if service.state == "Stop Pending":
                    raise _not_now(f"{name} was asked to stop, and has not yet.")
                return {"code": 0, "state": service.state}
            if rival:
                self._disable(rival)
            code, made = self._made(service, arguments)
        if code or made is None:
            return {"code": code, "state": made.state if made else ""}
        self.services.once("meanwhile")
        with self.lock:
            code = self.services.begin(made)
            code = 0 if code == RUNS else code
            if code and not self._change(f"a change of the service {name}", made):
                made.mode = "Disabled"
            return {"code": code, "state": made.state}

    def _disable(self, rival: Service) -> None:
        """The other slot's. It is looked at before and after that: what was started in between runs on, as it was."""
        what, mode = f"a change of the service {rival.name}", rival.mode
        self._rests(rival)
        self.services.once("disabling")
        if mode != "Disabled":
            _confirm(what, self._change(what, rival))
            rival.mode = "Disabled"
        try:
            self._rests(rival)
        except Broken:
            rival.mode = mode
            raise

    def _rests(self, rival: Service) -> None:
        if rival.state != "Stopped":
            raise _not_now(f"{rival.name} is {rival.state}; of these two only one may run.")

    def _made(self, service: Service | None, arguments: dict[str, Any]) -> tuple[int, Service | None]:
        """By Create or Change, where there is something to change, and then by sc.exe."""
        name, line, account = arguments["Name"], arguments["Line"], arguments["Account"]
        what = f"a change of the service {name}" if service else f"the new service {name}"
        if service is None or (service.line, service.account) != (line, account):
            if code := self._change(what, service, account):
                return code, service
            service = self.services.make(name, line, account)
        service.variables = arguments["Variables"]
        if code := self._change(f"sc.exe failure {name}", service):
            return code, service
        service.mode = "Auto"
        return 0, service

    def _change(self, what: str, service: Service | None, account: str = "") -> int:
        code = self.services.change(service, account)
        if code not in ABOUT_ITSELF:
            _confirm(what, code)
        return code

    def _stop(self, arguments: dict[str, Any], _session: Session) -> dict[str, Any]:
        with self.lock:
            self.services.now()
            service, kill, code = self.services.all.get(arguments["Name"].lower()), arguments["Kill"], 0
            if service:
                self._never_again(service)
                if not kill and service.state not in ("Stopped", "Stop Pending"):
                    code = self.services.ask(service)
                    code = 0 if code == NOT_ACTIVE else code
            for said, one in [(self._terminate(one), one) for one in kill]:
                if said and not code:
                    code, process = said, one
            if kill and code in NO_RIGHTS:
                raise Broken(f"ending process {process}: Windows answers {code}", "PermissionDenied")
            self.services.now()
            return {"code": code, "state": service.state if service else "gone"}

    def _never_again(self, service: Service) -> None:
        """Nothing starts one that is marked for deletion either."""
        if service.mode == "Disabled":
            return
        code = self.services.change(service)
        if code != MARKED:
            _confirm(f"a change of the service {service.name}", code)
            service.mode = "Disabled"

    def _terminate(self, one: str) -> int:
        life = self._very(one)
        if life is None:
            return 0
        try:
            code = self.services.terminate(life)
        except Broken:
            if self._very(one):
                raise
            return 0
        return code if self._very(one) else 0

    def _very(self, one: str) -> Life | None:
        """This very process, and no other that has its number now."""
        pid, _, started = one.partition("@")
        life = self.processes.find(int(pid))
        return life if life and life.started == started else None


def _confirm(what: str, code: int) -> None:
    if code:
        raise Broken(f"{what}: Windows answers {code}", "PermissionDenied" if code == DENIED else "InvalidResult")


def _not_now(text: str) -> Broken:
    return Broken(text, "ResourceBusy")


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
