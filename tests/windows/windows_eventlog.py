"""Event logs of the simulated Windows: numbers go on when a log wraps, and what is overwritten is gone.

Nobody knows for certain what a log that is cleared does with its numbers: so both are here, `clear(anew=...)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from windows_machine import Broken, Session, Throw, Windows

from reconciler.drivers.event_log.scripts import MARK, RECORDS

CRITICAL, ERROR, WARNING, INFORMATION = 1, 2, 3, 4
BEGIN = datetime(2026, 3, 1, 12, 0, 0)


@dataclass(frozen=True)
class Record:
    number: int
    level: int
    source: str
    id: int
    at: str
    text: str = ""  # which no script of ours may read


@dataclass
class EventLog:
    name: str
    clock: Callable[[], str]
    size: int = 1000  # records that it holds
    enabled: bool = True
    denied: bool = False
    records: list[Record] = field(default_factory=list)
    last: int = 0  # the number given last
    created: str = "2025-01-01T00:00:00.0000000Z"

    def write(self, level: int, source: str = "worker", id: int = 1001, times: int = 1, text: str = "") -> None:
        for _ in range(times):
            self.last += 1
            self.records.append(Record(self.last, level, source, id, self.clock(), text))
        del self.records[: -self.size]

    def clear(self, anew: bool = False) -> None:
        """`anew`: its numbers begin again, and it is another file."""
        self.records.clear()
        if anew:
            self.last, self.created = 0, self.clock()


@dataclass
class Computer:
    """What of a machine these scripts touch. `meanwhile` is done once, in the midst of the next look at records."""

    windows: Windows
    logs: dict[str, EventLog] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)  # files in %ProgramData%\reconciler\marks, by key
    marks_denied: bool = False
    meanwhile: Callable[[], None] | None = None
    ticks: int = 0

    def __post_init__(self) -> None:
        for name in ("Application", "System"):
            self.logs[name] = EventLog(name, self.now)
        self.windows.plays(MARK, self._mark)
        self.windows.plays(RECORDS, self._records)

    def now(self) -> str:
        """No two records of a test are written at one time."""
        self.ticks += 1
        return (BEGIN + timedelta(seconds=self.ticks)).isoformat() + ".0000000Z"

    def _mark(self, arguments: dict[str, Any], _session: Session) -> dict[str, str]:
        key, words = arguments["Key"], arguments.get("Words", "")
        file = f"C:\\ProgramData\\reconciler\\marks\\{key}.mark"
        if not re.fullmatch("[a-z0-9-]{1,100}", key):
            raise Throw("A key has small letters, digits and dashes only.")
        if words and self.marks_denied:
            raise Broken("Access to the path 'C:\\ProgramData\\reconciler' is denied.", "PermissionDenied", line=17)
        if words:
            self.marks.setdefault(key, words)
        return {"file": file, "words": self.marks.get(key, "")}

    def _records(self, arguments: dict[str, Any], _session: Session) -> dict[str, Any]:
        asked = zip(arguments["Logs"], arguments["After"], strict=True)
        return {"logs": [self._stand(name, after, arguments["Most"]) for name, after in asked]}

    def _stand(self, name: str, after: int, most: int) -> dict[str, Any]:
        log = next((one for one in self.logs.values() if one.name.lower() == name.lower()), None)
        if log is None:
            raise Throw(f"There is no event log {name} there.")
        if log.denied:
            raise Throw(f"The event log {name} may not be read; the user must be in Event Log Readers there.")
        if not log.enabled:
            raise Throw(f"The event log {name} is switched off there.")
        newest = log.records[-1] if log.records else None
        upto, written = (newest.number, newest.at) if newest else (0, "")
        stands, groups = upto, dict[tuple[int, int, str], dict[str, Any]]()
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        if 0 <= after < upto:
            found = [one for one in log.records if after < one.number <= upto and one.level <= WARNING][:most]
            for one in found:
                new = {"level": one.level, "source": one.source, "id": one.id, "times": 0}
                group = groups.setdefault((one.level, one.id, one.source), {**new, "record": one.number, "at": one.at})
                group["times"] += 1
            if len(found) >= most:
                upto, written = found[-1].number, found[-1].at
        anchor = next((one.at for one in log.records if one.number == after > 0), "")
        oldest = log.records[0].number if log.records else 0
        return {
            "log": name, "newest": stands, "upto": upto, "written": written, "oldest": oldest, "empty": newest is None,
            "created": log.created, "anchor": anchor, "groups": list(groups.values()),
        }  # fmt: skip
