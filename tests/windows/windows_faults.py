"""What can go wrong between us and a Windows machine, each once or as often as is said. A fault is *due* at an action
of WS-Management (`Create`, `Command`, `Send`, `Receive`, `Signal`, `Delete`), or in what PowerShell puts out."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import wsman_soap as soap

ASLEEP = 0.1  # seconds after which whoever asked surely waits
PATIENCE = 20.0  # seconds that a hung server waits to be released

ENTITIES = b"""<?xml version="1.0"?><!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">&c;</s:Envelope>"""


@dataclass(frozen=True)
class Cut:
    """The connection ends: before the message was taken, or after it was, without its answer."""

    taken: bool = False


@dataclass(frozen=True)
class Said:
    """Somebody answers so, instead of the machine; sealed as its answers are, unless it is `clear`."""

    body: bytes
    status: int = 200
    clear: bool = False
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class No:
    """A fault of WS-Management, instead of doing it."""

    code: int
    reason: str = "Windows says no."


@dataclass(frozen=True)
class Hang:
    """Nothing comes until the faults are released; the message is not taken."""


@dataclass(frozen=True)
class Drip:
    """An answer that comes byte by byte and never ends."""


@dataclass(frozen=True)
class Reboot:
    """Before the message is taken: every shell and every connection is gone. `away`: nobody answers any more."""

    away: bool = False


@dataclass(frozen=True)
class LoseShell:
    """As when somebody ends the shell there: what it ran is gone as well."""


Blow = Cut | Said | No | Hang | Drip | Reboot | LoseShell
Garbling = Callable[[bytes], bytes]
DENIED = No(soap.ACCESS_DENIED, "Access is denied.")
SHELLS = No(soap.TOO_MANY_SHELLS, "This user is allowed a maximum number of 30 concurrent shells, which was exceeded.")


@dataclass
class Faults:
    """Which are due. `released` lets go whatever hangs; it is set when the server ends. `held`: something hangs, and
    whoever asked waits for it."""

    released: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    struck: list[str] = field(default_factory=list)  # the actions that a fault has met
    _due: dict[str, list[Blow]] = field(default_factory=lambda: defaultdict(list))
    _garble: list[Garbling] = field(default_factory=list)

    def strike(self, action: str, *blows: Blow) -> None:
        """The next messages of this action, one each."""
        self._due[action] += blows

    def blow(self, action: str) -> Blow | None:
        if not self._due[action]:
            return None
        self.struck.append(action)
        return self._due[action].pop(0)

    def garble(self, garbling: Garbling) -> None:
        """What the next PowerShell puts out is what this makes of it."""
        self._garble.append(garbling)

    def forget(self) -> None:
        """Nothing is due any more."""
        self._due.clear()
        self._garble.clear()

    def garbled(self, output: bytes) -> bytes:
        return self._garble.pop(0)(output) if self._garble else output

    def hang(self) -> None:
        if not self.released.wait(ASLEEP):
            self.held.set()
            self.released.wait(PATIENCE)


def of_another(output: bytes) -> bytes:
    """A whole answer, of a call that is not ours."""
    head, _, rest = output.partition(b"reconciler:")
    return head + b"reconciler:" + b"0" * 32 + rest[32:]


def cut_short(output: bytes) -> bytes:
    return output[: len(output) // 2]


def noisy(output: bytes) -> bytes:
    """A banner before, a profile's leavings after."""
    return b"WARNING: Welcome to CORP. Unauthorised use is logged.\r\n" + output + b"\r\nPS C:\\> \x1b[0m\xff\r\n"


def flood(output: bytes) -> bytes:
    return b"x" * (1 << 20) + b"\r\n" + output
