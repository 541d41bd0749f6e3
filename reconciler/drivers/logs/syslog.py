"""Syslog as RFC 5424 writes it, each line of the log as one message: over UDP, over TCP with octet counting (RFC 6587),
or into a Unix socket.

UDP tells nothing of what arrives. Over TCP a batch has arrived when the other side, after we have ended our half of the
connection, has read to that end and ends its own, as rsyslog and syslog-ng do."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from reconciler.clock import SYSTEM, Clock
from reconciler.drivers.local.deadline import Deadline
from reconciler.drivers.logs.sending import fields, level
from reconciler.drivers.lookup import addresses
from reconciler.errors import Unreachable

FACILITIES = {"user": 1, "daemon": 3, "syslog": 5} | {f"local{number}": 16 + number for number in range(8)}
SEVERITIES = (7, 6, 4, 3, 2)  # debug, info, warning, error, critical
PORTS = {"udp": 514, "tcp": 601}
DATAGRAM = 8192  # bytes of a message over UDP and in a Unix socket: more than most take, less than gets lost as a whole
POLL = 0.005  # seconds
FORM = "expected udp://host:514, tcp://host:601 or unix:///dev/log"


class Address(NamedTuple):
    """`host` is empty for a Unix socket, whose `path` is set instead."""

    way: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return f"{self.way}://{self.path or f'{self.host}:{self.port}'}"


def address(written: str) -> Address:
    """Raises ValueError."""
    parts = urlsplit(written)
    if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
        return Address("unix", path=parts.path)
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in PORTS or not parts.hostname or not plain or parts.port == 0:
        raise ValueError(FORM)
    return Address(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme])


class Syslog:
    """One socket for each batch."""

    def __init__(self, to: Address, facility: str, timeout: float, clock: Clock = SYSTEM) -> None:
        self._to, self._facility, self._timeout, self._clock = to, FACILITIES[facility], timeout, clock

    def send(self, lines: Sequence[bytes]) -> int:
        """Raises Unreachable, naming the address."""
        deadline = Deadline(self._clock, self._timeout, str(self._to))
        try:
            match self._to.way:
                case "tcp":
                    self._stream(self._connected(socket.SOCK_STREAM, deadline), lines, deadline)
                case "udp":
                    self._datagrams(self._connected(socket.SOCK_DGRAM, deadline), lines, deadline)
                case _:
                    self._unix(lines, deadline)
        except OSError as error:
            why = f"no answer within {self._timeout:g} s" if isinstance(error, TimeoutError) else error.strerror
            raise Unreachable(f"{self._to}: {why or error}") from error
        return 0

    def _connected(self, kind: int, deadline: Deadline) -> socket.socket:
        problem = OSError(0, "the name has no address")
        for number in addresses(self._to.host, self._to.port, deadline.check()):
            family = socket.AF_INET6 if ":" in number else socket.AF_INET
            try:
                return _open(family, kind, (number, self._to.port), deadline)
            except OSError as error:
                problem = error
        raise problem

    def _unix(self, lines: Sequence[bytes], deadline: Deadline) -> None:
        try:
            made = _open(socket.AF_UNIX, socket.SOCK_DGRAM, self._to.path, deadline)
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:
                raise
            self._stream(_open(socket.AF_UNIX, socket.SOCK_STREAM, self._to.path, deadline), lines, deadline)
        else:
            self._datagrams(made, lines, deadline)

    def _datagrams(self, made: socket.socket, lines: Sequence[bytes], deadline: Deadline) -> None:
        with made:
            for line in lines:
                made.settimeout(deadline.check())
                made.send(message(line, self._facility, DATAGRAM))

    def _stream(self, made: socket.socket, lines: Sequence[bytes], deadline: Deadline) -> None:
        with made:
            made.settimeout(deadline.check())
            made.sendall(b"".join(counted(message(line, self._facility)) for line in lines))
            made.shutdown(socket.SHUT_WR)
            while True:
                made.settimeout(deadline.check())
                if not made.recv(4096):
                    break
            _settled(made, deadline)


def _open(family: int, kind: int, to: object, deadline: Deadline) -> socket.socket:
    made = socket.socket(family, kind)
    try:
        made.settimeout(deadline.check())
        made.connect(to)  # type: ignore[arg-type]
    except BaseException:
        made.close()
        raise
    return made


def counted(text: bytes) -> bytes:
    """RFC 6587, 3.4.1: how many octets, a space, and they."""
    return b"%d %b" % (len(text), text)


def message(line: bytes, facility: int, most: int | None = None) -> bytes:
    """The line behind a header. Of one that is longer than `most` bytes the trace goes, and the end of what it says."""
    said = fields(line)
    at = _moment(str(said.get("at", "")))
    kind = _word(str(said.get("event") or said.get("reason") or ""), 32)
    header = f"<{facility * 8 + SEVERITIES[level(said)]}>1 {at} {_word(socket.gethostname(), 255)} reconcile"
    begin = f"{header} {os.getpid()} {kind} - ".encode()
    if most is None or len(begin) + len(line) <= most:
        return begin + line
    said.pop("trace", None)
    room = most - len(begin) - len(json.dumps({**said, "message": "…"}))
    text = str(said.get("message", ""))
    while text and len(json.dumps(text)) > room:
        text = text[: len(text) * 3 // 4]
    return (begin + json.dumps({**said, "message": text + "…"}).encode())[:most]


def _moment(at: str) -> str:
    try:
        return datetime.fromisoformat(at).isoformat(timespec="milliseconds")
    except ValueError:
        return "-"


def _word(text: str, longest: int) -> str:
    """Printable ASCII without spaces; `-` for nothing."""
    return "".join(one for one in text if "!" <= one <= "~")[:longest] or "-"


def _settled(made: socket.socket, deadline: Deadline) -> None:
    """The other side has ended its half. Did it do so before it had read everything? Then it resets what still comes,
    and our system, which knows what it has not acknowledged, tells. Where no system tells, its end has to do."""
    try:
        import fcntl
        import termios
    except ImportError:
        return
    while True:
        left = int.from_bytes(fcntl.ioctl(made, termios.TIOCOUTQ, b"\0" * 4), "little")
        if problem := made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(problem, os.strerror(problem))
        if not left:
            return
        deadline.check()
        time.sleep(POLL)
