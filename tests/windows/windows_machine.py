"""A small simulated Windows: what our scripts would find and do there.

It is asked by the script's name, after `powershell.exe` has checked that the text is that file's. Whoever adds a part
(sites, services, ...) registers what each of its scripts does: `windows.plays(script, handler)`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from reconciler.drivers.windows.examined import DISK
from reconciler.drivers.windows.script import PING, Script


class Throw(Exception):
    """The script's own `throw`: a sentence."""


class Broken(Exception):
    """An error that PowerShell itself raises: its message and its category."""

    def __init__(self, message: str, category: str = "NotSpecified", line: int = 7) -> None:
        super().__init__(message)
        self.category, self.line = category, line


@dataclass(frozen=True)
class Session:
    """As whom a script runs."""

    user: str
    passes_on: bool  # can it log on to a third machine?


Handler = Callable[[dict[str, Any], Session], Any]


def access_denied(path: str) -> Broken:
    """What Windows says of a share, too, when the logon was not passed on."""
    return Broken(f"Access to the path '{path}' is denied.", "PermissionDenied")


class Part(Protocol):
    """What a reboot does to a part of the machine: services, sites, processes, ..."""

    def down(self) -> None: ...

    def up(self) -> None: ...


@dataclass
class Windows:
    """`clock` empty: as this machine's. `drives`: bytes that are free on each."""

    name: str = "WEB1"
    powershell: str = "5.1.20348.2849"
    clock: str = "2026-03-01T12:00:00.000Z"
    drives: dict[str, int] = field(default_factory=lambda: {"C:\\": 80 << 30, "D:\\": 200 << 30})
    parts: list[Part] = field(default_factory=list)
    ran: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # scripts that took effect, in order
    lock: threading.RLock = field(default_factory=threading.RLock)
    _plays: dict[str, tuple[Script, Handler]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plays(PING, self._ping)
        self.plays(DISK, self._disk)

    def plays(self, script: Script, handler: Handler) -> None:
        """`handler` is given the arguments and the session; what it returns is the script's answer."""
        self._plays[script.name] = (script, handler)

    def script(self, name: str) -> Script:
        """Raises KeyError for one that this machine does not know."""
        return self._plays[name][0]

    def run(self, name: str, arguments: dict[str, Any], session: Session) -> Any:
        """Several may run at once, as on a real one; a handler that changes something shared takes `lock`."""
        found = self._plays[name][1](arguments, session)
        self.ran.append((name, arguments))
        return found

    def reboot(self, away: bool = False) -> None:
        """Parts go in the reverse of the order in which they came; `away`: and they do not come back."""
        with self.lock:  # a script that is in the midst of something is over then, and meets no half of a machine
            for part in reversed(self.parts):
                part.down()
            for part in () if away else self.parts:
                part.up()

    def _ping(self, _arguments: dict[str, Any], session: Session) -> dict[str, str]:
        return {
            "computer": self.name,
            "user": session.user,
            "powershell": self.powershell,
            "clock": self.clock or f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        }

    def _disk(self, arguments: dict[str, Any], _session: Session) -> dict[str, Any]:
        found = [(folder, folder[:3], folder[:3].upper() in self.drives) for folder in arguments.get("Folders", [])]
        drives = [
            {"folder": folder, "drive": drive, "there": there, "free": self.drives.get(drive.upper(), 0)}
            for folder, drive, there in found
        ]
        return {"drives": drives}
