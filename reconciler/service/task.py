"""The loop as a scheduled task of Windows. What is to be known of the task stands in `task.ps1`, which can be used by
hand as well; here is only which words it is given."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.configuration import Configuration
from reconciler.errors import ReconcilerError
from reconciler.service.plan import Call, Plan, Run, call

SCRIPT = Path(__file__).parent / "task.ps1"
POWERSHELL = ("powershell.exe", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", str(SCRIPT))
SYSTEM = "SYSTEM"


@dataclass(frozen=True, slots=True)
class Task:
    """`elevated`: may this process register one?"""

    name: str
    elevated: bool
    call: Call = call

    def script(self, *words: str) -> tuple[str, ...]:
        return (*POWERSHELL, "-Name", self.name, *words)

    def install(self, found: Configuration, account: str = SYSTEM) -> Plan:
        title = (
            f"register the task '{self.name}': the loop, from the start of the machine on, without anybody logged on"
        )
        problems = self._unusable()
        if found.file is None:
            problems.append("there is no operator's file: name it by --config FILE; `reconcile init` writes one")
        words = ("-Python", sys.executable, "-Config", str(found.file), "-Account", account)
        register = Run(self.script(*words), "Windows registers the task, and starts it")
        if account != SYSTEM and not account.endswith("$"):
            by_hand = " ".join(word for word in map(_quoted, register.argv) if word != "-NonInteractive")
            problems.append(
                f"{account} has a password, which nobody but Windows should be told; type it yourself: {by_hand}"
            )
        notes = (f"it runs as {account}, and so does everything that it starts",)
        after = ("reconcile service status", "reconcile status", "reconcile logs")
        return Plan(title, (register,), tuple(problems), notes, after)

    def uninstall(self, found: Configuration) -> Plan:
        title = f"remove the task '{self.name}'; sites and services run on"
        words = (sys.executable, "-P", "-m", "reconciler", "--config", str(found.file), "service", "stop")
        steps = (
            Run(words, "the loop is asked to end, and waited for", tolerated=True),
            Run(self.script("-Remove"), "Windows forgets the task"),
        )
        return Plan(title, steps, tuple(self._unusable()))

    def shown(self) -> dict[str, Any]:
        """What Windows says of the task; empty when there is none. Raises ReconcilerError when it cannot be asked."""
        done = self.call(self.script("-Show"))
        try:
            said = json.loads(done.stdout or "null")
        except ValueError:
            said = None
        if done.returncode or not isinstance(said, dict):
            raise ReconcilerError(f"PowerShell does not tell of the task: {done.stderr.strip()[:500] or 'no answer'}")
        return said

    def _unusable(self) -> list[str]:
        return [] if self.elevated else ["tasks of the machine are its administrators': use an elevated prompt"]


def elevated() -> bool:
    if sys.platform != "win32":
        return False
    import ctypes

    return bool(ctypes.windll.shell32.IsUserAnAdmin())


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
