"""How the service stands: what the system says of it, and what the journal's lock says of the loop."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.configuration import Configuration
from reconciler.journal.sqlite import open_journal

AGAIN = (
    "install would write another unit now, for this operator's file and this installation: reconcile service install"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """`installed` empty: nothing is, under this name. `attended`: a loop works on this journal, whoever started it."""

    name: str
    attended: bool
    installed: str = ""
    state: str = ""
    begins: str = ""
    log: str = ""
    note: str = ""
    next: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> dict[str, str]:
        return {
            "service": f"{self.name}: {self.state}" if self.state else f"{self.name}: not installed",
            "installed": self.installed,
            "begins": self.begins,
            "loop": "works on this journal" if self.attended else "none works on this journal",
            "log": self.log,
            "note": self.note,
            "next": self.next,
        }


def standing(found: Configuration, name: str, *, own: bool) -> Standing:
    """Changes nothing. Raises ReconcilerError when the system cannot be asked."""
    attended = open_journal(found.journal_url, read_only=True).attended()
    return _of_task(found, name, attended) if sys.platform == "win32" else _of_unit(found, name, own, attended)


def _of_task(found: Configuration, name: str, attended: bool) -> Standing:
    from reconciler.service.keep import FILE
    from reconciler.service.task import Task

    said = Task(name, elevated=True).shown()
    if not said:
        return Standing(name, attended, next="reconcile service install")
    state = f"{said.get('state')}, as {said.get('account')}, last result {said.get('lastResult')}"
    log = f"{found.state_dir / FILE}; reconcile logs"
    following = "reconcile status" if attended else f"Start-ScheduledTask {name}"
    return Standing(name, attended, f"task '{name}'", state, "with the machine", log, next=following)


def _of_unit(found: Configuration, name: str, own: bool, attended: bool) -> Standing:
    from reconciler.service.systemd import Systemd

    unit, flag = Systemd(name, own), " --user" if own else ""
    if not unit.file.is_file() or shutil.which("systemctl") is None:
        return Standing(name, attended, next=f"reconcile service install{flag}")
    said = unit.shown()
    state = f"{said.get('ActiveState', 'unknown')} ({said.get('SubState', '?')}), process {said.get('MainPID', '?')}"
    state += f", restarts: {again}" if (again := said.get("NRestarts", "0")) != "0" else ""
    begins = (
        "with the machine" if said.get("UnitFileState") == "enabled" else f"not by itself: {said.get('UnitFileState')}"
    )
    note = AGAIN if found.file and unit.outdated(found) else ""
    following = "reconcile status" if attended else " ".join(unit.ctl("start", unit.unit))
    return Standing(name, attended, str(unit.file), state, begins, f"{unit.journal}; reconcile logs", note, following)
