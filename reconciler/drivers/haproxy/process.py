"""HAProxy itself: where it is, how it is checked and started, how it ends."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from reconciler.drivers.haproxy.files import Folder
from reconciler.drivers.identity import KILL, Identity
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.local.process import Supervised
from reconciler.errors import Refused, Unreachable

AGAIN = 0.5  # seconds until it is asked again: a master that is only just starting does not hear it
ALERT = re.compile(r"^\[ALERT\]\s*\(\d+\)\s*:\s*(.*)$", re.MULTILINE)
USUAL = os.pathsep.join((os.defpath, "/usr/sbin", "/usr/local/sbin", "/sbin"))  # not in an ordinary user's PATH


class Process(Supervised):
    """A master that we know, and the worker that it started: neither of them outlives the other."""

    def __init__(self, folder: Folder) -> None:
        super().__init__("HAProxy", folder, folder.configuration)

    def start(self, log: Path | None) -> Identity:
        """Start with the configuration in the folder, once what is left of a former one is gone. Raises Refused."""
        return self.spawn([str(program()), "-W", "-f", str(self._configuration)], log)

    def stop(self, identity: Identity, deadline: Deadline, gentle: Deadline) -> None:
        """Let nobody new in, let answers end while `gentle` lasts, then end it in any case. Raises Unreachable."""
        while gentle.left() > 0:
            with contextlib.suppress(PermissionError):
                identity.signal(signal.SIGUSR1)
            if self.gone(identity, gentle, gentle.left() - AGAIN):
                break
        else:
            self.end(identity, deadline)
        self.clear(deadline)

    def clear(self, deadline: Deadline) -> None:
        """End workers that have lost their master, and wait until none is left. Raises Unreachable."""
        for pid, _ in self._ours():
            one = Identity.of(pid)
            with contextlib.suppress(PermissionError):
                if one is not None:
                    one.signal(KILL)
        self.all_gone(deadline)

    def notable(self, log: str) -> str:
        found = ALERT.findall(log)
        return str(found[0]).strip() if found else ""


def program() -> Path:
    """Raises Refused saying how to get one."""
    found = shutil.which("haproxy") or shutil.which("haproxy", path=USUAL)
    if found is None:
        raise Refused("HAProxy is not installed: on Debian and Ubuntu, apt-get install haproxy")
    return Path(found)


def check(configuration: Path, deadline: Deadline) -> None:
    """Let HAProxy itself read a configuration. Raises Refused with what it says."""
    command = [str(program()), "-c", "-f", str(configuration)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=deadline.check(), check=False)
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"{deadline.what}: HAProxy does not finish reading {configuration}") from error
    if done.returncode:
        said = "; ".join(ALERT.findall(done.stderr)) or done.stderr.strip() or f"it ended with {done.returncode}"
        raise Refused(f"HAProxy rejects {configuration}: {said[:1000]}")
