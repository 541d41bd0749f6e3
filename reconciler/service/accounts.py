"""Whom the loop runs as under systemd, and what that account may do: asked of the system as that account, because
groups, folders above and lists of access have their say. Only where there are POSIX accounts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.errors import UsageError

SECONDS = 30.0
NAMES = {"-r": "read", "-w": "write", "-x": "run"}


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int
    home: Path

    def may(self, flag: str, path: Path) -> bool:
        """-r, -w or -x, as `test` has them."""
        return self.call(("test", flag, str(path)), {"PATH": os.defpath}) == 0

    def call(self, argv: Sequence[str], environ: Mapping[str, str]) -> int:
        """The exit code of a command that is run as this account, in the root folder; 127: it cannot be run."""
        try:
            done = subprocess.run(
                argv, cwd="/", env=dict(environ), timeout=SECONDS, capture_output=True, check=False, **self._as()
            )
            return int(done.returncode)
        except (OSError, subprocess.TimeoutExpired):
            return 127

    def _as(self) -> dict[str, Any]:
        if sys.platform == "win32" or os.geteuid() == self.uid:
            return {}
        groups = os.getgrouplist(self.name, self.gid)
        return {"user": self.uid, "group": self.gid, "extra_groups": groups}


def named(name: str) -> Account:
    """Raises UsageError."""
    import pwd

    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"--as {name}: this machine has no such account; make one: useradd --system {name}") from None
    return Account(found.pw_name, found.pw_uid, found.pw_gid, Path(found.pw_dir))


def of(uid: int) -> Account:
    """A number that nobody has a name for is its own name."""
    import pwd

    try:
        return named(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Account(str(uid), uid, uid, Path("/"))


def owner(file: Path) -> Account:
    """Whose file it is."""
    return of(file.stat().st_uid)
