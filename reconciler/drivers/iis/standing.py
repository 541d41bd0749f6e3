"""What a site, its pool, its processes and its member's own word are together. Nothing here asks anybody."""

from __future__ import annotations

import json
from typing import Any

from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.drivers.http import Answer
from reconciler.drivers.iis.scripts import Stand
from reconciler.spelling import shown

STOPPED, UNREADY, READY = MemberStatus.STOPPED, MemberStatus.UNREADY, MemberStatus.READY
SEE = "`Get-WinEvent -FilterHashtable @{LogName = 'System'; ProviderName = 'Microsoft-Windows-WAS'} -MaxEvents 5`"
ENDED_IT = f"IIS itself has stopped its pool, or somebody has: see there {SEE}"
NO_WORKER = f"; its pool has no worker process: see there {SEE}"


def resting(stand: Stand) -> MemberReading | None:
    """Of one that does not run, or is about to end. None: it runs, as far as IIS is concerned."""
    if stand.pool in ("Started", "Starting"):
        return None
    if stand.pool == "Unknown":
        return unready("IIS does not know the state of its pool")
    if stand.pool == "Stopping" or stand.processes:
        left = ", ".join(f"{one.name} {one.pid}" for one in stand.processes[:5])
        detail = f"asked to stop, finishing its work: {left or 'its pool is stopping'}"
        return MemberReading(MemberStatus.STOPPING, stand.release or None, detail)
    if stand.pool == "Absent":
        return MemberReading(STOPPED, detail="never started")
    return MemberReading(STOPPED, detail=ENDED_IT if stand.auto else "")


def unanswerable(stand: Stand, port: int) -> str:
    """Why it is not even asked, though its pool runs; empty when it is."""
    if stand.pool == "Starting":
        return "its pool is starting"
    if stand.site != "Started":
        see = f"; see whether port {port} is taken" if stand.site == "Stopped" else ""
        return f"its pool runs, and its site is {stand.site.lower()}{see}"
    return ""


def judge(stand: Stand, path: str, folder: str, answer: Answer) -> MemberReading:
    """What it says of itself at `path`. `folder`: where the release lies that it was started for."""
    said = _object(answer.body)
    version = str(said["version"])[:128] if "version" in said else None
    wanted = stand.release.partition("#")[0]
    reported = stand.release if stand.release and version == wanted else version
    pids = {one.pid for one in stand.processes}
    if type(said.get("pid")) is int and said["pid"] not in pids:
        return unready(f"{path} is answered by process {said['pid']}, which is none of this pool's")
    if answer.status != 200:
        return unready(f"{path} answers {answer.status}", reported)
    if version is None:
        return unready(f'{path} does not say which version runs, expected JSON such as {{"version": "1.4.2"}}')
    if stand.release and version != wanted:
        return unready(
            f"{path} reports version {shown(version)!r:.80}, not {wanted}; it lies in {stand.path}", reported
        )
    astray = folder and stand.path.casefold() != folder.casefold()
    return MemberReading(READY, reported, f"its files are in {stand.path}, not in {folder}" if astray else "")


def unready(detail: str, version: str | None = None) -> MemberReading:
    return MemberReading(UNREADY, version, detail)


def restarted(before: Stand, now: Stand) -> str:
    """Which processes of a running site have ended since, in words; empty when none."""
    if before.pool != "Started" or now.pool != "Started":
        return ""
    alive = {(one.pid, one.started) for one in now.processes}
    return ", ".join(f"{one.name} {one.pid}" for one in before.processes if (one.pid, one.started) not in alive)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
