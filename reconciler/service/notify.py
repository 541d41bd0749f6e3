"""What the loop says to whoever started it: systemd's protocol, a datagram of lines to the socket that it names."""

from __future__ import annotations

import socket
import sys
from collections.abc import MutableMapping
from contextlib import suppress

VARIABLE = "NOTIFY_SOCKET"


class Starter:
    """systemd, when it waits to be told; else nobody. Telling never fails: what we do does not hang on being heard."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Takes the address out of `environ`: whoever we start has nothing to say to it."""
        self._address = environ.pop(VARIABLE, "")

    def ready(self, status: str) -> None:
        self._tell("READY=1", f"STATUS={status}")

    def ending(self) -> None:
        self._tell("STOPPING=1", "STATUS=ending: steps that are being done are finished first")

    def _tell(self, *lines: str) -> None:
        if not self._address or sys.platform == "win32":
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
            made.sendto("\n".join(line.replace("\n", " ") for line in lines).encode(), address)
