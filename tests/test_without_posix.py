"""Every module can be imported where Windows has none of what only POSIX has: a look at Linux, not at Windows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

LOOK = """
import asyncio, importlib, os, pkgutil, signal, socket, subprocess, sys, warnings
import reconciler

warnings.simplefilter("ignore")
names = [found.name for found in pkgutil.walk_packages(reconciler.__path__, "reconciler.")]
names = [name for name in names if not name.endswith("__main__") and ".scaffold." not in name]
for name in names:  # with what they need of others, who have ways of their own on Windows
    importlib.import_module(name)
for name in [name for name in sys.modules if name.partition(".")[0] == "reconciler"]:
    del sys.modules[name]
for name in ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios"):
    sys.modules[name] = None
for module, missing in (
    (os, "chown fork geteuid getgid getpgid getuid killpg nice posix_spawn pread pwrite setsid statvfs sync uname"),
    (os, "O_CLOEXEC O_DIRECTORY O_NOCTTY O_NOFOLLOW O_NONBLOCK WNOHANG"),
    (signal, "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGUSR1 SIGUSR2"),
    (socket, "AF_UNIX"),
):
    for name in missing.split():
        if hasattr(module, name):
            delattr(module, name)
sys.platform = "win32"
failed = {}
for name in names:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed[name] = f"{type(error).__name__}: {error}"
print(len(names), failed)
"""


def test_every_module_can_be_imported_without_what_only_posix_has() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, capture_output=True, text=True, check=False)
    count, _, failed = done.stdout.strip().partition(" ")
    assert (done.returncode, failed) == (0, "{}"), done.stderr + done.stdout
    assert int(count) > 300
