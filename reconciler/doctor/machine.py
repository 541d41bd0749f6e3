"""What the reconciler itself needs of this machine, whatever it is to keep."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import subprocess
import sys
import tempfile
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.examining import Finding, failed, ok, unknown, warning

SECONDS = 10.0  # for one program
OLDEST = (3, 11)
OLDEST_GIT = (2, 25)
UNSYNCHRONISED = 5  # what the kernel's `adjtimex` returns then
BORN = 2025  # no clock can be right that says an earlier year
DRAWING = "import matplotlib, matplotlib.ft2font, matplotlib._path; print(matplotlib.__version__)"


def interpreter() -> Iterator[Finding]:
    found = f"{platform.python_version()}, {sys.executable}"
    if sys.version_info < OLDEST:
        yield failed("python", found, "install Python 3.11 or newer, and the reconciler with it")
    else:
        yield ok("python", found)


def git() -> Iterator[Finding]:
    try:
        said = _run("git", "--version").stdout
    except subprocess.TimeoutExpired:
        yield unknown("git", f"it has not answered within {SECONDS:g} s", "try by hand: git --version")
        return
    except OSError as error:
        yield failed("git", f"it cannot be run: {type(error).__name__}", "install git: apt-get install git")
        return
    found = re.search(r"(\d+)\.(\d+)[\w.]*", said)
    if not found:
        yield unknown("git", f"it does not tell its version: {said.strip()[:80]}")
    elif (int(found[1]), int(found[2])) < OLDEST_GIT:
        yield failed("git", found[0], "install git 2.25 or newer")
    else:
        yield ok("git", found[0])


def clocks(newest: str = "", clock: Clock = SYSTEM) -> Iterator[Finding]:
    """`newest`: when the journal's last entry was written, ISO 8601 in UTC."""
    wall = clock.wall()
    if clock.now().year < BORN:
        yield failed("clock", f"it says {wall[:19]}Z", "set it: timedatectl set-ntp true")
    elif newest > wall:
        found = f"it says {wall[:19]}Z, and the journal's last entry {newest[:19]}Z"
        yield warning("clock", found, "see which of them is right: timedatectl")
    else:
        yield _kept(wall)


def _kept(wall: str) -> Finding:
    """By what the kernel says of itself: whether some service keeps its clock. No network is asked."""
    shown = f"{wall[:19]}Z"
    if sys.platform != "linux":
        return unknown("clock", f"{shown}; whether something keeps it right is not known here")
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))  # asks, and sets nothing
    except (OSError, AttributeError):
        state = -1
    if state == UNSYNCHRONISED:
        return warning("clock", f"{shown}; nothing keeps it right", "timedatectl set-ntp true, or install chrony")
    return ok("clock", f"{shown}, kept right") if state >= 0 else unknown("clock", f"{shown}; the kernel does not tell")


def time_zones() -> Iterator[Finding]:
    """Windows, freezes and drills name them."""
    try:
        zoneinfo.ZoneInfo("Europe/Berlin")
    except (zoneinfo.ZoneInfoNotFoundError, OSError):
        yield failed("time zones", "this machine knows none", "pip install tzdata, or apt-get install tzdata")
    else:
        yield ok("time zones", "known")


def pictures() -> Iterator[Finding]:
    """In a process of its own: what it would keep for the next time goes with its folder."""
    with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
        environ = {**os.environ, "MPLCONFIGDIR": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = _run(sys.executable, "-c", DRAWING, environ=environ)
        except (OSError, subprocess.TimeoutExpired) as error:
            yield unknown("pictures", f"matplotlib does not answer: {type(error).__name__}")
            return
    if done.returncode:
        words = (done.stderr.strip().splitlines() or ["without a word"])[-1][:200]
        yield warning("pictures", f"no picture of a switch can be drawn: {words}", "pip install matplotlib")
    else:
        yield ok("pictures", f"matplotlib {done.stdout.strip()}")


def _run(*argv: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
        check=False,
        env=environ,
    )


def ownership(repository: Path) -> Iterator[Finding]:
    """We read a repository whoever owns it; git itself, for people, does not."""
    done = _run("git", "-C", str(repository), "rev-parse", "--git-dir")
    if "dubious ownership" in done.stderr:
        cure = f"git config --global --add safe.directory {repository.resolve()}"
        yield warning("owner", "the repository is another account's, so git here refuses what people type", cure)
