"""HAProxy's runtime socket, unix or TCP: ask, and translate every failure to answer into `Unreachable`."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.drivers.local.addresses import host_and_port
from reconciler.drivers.local.deadline import Deadline
from reconciler.errors import Refused, Unreachable

PROMPT = b"\n> "
MOST = 16 << 20  # bytes of answers that are read at all
SPECIAL = re.compile(r"([\\ ;\"'])")
NO_RIGHT = "Permission denied"


class Connection:
    """A conversation with one life of HAProxy: what is prepared in it can never be committed in another one."""

    def __init__(self, socket_: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = socket_, deadline
        self._greeted = False

    def ask(self, *commands: str) -> list[str]:
        """Every command is on its way before the first answer is waited for. Raises Unreachable, and Refused when the
        socket's level forbids one of them."""
        asked = commands if self._greeted else ("prompt", *commands)
        try:
            self._send("".join(f"{command}\n" for command in asked).encode())
            answers = self._answers(len(asked))
        except TimeoutError as error:
            raise Unreachable(f"{self._deadline.what}: no answer within {self._deadline.seconds:g} s") from error
        except OSError as error:
            raise Unreachable(f"{self._deadline.what}: HAProxy's runtime socket broke off ({error})") from error
        self._greeted = True
        for command, answer in zip(asked, answers, strict=True):
            if answer.startswith(NO_RIGHT):
                name = " ".join(command.split()[:2])
                raise Refused(f"HAProxy's runtime socket forbids '{name}': give it 'level admin'")
        return answers[len(asked) - len(commands) :]

    def _send(self, text: bytes) -> None:
        self._socket.settimeout(self._deadline.check())
        self._socket.sendall(text)

    def _answers(self, number: int) -> list[str]:
        """As many as there are prompts; a half one at the end is none."""
        found = b""
        while found.count(PROMPT) < number:
            self._socket.settimeout(self._deadline.check())
            piece = self._socket.recv(1 << 16)
            if not piece:
                raise Unreachable(f"{self._deadline.what}: HAProxy's runtime socket closed before it had answered")
            found += piece
            if len(found) > MOST:
                raise Unreachable(f"{self._deadline.what}: HAProxy's runtime socket does not stop talking")
        answers = found.decode("utf-8", "replace").split(PROMPT.decode())
        if len(answers) != number + 1 or answers[-1]:
            raise Unreachable(f"{self._deadline.what}: HAProxy's runtime socket said more than it was asked")
        return [answer.strip("\n") for answer in answers[:-1]]


class Runtime:
    """`address` tells a unix socket's path, or host:port, whenever it is needed: it may come with a start."""

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address

    @contextmanager
    def connect(self, deadline: Deadline) -> Iterator[Connection]:
        """A new connection, so that it is the HAProxy which serves now that answers: one that was reloaded keeps the
        old connections."""
        try:
            opened = self._open(deadline)
        except TimeoutError as error:
            raise Unreachable(f"{deadline.what}: no answer within {deadline.seconds:g} s") from error
        except OSError as error:
            raise Unreachable(f"{deadline.what}: no HAProxy answers at {self._address()} ({error.strerror})") from error
        try:
            yield Connection(opened, deadline)
        finally:
            opened.close()

    def _open(self, deadline: Deadline) -> socket.socket:
        address = self._address()
        if not Path(address).is_absolute():
            opened = socket.create_connection(host_and_port(address), timeout=deadline.check())
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return opened
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            opened.settimeout(deadline.check())
            opened.connect(address)
        except (OSError, Unreachable):
            opened.close()
            raise
        return opened


def quoted(word: str) -> str:
    """One word of a command."""
    return SPECIAL.sub(r"\\\1", word)
