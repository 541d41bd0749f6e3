"""A real systemd, as the manager of one account, in namespaces of its own: it sees no other process of this machine,
and what it does ends with it. Needs root, to make them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from e2e_playground import PATIENCE

SYSTEMD = Path("/lib/systemd/systemd")
GROUPS = [Path("/sys/fs/cgroup") / name for name in ("systemd", "unified", "")]

OUTSIDE = """
set -e
for group in $GROUPS_; do mkdir -p $group/$NAME; echo $$ > $group/$NAME/cgroup.procs; done
exec unshare --cgroup --mount --pid --fork --kill-child --mount-proc sh -c "$INSIDE"
"""
INSIDE = """
set -e
for group in $GROUPS_; do
    kind=$(awk -v at=$group '$2 == at {print $3; exit}' /proc/mounts)
    umount $group
    case $kind in cgroup2) mount -t cgroup2 none $group;; *) mount -t cgroup -o none,name=systemd none $group;; esac
done
mount -t tmpfs none /run
mkdir -p /run/systemd/system $XDG_RUNTIME_DIR
chmod 700 $XDG_RUNTIME_DIR
$SYSTEMD --user &  # as the first process it would take itself for the machine's
wait
"""


def missing() -> str:
    """Why there can be none here; empty when there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux, to make namespaces"
    if not SYSTEMD.exists() or not all(map(shutil.which, ("unshare", "nsenter", "systemctl"))):
        return "systemd is not installed here: apt-get install systemd"
    if not _groups():
        return "control groups cannot be made here"
    return ""


def _groups() -> list[Path]:
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    kinds = {where: kind for where, kind in mounts if kind in ("cgroup", "cgroup2")}
    return [group for group in GROUPS if str(group) in kinds and os.access(group, os.W_OK)]


class Manager:
    """`home` is the account's; whatever is typed is typed with it, and sees this tree."""

    def __init__(self, home: Path) -> None:
        self.home, self._name = home, f"reconciler-test-{os.getpid()}"
        stubs = home / "stubs"
        stubs.mkdir(parents=True)
        (stubs / "loginctl").write_text(f'#!/bin/sh\necho "$@" >> {home}/lingering\n')  # no logind is there to hear it
        (stubs / "loginctl").chmod(0o755)
        identity = {f"GIT_{who}_{what}": "x@x.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        self.environ = {
            **identity,
            "PATH": f"{stubs}:{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": "/run/u",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SYSTEMD": str(SYSTEMD),
            "SYSTEMD_UNIT_PATH": f"{home}/.config/systemd/user:",
            "GROUPS_": " ".join(map(str, _groups())),
            "NAME": self._name,
            "INSIDE": INSIDE,
        }
        self._process = subprocess.Popen(["sh", "-c", OUTSIDE], env=self.environ, start_new_session=True)

    def begun(self) -> bool:
        """Waits until it answers; False: it does not, here."""
        until = time.monotonic() + PATIENCE / 4
        while time.monotonic() < until and self._process.poll() is None:
            if self._inside() and self.ctl("is-system-running").stdout.strip() in ("running", "degraded"):
                return True
            threading.Event().wait(0.1)
        return False

    def _inside(self) -> str:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().strip()
        return ""

    def _enter(self) -> list[str]:
        return ["nsenter", "--target", self._inside(), "--mount", "--pid", "--cgroup"]

    def type(self, *words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                "nsenter",
                "--target",
                self._inside(),
                "--mount",
                "--pid",
                "--cgroup",
                f"--wd={folder or self.home}",
                *words,
            ],
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.type("systemctl", "--user", *words)

    def close(self) -> None:
        """Whoever lives in there ends with its first process."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        for group in _groups():
            _remove(group / self._name)


def _remove(group: Path) -> None:
    """Its control groups, the innermost first; an ended process leaves its own a little later."""
    for inner in sorted([path for path in group.rglob("*") if path.is_dir()], key=lambda path: -len(path.parts)):
        _rmdir(inner)
    _rmdir(group)


def _rmdir(folder: Path) -> None:
    for _ in range(100):
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            threading.Event().wait(0.05)
