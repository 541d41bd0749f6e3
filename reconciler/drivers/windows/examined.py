"""What every Windows driver asks of its machine for the doctor: that it answers, and how long that takes, its
PowerShell, its clock beside ours, and room where its folders lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.examining import Finding, Grade, failed, ok, split, unknown, warning
from reconciler.drivers.windows.script import PING, Script, load
from reconciler.errors import ReconcilerError
from reconciler.spelling import shown
from reconciler.wording import size

DISK = load(Path(__file__).with_name("disk.ps1"))
SLOW = 5.0  # seconds for a script that does nothing, from which on looks at members are late
ASKEW = 30.0  # seconds between two clocks, from which on times in logs of both cannot be compared
APART = 300.0  # from which on Kerberos refuses
ROOM = 1 << 30  # bytes that should be free

Run = Callable[[Script, Mapping[str, Any]], Mapping[str, Any]]


def examined(name: str, run: Run, folders: Sequence[str] = (), clock: Clock = SYSTEM) -> list[Finding]:
    """`name`: as in [machines.NAME]; `run`: one script there, which may raise ReconcilerError. The first finding says
    whether it answers at all: when it does not, nothing else is asked. `folders`: absolute, on that machine; they need
    not be there."""
    began, before = clock.monotonic(), clock.now()
    try:
        said = run(PING, {})
    except ReconcilerError as error:
        return [failed("machine", *split(error))]
    took = clock.monotonic() - began
    return [_answer(name, said, took), _powershell(said), _clock(said, before, took), *_rooms(run, folders)]


def answers(findings: Sequence[Finding]) -> bool:
    """Is it worth asking that machine for more?"""
    return bool(findings) and findings[0].grade in (Grade.OK, Grade.WARNING)


def _answer(name: str, said: Mapping[str, Any], took: float) -> Finding:
    found = f"{_text(said, 'computer')} answers {_text(said, 'user')} within {took:.1f} s"
    if took >= SLOW:
        return warning("machine", found, f"see what keeps it busy, or the network to [machines.{name}]")
    return ok("machine", found)


def _powershell(said: Mapping[str, Any]) -> Finding:
    version = _text(said, "powershell")
    try:
        old = tuple(int(part) for part in version.split(".")[:2]) < (5, 1)
    except ValueError:
        return unknown("powershell", f"it calls its version {version}")
    if old:
        return failed("powershell", version, "install Windows Management Framework 5.1 there")
    return ok("powershell", version)


def _clock(said: Mapping[str, Any], before: datetime, took: float) -> Finding:
    """Its clock was read at some moment between our two looks at ours."""
    text = _text(said, "clock")
    try:
        there = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    except ValueError:
        return unknown("clock", f"it says {text}")
    ahead = (there - before).total_seconds()
    off = max(-ahead, ahead - took, 0.0)
    found = f"{off:.0f} s {'behind' if ahead < 0 else 'ahead of'} ours" if off >= 1 else "as ours"
    cure = "`w32tm /resync` there, or set ours right"
    if off >= APART:
        return failed("clock", found, cure)
    return warning("clock", found, cure) if off >= ASKEW else ok("clock", found)


def _rooms(run: Run, folders: Sequence[str]) -> Iterator[Finding]:
    if not folders:
        return
    try:
        drives = run(DISK, {"Folders": list(folders)}).get("drives")
    except ReconcilerError as error:
        yield unknown("room", *split(error))
        return
    for folder, one in zip(folders, drives if isinstance(drives, list) else (), strict=False):
        yield _room(folder, one if isinstance(one, dict) else {})


def _room(folder: str, one: Mapping[str, Any]) -> Finding:
    free = one.get("free")
    if type(free) is not int or type(one.get("there")) is not bool:
        return unknown("room", f"its answer about {folder} makes no sense")
    if not one["there"]:
        return failed("room", f"there is no drive for {folder}", "name another folder, or make the drive ready there")
    found = f"{size(free)} are free on {_text(one, 'drive')}"
    return ok("room", found) if free >= ROOM else warning("room", found, f"make room on the drive of {folder} there")


def _text(said: Mapping[str, Any], key: str) -> str:
    """Another machine's word, fit for a message."""
    return shown(str(said.get(key, "nothing"))[:100])
