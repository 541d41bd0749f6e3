"""All processes that came of one start, however deep, in whichever session: they inherit a token in their environment.

A process group misses a grandchild with a session of its own, and the list of descendants misses one whose parent has
ended; the token misses only a program that clears its environment. So: the token, and the descendants as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import psutil

from reconciler.drivers.identity import Identity
from reconciler.errors import Refused

TOKEN = "RECONCILER_START"


def bearers(token: str) -> tuple[Identity, ...]:
    """Whoever carries the token, the oldest first: that one was started by us."""
    found = []
    for process in psutil.process_iter(["environ", "create_time"]):
        if (process.info["environ"] or {}).get(TOKEN) == token:
            identity = Identity.of(process.pid)
            if identity:
                found.append((process.info["create_time"] or 0.0, identity.pid, identity))
    return tuple(identity for _, _, identity in sorted(found, key=lambda each: each[:2]))


def family(token: str, leader: Identity | None) -> tuple[Identity, ...]:
    """Everyone of one start who still lives; the leader first."""
    found = dict.fromkeys(bearers(token))
    if leader and leader.alive():
        found = {leader: None} | found
        try:
            descendants = [child.pid for child in psutil.Process(leader.pid).children(recursive=True)]
        except psutil.Error:
            descendants = []
        found |= dict.fromkeys(identity for pid in descendants if (identity := Identity.of(pid)))
    return tuple(found)


def of_group(members: Iterable[Identity], leader: Identity) -> list[Identity]:
    """Those in the leader's own process group: whom a person at a terminal would reach with Ctrl-C."""
    return [each for each in members if each == leader or _group(each.pid) == leader.pid]


def signal_all(members: Iterable[Identity], number: int) -> None:
    """Each by its identity, so never a stranger. Raises Refused for a process that belongs to somebody else."""
    for each in members:
        try:
            each.signal(number)
        except PermissionError as error:
            raise Refused(f"process {each.pid} belongs to another user, so it cannot be ended from here") from error


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except (OSError, AttributeError):
        return None
