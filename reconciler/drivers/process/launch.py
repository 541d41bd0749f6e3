"""Starting a program so that it outlives us: a session of its own, no input, its words appended to a log."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.drivers.process.family import TOKEN
from reconciler.errors import Refused

# What a process may know of our environment; all else (credentials, above all) stays with us.
PASSED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TMP", "TEMP"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA"),
)
CONFIG = "SLOT_CONFIG"


def environment(ours: Mapping[str, str], of_app: Mapping[str, str], config: Path, token: str) -> dict[str, str]:
    """A new process's variables: a few of ours, the operator's own, and the two that are always there."""
    passed = {name: ours[name] for name in PASSED_ON if name in ours}
    return {**passed, **of_app, CONFIG: str(config), TOKEN: token}


def require_free(port: int, who: str) -> None:
    """Raises Refused when somebody listens on the port. A look only: the port is free again when this returns."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform == "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise Refused(
                f"{who} needs 127.0.0.1:{port}, which cannot be had ({reason}); end what uses that port, or give the "
                "app another one in the operator's file"
            ) from error


def spawn(argv: Sequence[str], cwd: Path, variables: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Raises Refused when the program cannot be started at all, naming the program and never its arguments."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            return subprocess.Popen(
                argv,
                cwd=cwd,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                creationflags=_detached(),
            )
    except (OSError, ValueError) as error:
        reason = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else type(error).__name__
        raise Refused(f"'{argv[0]}' cannot be started in {cwd}: {reason}") from error


def _detached() -> int:
    if sys.platform != "win32":
        return 0
    return subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
