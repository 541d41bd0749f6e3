"""The exam of every gate: subclass it, and say in `CASES` what must come out where. Also servers that misbehave.

A gate that passes cannot lie: it is never Successful without data, and whatever the other side sends, it comes back.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import pytest

from reconciler.core.model import Outcome, Release, Slot
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.protocols import Gate

SECRET = "s3cret-of-the-forced-road"
WINDOW = Window("t1", Release(Slot.GREEN, "1.4.2"), Release(Slot.BLUE, "1.4.1"), 10, 12.5)
LATER = Window("t1", Release(Slot.GREEN, "1.4.2"), Release(Slot.BLUE, "1.4.1"), 50, 40.0)
FOR_EVER = 30.0  # seconds; a gate that takes longer than this does not come back at all
MEMORY = 32 << 20  # bytes that one run may take at most

Behaviour = Callable[[socket.socket], None]


class GateExam:
    """`CASES` names situations with the outcomes that are right in each; `good` and one that is Error are required."""

    CASES: ClassVar[dict[str, set[Outcome]]]

    @pytest.fixture
    def gate(self, case: str) -> Iterator[Gate]:
        """A gate in the situation `case`."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "case" in metafunc.fixturenames and not metafunc.definition.get_closest_marker("parametrize"):
            metafunc.parametrize("case", sorted(self.CASES))

    @staticmethod
    def run(gate: Gate, window: Window = WINDOW) -> GateReading:
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(gate.run, window).result(FOR_EVER)
        finally:
            pool.shutdown(wait=False)

    def test_the_exam_covers_good_and_error(self) -> None:
        assert self.CASES["good"] == {Outcome.SUCCESSFUL}
        assert {Outcome.ERROR} in self.CASES.values()

    def test_the_outcome_is_the_right_one_says_why_and_shows_no_secret(self, gate: Gate, case: str) -> None:
        found = self.run(gate)
        assert found.outcome in self.CASES[case], found
        assert found.reason
        assert (found.samples > 0) or found.outcome is not Outcome.SUCCESSFUL
        assert SECRET not in f"{found.reason} {found.value} {found.limit} {found!r}"

    def test_asking_again_keeps_nothing_takes_no_memory_and_closing_twice_is_safe(self, gate: Gate) -> None:
        first, second = self.run(gate), self.run(gate)
        assert (first.outcome, first.samples, first.limit) == (second.outcome, second.samples, second.limit)
        tracemalloc.start()
        try:
            later = self.run(gate, LATER)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < MEMORY
        assert (first.window, later.window) == (WINDOW, LATER), "it is about the window that was asked of"
        gate.close()
        gate.close()


@contextmanager
def server(behaviour: Behaviour, heads: list[bytes] | None = None) -> Iterator[str]:
    """host:port of a server that treats every connection by `behaviour`, after it noted the request's head."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()
        threads = [
            threading.Thread(target=_serve, args=(listener, behaviour, done, heads), daemon=True) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(FOR_EVER)


def _serve(listener: socket.socket, behaviour: Behaviour, done: threading.Event, heads: list[bytes] | None) -> None:
    while not done.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            connection.settimeout(FOR_EVER)
            head = b""
            while b"\r\n\r\n" not in head:
                if not (more := connection.recv(65536)):
                    break
                head += more
            if heads is not None:
                heads.append(head)
            behaviour(connection)


def answers(status: int = 200, body: bytes = b"all is well", **headers: str) -> Behaviour:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode()
    return lambda connection: connection.sendall(head + body)


def hangs(connection: socket.socket) -> None:
    """Until the other side gives up."""
    connection.recv(1)


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def trickles(start: bytes) -> Behaviour:
    """One byte, ten times a second, for ever: every single wait is short."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        pause = threading.Event()
        while not pause.wait(0.1):
            connection.sendall(b"x")

    return behave


def floods(connection: socket.socket) -> None:
    """A body of 1 GB."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    block = b"x" * 1_000_000
    for _ in range(1000):
        connection.sendall(block)


def never_ends(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def cut_off(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nall is well")


def babbles(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example ESMTP\r\n" * 1000)


def says_nothing(_: socket.socket) -> None:
    """Not even a head: the connection is closed at once."""


@contextmanager
def untrusted(folder: Path) -> Iterator[str]:
    """https://host:port of a server whose certificate nobody signed but itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    wanted = (
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=127.0.0.1",
    )
    files = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate))
    subprocess.run(("openssl", *wanted, *files), check=True, capture_output=True)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_greet, args=(listener, secure), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(FOR_EVER)


def _greet(listener: socket.socket, secure: ssl.SSLContext) -> None:
    """Whoever trusts it gets an answer; nobody should."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            connection.settimeout(FOR_EVER)
            with secure.wrap_socket(connection, server_side=True) as trusted:
                trusted.recv(65536)
                answers()(trusted)
