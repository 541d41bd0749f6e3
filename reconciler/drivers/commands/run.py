"""Run one named command: no shell, no input, its output read and not stored, and nobody left when it is over.

It is ended at its deadline, or when it says more than anybody will read, and whoever it started with it, in whichever
session. If we ourselves are killed meanwhile, a ward ends them all.
"""

from __future__ import annotations

import os
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.commands.command import Command
from reconciler.drivers.commands.output import Tail
from reconciler.drivers.commands.ward import Ward
from reconciler.drivers.identity import KILL, Identity
from reconciler.drivers.process.family import TOKEN, family, signal_all
from reconciler.drivers.process.launch import PASSED_ON
from reconciler.durations import write
from reconciler.errors import Refused, Unreachable

CHUNK = 65536
MOST = 64 << 20  # bytes of output; more is a command that went wrong
LOOK = 0.02  # seconds between two looks whether it has ended, while it says nothing
PATIENCE = 2.0  # seconds, until all must be gone who were ended by force
Child = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and the last that it said, in lines."""

    code: int | None  # negative: the number of a signal. None: it did not end by itself, and `stopped` says why
    seconds: float
    said: str
    stopped: str = ""


def run(
    command: Command,
    values: Mapping[str, str],
    clock: Clock = SYSTEM,
    token: str = "",
    check: Callable[[], None] = lambda: None,
) -> Ended:
    """`token`: what its processes are to be known by; one of its own, when nobody says. `check` is called often: what
    it raises ends the command, and goes on.

    Raises Refused when it cannot be started, naming the program and never its arguments; Unreachable when not even
    force ends it."""
    began = clock.monotonic()
    tail = Tail(command.env.values())
    with _started(command, values, token or secrets.token_hex(16)) as (child, leader):
        stopped = _follow(child, leader, tail, command.timeout, clock, check)
    return Ended(None if stopped else child.returncode, clock.monotonic() - began, tail.text(), stopped)


# ---- beginning and end -----------------------------------------------------------------------------------------------


@contextmanager
def _started(command: Command, values: Mapping[str, str], token: str) -> Iterator[tuple[Child, Identity | None]]:
    """The command as it runs; nobody of it is left afterwards. None: it has ended already."""
    if sys.platform == "win32":
        raise Refused("commands are run on Linux and macOS only")
    with _ward(token) as ward:
        child = _spawned(command, values, token)
        leader = Identity.of(child.pid)
        try:
            ward.tell(str(child.pid))
            yield child, leader
        finally:
            _end(child, leader, token)


def _ward(token: str) -> Ward:
    try:
        return Ward(f"{TOKEN}={token}")
    except OSError as error:
        raise Refused(f"no process can be started: {error.strerror}") from error


def _spawned(command: Command, values: Mapping[str, str], token: str) -> Child:
    argv = command.filled(values)
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        return subprocess.Popen(
            argv,
            bufsize=0,
            cwd=command.folder,
            env={**passed, **command.env, TOKEN: token},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else type(error).__name__
        raise Refused(f"'{argv[0]}' cannot be started in {command.folder}: {reason}") from error


def _end(child: Child, leader: Identity | None, token: str) -> None:
    """The leader is buried last: until then its number, and its group's, stay its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    for _ in range(int(PATIENCE / LOOK)):
        if not (members := family(token, leader)):
            break
        signal_all(members, KILL)
        time.sleep(LOOK)
    if child.stdout:
        child.stdout.close()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"process {child.pid} does not end, not even by force") from error


# ---- its output ------------------------------------------------------------------------------------------------------


def _follow(
    child: Child, leader: Identity | None, tail: Tail, timeout: float, clock: Clock, check: Callable[[], None]
) -> str:
    """Read until it ends. Why it must be stopped; empty when it ended by itself.

    It may end without its output doing so: whoever it started and left behind holds that, and is not waited for."""
    assert child.stdout is not None
    pipe, until = child.stdout.fileno(), clock.monotonic() + timeout
    os.set_blocking(pipe, False)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while leader and leader.alive():
            check()
            left = until - clock.monotonic()
            if left <= 0:
                return f"did not end within {write(timeout)}, and was ended by force"
            if tail.total > MOST:
                return f"wrote more than {MOST >> 20} MB, and was ended by force"
            if not selector.get_map():
                time.sleep(min(left, LOOK))
            elif selector.select(min(left, LOOK)) and not _read(pipe, tail):
                selector.unregister(pipe)
    while tail.total <= MOST and _read(pipe, tail):
        pass
    return ""


def _read(pipe: int, tail: Tail) -> bool:
    """Take what is there now. False when there is nothing, or nothing any more."""
    try:
        data = os.read(pipe, CHUNK)
    except BlockingIOError:
        return False
    tail.add(data)
    return bool(data)
