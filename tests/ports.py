"""Ports for what a test starts: of its own worker, and below those that the system hands out to clients. One that was
bound to 0 and given back may be a client's a moment later."""

from __future__ import annotations

import contextlib
import socket
from collections import deque

from reconciler.demo.place import free_ports

LATELY = deque[int](maxlen=500)  # a third of a worker's: nobody may listen yet on one that was given


def free_port() -> int:
    while (port := free_ports(1)[0]) in LATELY:
        pass
    LATELY.append(port)
    return port


def slot_ports() -> dict[str, int]:
    """One for each slot, as an app's table has them."""
    return {"blue": free_port(), "green": free_port()}


def free_trio() -> int:
    """A port that is free, and the two above it as well."""
    for _ in range(200):
        (first,) = free_ports(1)
        if all(_free(first + more) for more in range(3)):
            return first
    raise AssertionError("no three free ports in a row")


def _free(number: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return False
    return True
