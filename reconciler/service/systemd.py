"""The loop as a unit of systemd: of the machine, or of a person's own manager, which lingers without a session."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.configuration import Configuration
from reconciler.journal.sqlite import open_journal
from reconciler.service import accounts
from reconciler.service.accounts import Account
from reconciler.service.plan import Call, Plan, Removed, Run, Step, Written, call
from reconciler.service.requirements import longest, unfit, variables

TEMPLATE = Path(__file__).parent / "systemd.service"
OURS = "# Written by `reconcile service install`"
SYSTEM, BOOTED = Path("/etc/systemd/system"), Path("/run/systemd/system")
MACHINES = Path("/etc/reconciler")
SECRETS = "# Secrets that the operator's file wants to be told by variables; nobody else may read it."
BACKS_OFF = 254  # the first systemd that lengthens its pauses
SHOWN = ("LoadState", "ActiveState", "SubState", "MainPID", "Result", "UnitFileState", "NRestarts", "StatusText")


@dataclass(frozen=True, slots=True)
class Systemd:
    """`own`: the person's manager instead of the machine's."""

    name: str
    own: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    call: Call = call

    @property
    def unit(self) -> str:
        return f"{self.name}.service"

    @property
    def file(self) -> Path:
        if not self.own:
            return SYSTEM / self.unit
        home = Path(self.environ.get("XDG_CONFIG_HOME") or Path(self.environ.get("HOME", "/")) / ".config")
        return home / "systemd" / "user" / self.unit

    def ctl(self, *words: str) -> tuple[str, ...]:
        return ("systemctl", *(("--user",) if self.own else ()), *words)

    @property
    def journal(self) -> str:
        return f"journalctl {'--user ' if self.own else ''}-u {self.name}"

    def variables(self, file: Path) -> Path:
        """Where secrets in variables lie. The machine's systemd reads it as root: so not where whoever owns the
        operator's file could put a link to what he may not read."""
        return file.with_suffix(".env") if self.own else MACHINES / f"{self.name}.env"

    # ---- what would be done ------------------------------------------------------------------------------------------

    def install(self, found: Configuration, account: Account | None) -> Plan:
        """`account`: who runs it; without, the owner of the operator's file."""
        title = f"install {self.unit}: the loop, from the start of the machine on, without anybody logged in"
        problems = self._unusable()
        if found.file is None:
            problems.append("there is no operator's file: name it by --config FILE; `reconcile init` writes one")
            return Plan(title, problems=tuple(problems))
        who = self._who(account, found.file)
        if not problems:  # else it is not known whether anybody else could be asked
            problems += [*unfit(found, who), *self._in_the_way(found)]
        unit = Written(self.file, self.text(found, who.name))
        notes = [f"it runs as {who.name}, and so does everything that it starts"]
        if names := variables(found):
            file = self.variables(found.file)
            notes.append(f"secrets in variables: write {', '.join(names)} into {file}, one NAME=VALUE in a line")
        return Plan(title, (unit, *self._begin(who)), tuple(problems), tuple(notes), self._after())

    def _in_the_way(self, found: Configuration) -> Iterator[str]:
        """A loop that is not the one of this unit, which would be begun again."""
        attended = open_journal(found.journal_url, read_only=True).attended()
        if attended and self.shown().get("ActiveState") != "active":
            yield "a loop works on this journal already: end it first, such as by `reconcile service stop`"

    def _who(self, account: Account | None, file: Path) -> Account:
        return accounts.of(os.geteuid()) if self.own else account or accounts.owner(file)

    def _begin(self, who: Account) -> list[Step]:
        linger = Run(("loginctl", "enable-linger", who.name), "it works also while you are not logged in")
        return [
            *([linger] if self.own else []),
            Run(self.ctl("daemon-reload"), "systemd reads the unit"),
            Run(self.ctl("enable", self.unit), "it begins with the machine"),
            Run(self.ctl("restart", self.unit), "it begins now; returns once the loop looks"),
        ]

    def _after(self) -> tuple[str, ...]:
        return ("reconcile service status" + (" --user" if self.own else ""), f"{self.journal} -f", "reconcile status")

    def uninstall(self) -> Plan:
        title = f"uninstall {self.unit}; gateways and slots run on"
        problems = self._unusable()
        if not self.file.is_file() and not problems:
            problems.append(f"{self.file} is not there: nothing is installed under this name")
        steps = (
            Run(self.ctl("disable", "--now", self.unit), "the loop ends, and does not begin with the machine any more"),
            Removed(self.file),
            Run(self.ctl("daemon-reload"), "systemd forgets the unit"),
        )
        return Plan(title, steps, tuple(problems))

    def _unusable(self) -> list[str]:
        """Why nothing can be installed here, whatever it is."""
        if shutil.which("systemctl") is None:
            return ["this machine has no systemd (no systemctl): start `reconcile run` by what starts its services"]
        if self.own and not (Path(self.environ.get("XDG_RUNTIME_DIR") or "/nowhere") / "systemd").is_dir():
            return ["your account has no systemd manager here (XDG_RUNTIME_DIR): log in by ssh or a console, not by su"]
        if not self.own and not BOOTED.is_dir():
            return [f"this machine was not started by systemd ({BOOTED} is not there)"]
        if not self.own and os.geteuid() != 0:
            return ["the machine's units are root's: type it with sudo, or install it for your account with --user"]
        if self.file.is_file() and not self.file.read_text("utf-8", "replace").startswith(OURS):
            return [f"{self.file} is there already, and not ours: choose another --name, or move it away"]
        return []

    # ---- the unit ----------------------------------------------------------------------------------------------------

    def text(self, found: Configuration, who: str) -> str:
        """What is written; every line says why it is there."""
        assert found.file is not None
        command = (sys.executable, "-P", "-m", "reconciler", "--config", str(found.file), "run")
        secrets = f"{SECRETS}\nEnvironmentFile=-{_plain(self.variables(found.file))}"
        values = {
            "name": self.name,
            "file": _plain(found.file),
            "after": "" if self.own else "After=network-online.target\nWants=network-online.target",
            "start": "5min",
            "command": " ".join(_word(word) for word in command),
            "folder": _plain(found.file.parent),
            "user": "" if self.own else f"User={_plain(who)}",
            "variables": secrets if variables(found) else "",
            "stop": f"{longest(found):.0f}",
            "backoff": "RestartSteps=6\nRestartMaxDelaySec=5min" if self.version() >= BACKS_OFF else "",
            "target": "default.target" if self.own else "multi-user.target",
        }
        return "".join(f"{line}\n" for line in _filled(TEMPLATE.read_text("utf-8"), values))

    def outdated(self, found: Configuration) -> bool:
        """Is the unit that is there another one than would be written now, for the same account?"""
        there = self.file.read_text("utf-8", "replace")
        who = re.search(r"^User=(.*)$", there, re.MULTILINE)
        return there != self.text(found, who[1] if who else "")

    def version(self) -> int:
        """systemd's own; 0 when it does not say."""
        if shutil.which("systemctl") is None:
            return 0
        first = self.call(("systemctl", "--version")).stdout.split()
        return int(first[1]) if len(first) > 1 and first[1].isdigit() else 0

    # ---- how it stands -----------------------------------------------------------------------------------------------

    def shown(self) -> dict[str, str]:
        """What systemd says of it. Raises ReconcilerError when it cannot be asked."""
        done = self.call(self.ctl("show", self.unit, "--property", ",".join(SHOWN)))
        pairs = (line.partition("=") for line in done.stdout.splitlines())
        return {key: value for key, _, value in pairs if key in SHOWN}


def _filled(template: str, values: Mapping[str, str]) -> Iterator[str]:
    """Line by line; one that is only a place, and empty, is left out."""
    for line in template.splitlines():
        text = re.sub(r"@([a-z]+)@", lambda place: values[place[1]], line)
        if text or not line:
            yield text


def _plain(value: object) -> str:
    """A value in which systemd sees nothing but itself."""
    return str(value).replace("%", "%%")


def _word(text: str) -> str:
    """One word of a command line, as systemd splits it."""
    text = _plain(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text) else f'"{text}"'
