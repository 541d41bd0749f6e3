"""What every Windows driver asks of its machine for the doctor: that it answers, and how long that takes, when
certificates end, its PowerShell, its clock beside ours, and room where its folders lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.examining import Finding, Grade, failed, ok, split, unknown, warning
from reconciler.drivers.windows import told
from reconciler.drivers.windows.ends import certificates, own
from reconciler.drivers.windows.machine import Machine
from reconciler.drivers.windows.script import PING, Ask, load
from reconciler.drivers.windows.translated import Lost
from reconciler.errors import ReconcilerError
from reconciler.spelling import shown
from reconciler.wording import size

DISK = load(Path(__file__).with_name("disk.ps1"))
PATIENCE = 10.0  # seconds for a script that does nothing: one that is silent must leave time to say so
SLOW = 2.0  # seconds for it, from which on looks at members are late: all of one, its script too, has 3 s
ASKEW = 30.0  # seconds between two clocks, from which on times in logs of both cannot be compared
APART = 300.0  # from which on Kerberos refuses
ROOM = 1 << 30  # bytes that should be free
MACHINE = "machine"  # what the first finding is about


def examined(
    name: str, machine: Machine, run: Ask, folders: Sequence[str] = (), clock: Clock = SYSTEM
) -> list[Finding]:
    """`name`: as in [machines.NAME]. The first finding says whether it answers at all: when it does not, nothing else
    is asked. `folders`: absolute, on that machine; they need not be there."""
    try:
        said, before, took = _pinged(machine, run, clock)
    except ReconcilerError as error:
        return [_silence(name, machine, error), *own(name, machine, clock)]
    there = [_answer(name, said, took), *certificates(name, machine, clock)]
    return [*there, _powershell(said), _clock(said, before, took), *_rooms(run, folders)]


def _pinged(machine: Machine, run: Ask, clock: Clock) -> tuple[Mapping[str, Any], datetime, float]:
    """What it says, when it was asked, and how many seconds that took. If it was long, once more: a first call logs on,
    which looks at members on a connection that is kept do not."""
    for _ in range(2):
        began, before = clock.monotonic(), clock.now()
        said = run(PING, {}, min(PATIENCE, machine.deadline))
        if (took := clock.monotonic() - began) < SLOW:
            break
    return said, before, took


def answers(findings: Sequence[Finding]) -> bool:
    """Is it worth asking that machine for more?"""
    return bool(findings) and findings[0].grade in (Grade.OK, Grade.WARNING)


def silent(findings: Sequence[Finding]) -> bool:
    """Did whoever looked ask a machine that did not answer?"""
    return bool(findings) and findings[0].what == MACHINE and findings[0].grade is Grade.FAILED


def _silence(name: str, machine: Machine, error: ReconcilerError) -> Finding:
    """Errors of no answer within the time name no cure: whoever looks at members knows it anyhow."""
    text = " ".join(str(error).split()).removeprefix(f"{machine.host}: ")
    found, cut, cure = text.partition("; ")
    if not cut:
        cure = told.listening(machine) if isinstance(error, Lost) else f"see [machines.{name}]"
    return failed(MACHINE, f"{name} ({machine.host}): {found}", cure)


def _answer(name: str, said: Mapping[str, Any], took: float) -> Finding:
    found = f"{_text(said, 'computer')} answers {_text(said, 'user')} within {took:.1f} s"
    if took >= SLOW:
        return warning(MACHINE, found, f"see what keeps it busy, or the network to [machines.{name}]")
    return ok(MACHINE, found)


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


def _rooms(run: Ask, folders: Sequence[str]) -> Iterator[Finding]:
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
