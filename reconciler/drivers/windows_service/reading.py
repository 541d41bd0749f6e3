"""What a look at a service says about the member: pure, and never more than was seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reconciler.core.reading import MemberReading, MemberStatus
from reconciler.drivers.identity import Identity
from reconciler.drivers.process.health import judge
from reconciler.drivers.process.record import Record as Started
from reconciler.drivers.windows_service.codes import not_stopped
from reconciler.drivers.windows_service.looking import NEVER_STARTED, Seen
from reconciler.drivers.windows_service.record import Asked, Record

STOPPED, UNREADY, STOPPING = MemberStatus.STOPPED, MemberStatus.UNREADY, MemberStatus.STOPPING
ENDS = {0: "ended", 1067: "its process ended without a word", 1053: "it did not answer Windows in time when it started"}
ENDS |= {1069: "its account may not log on as a service", 2: "its program was not there"}


def without_asking(seen: Seen, record: Record | None, version: Callable[[str], str | None]) -> MemberReading | None:
    """How it is, where it need not be asked itself; None where it runs, and is what was started. `version`: which
    version's folder a path, or a command line, leads into."""
    if seen.stopped:
        return _at_rest(seen, record)
    label = record.label if record and same(seen, record) else None
    if seen.state == "Stop Pending" or (record and asked(record.stop, seen)):
        return MemberReading(STOPPING, label, "asked to stop, finishing its work")
    if record is None:
        return MemberReading(UNREADY, _version(seen, version), "it runs, and was not started by a reconciler")
    if not same(seen, record):
        return MemberReading(UNREADY, _version(seen, version), "it runs by another command line than it was given")
    if seen.state != "Running":
        return MemberReading(UNREADY, label, f"Windows says: {seen.state}")
    if seen.root is None:
        return MemberReading(UNREADY, label, "Windows says that it runs, and its process is not there")
    return None


def in_the_way(seen: Seen, record: Record | None, label: str, version: Callable[[str], str | None]) -> str:
    """Why `label` cannot be started there now; empty where it runs already."""
    found = without_asking(seen, record, version)
    if found and found.status is STOPPING:
        return f"still runs {found.version}, which was asked to stop; wait until it has"
    if seen.stopped or record is None:
        return f"is not at rest: {found.detail if found else seen.state}; it must be stopped before it can start"
    if record.label != label or not same(seen, record):
        runs = record.label if same(seen, record) else "something else than it was given"
        return f"runs {runs}; it must be stopped before {label} can start"
    return ""


def by_its_place(seen: Seen, record: Record, version: Callable[[str], str | None]) -> MemberReading:
    """Of one that nobody asks: the version's folder from which its process runs; else what it was started as."""
    found = _version(seen, version)
    if found in (None, record.version):
        return MemberReading(MemberStatus.READY, record.label)
    return MemberReading(UNREADY, found, f"it runs from the folder of version {found}")


def by_its_word(
    path: str, status: int, body: bytes, seen: Seen, record: Record
) -> tuple[MemberReading, dict[str, Any]]:
    """What it answers at `path`, and what that means. The process that it names is any of those that the service has
    started: its program may stand behind another one."""
    said = _object(body)
    pids = [one.pid for one in seen.processes]
    pid = said["pid"] if said.get("pid") in pids else seen.pid
    started = Started(record.label, record.version, "", None, "", 0, pid, Identity(pid, "", ""))
    return judge(path, status, body, started), said


def told(found: MemberReading, code: int) -> MemberReading:
    """Of one that was to end and has not: with what Windows answered to that."""
    return replace(found, detail=f"{found.detail}; {not_stopped(code)}") if code else found


def asked(one: Asked | None, seen: Seen) -> bool:
    """Was this very process asked? One that Windows has started since was not."""
    return one is not None and (seen.root is None or one.of == seen.root.identity)


def _at_rest(seen: Seen, record: Record | None) -> MemberReading:
    if seen.processes:
        left = ", ".join(str(one.pid) for one in seen.processes)
        if record and record.stop:
            return MemberReading(STOPPING, record.label, f"the service has stopped, its processes have not: {left}")
        return MemberReading(UNREADY, detail=f"it ended, but what it had started still runs: process {left}")
    if seen.comes_back:
        if seen.code == NEVER_STARTED:
            return MemberReading(UNREADY, detail="Windows was started, and will start it (after some two minutes)")
        return MemberReading(UNREADY, detail=f"{_end(seen.code)}; Windows starts it again")
    if record is None or seen.code == NEVER_STARTED:
        return MemberReading(STOPPED, detail="never started" if record is None else "not since Windows was started")
    return MemberReading(STOPPED, detail=_end(seen.code))


def _end(code: int) -> str:
    return f"{ENDS[code]}{f' ({code})' if code else ''}" if code in ENDS else f"ended with exit code {code}"


def same(seen: Seen, record: Record) -> bool:
    """Does the process run by the line that it was given? One whose line may not be seen runs by its service's."""
    root = seen.root
    return (root.line if root and root.line else seen.line) == record.line


def _version(seen: Seen, version: Callable[[str], str | None]) -> str | None:
    """Of its own process first; a path says more than a line."""
    root = seen.root
    ordered = [*([root] if root else []), *(one for one in seen.processes if one is not root)]
    texts = [text for one in ordered for text in (one.path, one.line)]
    return next((found for text in texts if (found := version(text))), None)


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
