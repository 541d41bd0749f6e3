"""Processes of ours without their start: a server that has imported everything forks one for each command.

Of a loop's processor time in an end-to-end test, half was the interpreter and its imports, the same each time. What is
forked is a process of its own all the same, with a number, a session, a folder, variables and files of its own: it is
killed, stopped and continued as any other, runs the command's own `__main__`, ends by the interpreter's own way out,
and nobody shares a lock or a thread with it (the server has one thread, and refuses to fork when it has two). `random`
is seeded anew by Python in every child; what is secret is the kernel's.

Not as in a process that was started, so that tests which are about one of these start one (the `reconcile` of the
service, of the demo, of the scenario, of two walks in examples/, and what is marked `started`):
- the imports, which must succeed in the same order on a new machine;
- the command line in the process table, which is this file's; options and PYTHON* variables of the interpreter;
- how strings are hashed, which is drawn once for the server; and the parent, which is the server;
- `sys.path`, which begins with this folder, and what a module reads of variables or folders when it is imported.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol

ASKED = 1 << 20  # bytes of a request, at most
ROOMS = ("reconciler.cli", "reconciler.drivers.gateways", "reconciler.drivers.hosts", "reconciler.drivers.gates")
NOT = {"reconciler.cli.demo", "reconciler.cli.scaffold"}
MORE = ("reconciler.demo.account", "reconciler.demo.client", "reconciler.drivers.warming", "reconciler.metrics.served")


class Process(Protocol):
    """What `subprocess.Popen` has too."""

    pid: int

    @property
    def returncode(self) -> Any: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def start(
    *words: str,
    folder: Path,
    environ: Mapping[str, str],
    out: IO[bytes],
    err: IO[bytes] | None = None,
    given: IO[bytes] | None = None,
) -> Process:
    """`python WORDS` (`-m MODULE ...` or `FILE ...`) in `folder`, a session of its own, with these variables and no
    others; both outputs into `out` where there is no `err`, its input `given` or none. As on a user's machine."""
    return subprocess.Popen(
        (sys.executable, "-X", "faulthandler", *words),
        cwd=folder,
        env=environ,
        stdin=given or subprocess.DEVNULL,
        stdout=out,
        stderr=err or out,
        start_new_session=True,
    )


def fork(
    *words: str,
    folder: Path,
    environ: Mapping[str, str],
    out: IO[bytes],
    err: IO[bytes] | None = None,
    given: IO[bytes] | None = None,
) -> Process:
    """The same, forked by the server; started where processes have no handles."""
    if not hasattr(os, "pidfd_open"):
        return start(*words, folder=folder, environ=environ, out=out, err=err, given=given)
    request = {"words": words, "folder": str(folder), "environ": dict(environ)}
    with open(os.devnull, "rb") as nothing:
        return _server().fork(request, [file.fileno() for file in (given or nothing, out, err or out)])


def run(*words: str, folder: Path, environ: Mapping[str, str], patience: float) -> subprocess.CompletedProcess[str]:
    """A forked one, to its end: its exit code, and what it said."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = fork(*words, folder=folder, environ=environ, out=out, err=err)
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, code, out.read().decode(), err.read().decode())


class Forked:
    """It is known by a handle that the server took before anybody could reap it: a reused number deceives nobody."""

    def __init__(self, said: socket.socket) -> None:
        self._said = said
        told, handles = _receive(said, 1)
        self.pid, self._handle = int(told), handles[0]
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        return self._code

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            self._said.settimeout(timeout)
            try:
                told = self._said.recv(64)
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0) from None
            assert told, "the server that forks has ended"
            self._code = int(told)
            self._said.close()
            os.close(self._handle)
        return self._code

    def send_signal(self, sig: int, /) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Server:
    def __init__(self) -> None:
        self._asks, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with asked:
            self._process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", __file__],
                stdin=asked,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        atexit.register(self._end)

    def fork(self, request: Mapping[str, Any], files: list[int]) -> Forked:
        said, says = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with says:
            _send(self._asks, json.dumps(request).encode(), [*files, says.fileno()])
        return Forked(said)

    def _end(self) -> None:
        """Nobody asks any more, so it ends; what it has forked goes on."""
        self._asks.close()
        self._process.wait()


@cache
def _server() -> Server:
    """One for each process of pytest; it ends when that has ended."""
    return Server()


def _send(to: socket.socket, text: bytes, files: list[int]) -> None:
    to.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])


def _receive(where: socket.socket, files: int) -> tuple[bytes, list[int]]:
    text, handles, _, _ = socket.recv_fds(where, ASKED, files)
    assert text, "the server that forks has ended"
    return text, handles


# ---- the server ------------------------------------------------------------------------------------------------------


def imported() -> None:
    """What a loop and the other commands import, the drivers that a manifest names too."""
    for room in ROOMS:
        for module in pkgutil.iter_modules(importlib.import_module(room).__path__, f"{room}."):
            if module.name not in NOT:
                importlib.import_module(module.name)
    for name in MORE:
        importlib.import_module(name)


def served(asked: socket.socket) -> dict[str, Any] | None:
    """Fork for every request until nobody can ask; then None. In a child: its request."""
    running: dict[int, tuple[int, socket.socket]] = {}  # by handle: the process, and who wants to know of its end
    looked = selectors.DefaultSelector()
    looked.register(asked, selectors.EVENT_READ)
    while True:
        for key, _ in looked.select():
            if key.fd != asked.fileno():
                looked.unregister(key.fd)
                _tell_the_end(key.fd, *running.pop(key.fd))
                continue
            text, files, _, _ = socket.recv_fds(asked, ASKED, 4)
            if not text:
                return None
            assert threading.active_count() == 1, "a child would have the locks of threads that it has not"
            child = os.fork()
            if not child:
                looked.close()  # and not later, by whoever collects garbage, when others have the number of its file
                for _, other in running.values():
                    other.close()
                asked.close()
                return _born(json.loads(text), files)
            handle = os.pidfd_open(child)
            says = socket.socket(fileno=files.pop())
            with contextlib.suppress(OSError):
                _send(says, str(child).encode(), [handle])
            for file in files:
                os.close(file)
            running[handle] = child, says
            looked.register(handle, selectors.EVENT_READ)


def _tell_the_end(handle: int, process: int, says: socket.socket) -> None:
    os.close(handle)
    _, status = os.waitpid(process, 0)
    with says, contextlib.suppress(OSError):  # nobody may wait for it
        says.send(str(os.waitstatus_to_exitcode(status)).encode())


def _born(request: dict[str, Any], files: list[int]) -> dict[str, Any]:
    """Only what was given is open, and nothing is remembered of the server."""
    os.setsid()
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    return request


def main() -> None:
    """Returns in a child, when its command has; so it ends as every interpreter does."""
    imported()
    gc.collect()
    gc.freeze()  # what is there already is looked through by no child, and so stays shared
    asked = socket.socket(fileno=os.dup(0))
    request = served(asked)
    if request is None:
        return
    first, *others = request["words"]
    if first == "-m":
        module, *others = others
        sys.argv = [module, *others]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *others]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    main()
