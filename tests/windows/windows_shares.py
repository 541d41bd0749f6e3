"""Shares as scripts of the simulated Windows meet them: a logon that is not passed on is refused by a third machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from windows_machine import Broken, Session, Throw, Windows

from reconciler.drivers.shares.looking import SHARE

DENIED, LOGON, NO_PATH, NO_FOLDER, FULL = 0x80070005, 0x8007052E, 0x80070035, 0x80070003, 0x80070070


@dataclass
class FileServer:
    """`unc` as scripts name it. `files`: paths in it."""

    windows: Windows
    unc: str = r"\\files\drive"
    files: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=lambda: {"outbox"})
    away: bool = False
    denied: bool = False  # to everybody
    read_only: bool = False
    full: bool = False
    garbles: bool = False
    keeps: bool = False  # what is written cannot be removed
    language: str = "en"
    probes: list[str] = field(default_factory=list)  # names of files that were written

    def __post_init__(self) -> None:
        self.windows.plays(SHARE, self._look)

    def _stop(self, path: str, number: int) -> Broken:
        """As `Stop-At` words it, in the machine's language."""
        english = {
            DENIED: f"Access to the path '{path}' is denied.",
            LOGON: "The user name or password is incorrect.",
            NO_PATH: "The network path was not found.",
            NO_FOLDER: f"Could not find a part of the path '{path}'.",
            FULL: "There is not enough space on the disk.",
        }
        text = english[number] if self.language == "en" else f"'{path}' 경로에 대한 액세스가 거부되었습니다."
        category = "PermissionDenied" if number == DENIED else "ResourceUnavailable"
        return Broken(f"{path}: {text} (0x{number:08X})", category, line=25)

    def _look(self, arguments: dict[str, Any], session: Session) -> dict[str, Any]:
        share, marker, probe = arguments["Share"], arguments["Marker"], arguments["Probe"]
        if self.away or share.lower() != self.unc.lower():
            raise self._stop(share, NO_PATH)
        if self.denied or not session.passes_on:
            raise self._stop(share, DENIED)
        if marker and marker not in self.files:
            raise Throw(f"{marker} is not in {share}; is that the real one?")
        if probe:
            self._write(f"{share}\\{probe}", probe)
        left = 0
        if queue := arguments["Queue"]:
            if queue not in self.folders:
                raise self._stop(f"{share}\\{queue}", NO_FOLDER)
            left = sum(one.startswith(queue + "\\") for one in self.files)
        return {"left": min(left, arguments["Most"]), "written": bool(probe)}

    def _write(self, path: str, probe: str) -> None:
        if self.read_only:
            raise self._stop(path, DENIED)
        if self.full:
            raise self._stop(path, FULL)
        self.probes.append(probe)
        if self.garbles:
            raise Throw(f"{path} does not hold what was written to it.")
        if self.keeps:
            self.files.add(probe)
            raise Throw(f"{path} was written, and cannot be removed.")
