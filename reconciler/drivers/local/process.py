"""A gateway that we start and supervise: found, started in a session of its own, recognised by identity, ended."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from reconciler.drivers.identity import KILL, Identity
from reconciler.drivers.local import durable
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.local.folder import Folder
from reconciler.errors import Refused, Unreachable

POLL = 0.005


class Supervised:
    """Runs on when we stop, crash or are upgraded; whoever comes next knows it by the recorded identity.

    `configuration` stands in its command line and in nobody else's; `what` is its product's name, for messages."""

    def __init__(self, what: str, folder: Folder, configuration: Path) -> None:
        self._what, self._folder, self._configuration = what, folder, configuration
        self._child: int | None = None  # started by this very object, so ours to bury

    def running(self) -> Identity | None:
        self._bury()
        try:
            known = Identity.load(self._folder.process.read_text(encoding="utf-8"))
        except OSError:
            return None
        return known if known and known.alive() else None

    def found(self, admin: Path) -> Identity | None:
        """`running`, or one of ours that nobody recorded and that answers at its `admin` socket: its starter was
        killed, or a person has started it, as the script for going back by hand says. Records nothing."""
        return self.running() or (self._stray() if _answers(admin) else None)

    def adopt(self) -> Identity | None:
        """`running`, or one of ours that nobody recorded: its starter was killed in between."""
        found = self.running() or self._stray()
        if found and self.running() is None:
            durable.write(self._folder.process, found.dump())
        return found

    def _stray(self) -> Identity | None:
        """The one that is nobody's child among them."""
        ours = dict(self._ours())
        return next((Identity.of(pid) for pid, parent in ours.items() if parent not in ours), None)

    def _ours(self) -> Iterator[tuple[int, int]]:
        """Pid and parent of every living process that was started with our configuration."""
        for process in psutil.process_iter(["cmdline", "ppid", "status"]):
            named = str(self._configuration) in (process.info["cmdline"] or ())
            if named and process.info["status"] != psutil.STATUS_ZOMBIE:
                yield process.pid, process.info["ppid"]

    def spawn(self, argv: list[str], out: Path | None = None) -> Identity:
        """Start it, its output in the folder's log, standard output in `out` if given. Raises Refused when it cannot
        be run."""
        pid = _spawn(argv, self._folder.log, out or self._folder.log)
        self._child = pid
        identity = Identity.of(pid)
        if identity is None:
            raise Refused(f"{self._what} ended as soon as it was started: {self.said(0) or self.see_log}")
        durable.write(self._folder.process, identity.dump())
        return identity

    def end(self, identity: Identity, deadline: Deadline) -> None:
        """Gone when this returns. Raises Unreachable when even force does not end it in time."""
        for number, until in ((signal.SIGTERM, deadline.seconds / 5), (KILL, 0.0)):
            with contextlib.suppress(PermissionError):
                identity.signal(number)
            if self.gone(identity, deadline, until):
                return
        raise Unreachable(f"{deadline.what}: process {identity.pid} does not end, not even by force")

    def gone(self, identity: Identity, deadline: Deadline, until: float) -> bool:
        """Wait for its end while more than `until` seconds are left."""
        while identity.alive():
            if deadline.left() <= until:
                return False
            time.sleep(POLL)
        self._bury()
        return True

    def all_gone(self, deadline: Deadline) -> None:
        """Wait until none of its processes is left: children of a killed one end a little later. Raises Unreachable."""
        while any(self._ours()):
            deadline.check()
            time.sleep(POLL)

    def _bury(self) -> None:
        if self._child is not None and sys.platform != "win32":  # where nobody has to be buried
            try:
                pid, _ = os.waitpid(self._child, os.WNOHANG)
            except ChildProcessError:
                pid = self._child
            self._child = None if pid else self._child

    @property
    def see_log(self) -> str:
        return f"see {self._folder.log}"

    def said(self, since: int) -> str:
        """The last thing worth an operator's eyes that was logged after position `since`; empty when nothing."""
        try:
            with self._folder.log.open("rb") as file:
                file.seek(since)
                last = self.notable(file.read(1 << 20).decode("utf-8", "replace"))
        except OSError:
            return ""
        secret = self._folder.secret()  # a file that it cannot read is quoted, perhaps
        return (last.replace(secret, "...") if secret else last)[:500]

    def notable(self, log: str) -> str:
        """What of it an operator should see; each product writes in its own way."""
        return log.strip().rpartition("\n")[2]

    def log_size(self) -> int:
        return self._folder.log.stat().st_size if self._folder.log.exists() else 0


def _answers(admin: Path) -> bool:
    """Does anybody listen there? Asked before all processes of the machine are looked through."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(admin))
        except OSError:  # or a path that is too long to be one
            return False
        return True


def _spawn(argv: list[str], log: Path, out: Path) -> int:
    """In a session of its own, so that it does not end with our terminal; without our environment, which may hold
    secrets; with the signals as a fresh process has them."""
    if sys.platform == "win32":
        raise Refused("gateways are started on Linux and macOS only; on Windows use another kind of gateway")
    opened: list[int] = []
    try:
        opened.append(os.open(os.devnull, os.O_RDONLY))
        for file in (out, log):
            opened.append(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        return os.posix_spawn(
            argv[0],
            argv,
            {"PATH": os.defpath},
            file_actions=[(os.POSIX_SPAWN_DUP2, handle, number) for number, handle in enumerate(opened)],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
        )
    except OSError as error:
        raise Refused(f"cannot run {argv[0]} with its log in {log}: {error.strerror}") from error
    finally:
        for handle in opened:
            os.close(handle)


def check_free(host: str, port: int) -> None:
    """Raises Refused when nobody could listen there, naming the address and what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that just ended do not count
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            known = {errno.EADDRINUSE: "another program listens there", errno.EACCES: "it needs more rights"}
            why = known.get(error.errno or 0, error.strerror)
            raise Refused(
                f"cannot listen on {host}:{port}: {why}; free it, or change the gateway's 'listen'"
            ) from error
