"""RFC 5424 over each of its roads; and over TCP what was cut off is known not to have arrived."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from logs_servers import PATIENCE, Stream, closed_port
from logs_world import World, line

from reconciler.drivers.logs.syslog import DATAGRAM, Address, Syslog, address, message
from reconciler.errors import Unreachable

HEADER = re.compile(r"<(\d{1,3})>1 (\S+) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) - (.*)")
SAID = {"id": "a-1", "at": "2026-01-01T10:00:00.123+00:00", "level": "warning", "logger": "reconciler.loop"}


def said(number: int, **more: object) -> bytes:
    return line(number, **{**SAID, **more})


def numbers(messages: list[str]) -> list[int]:
    return [json.loads(_content(text))["n"] for text in messages]


def _content(text: str) -> str:
    found = HEADER.fullmatch(text)
    assert found, text
    return found[7]


@pytest.fixture
def stream() -> Iterator[Stream]:
    with contextlib.closing(Stream()) as made:
        yield made


def tcp(server: Stream, timeout: float = PATIENCE) -> Syslog:
    return Syslog(Address("tcp", "127.0.0.1", server.port), "local3", timeout)


def test_a_message_is_as_the_rfc_has_it_and_holds_the_line() -> None:
    found = HEADER.fullmatch(message(said(1, event="RollbackBegan"), 19).decode())
    assert found
    priority, at, host, name, process, kind, content = found.groups()
    assert (priority, at, name, kind) == (
        str(19 * 8 + 4),
        "2026-01-01T10:00:00.123+00:00",
        "reconcile",
        "RollbackBegan",
    )
    assert (host, process.isdecimal()) == (socket.gethostname(), True)
    assert json.loads(content) == json.loads(said(1, event="RollbackBegan"))


@pytest.mark.parametrize(
    ("level", "severity"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3), ("critical", 2), ("odd", 6)]
)
def test_the_severity_is_the_lines_level(level: str, severity: int) -> None:
    found = HEADER.fullmatch(message(said(1, level=level), 3).decode())
    assert found
    assert int(found[1]) == 3 * 8 + severity


def test_a_line_that_is_damaged_is_sent_as_what_it_is() -> None:
    assert message(b"no json", 3).endswith(b" - - no json")


@pytest.mark.parametrize("size", [0, 5000, 9000, 100_000])
@pytest.mark.parametrize("trace", ["", "t" * 9000])
def test_a_datagram_is_bounded_and_still_whole(size: int, trace: str) -> None:
    sent = message(said(1, message="é" * size, trace=trace), 3, DATAGRAM)
    assert len(sent) <= DATAGRAM
    assert json.loads(_content(sent.decode()))["id"] == "a-1"


def test_over_tcp_messages_are_counted_and_the_end_of_the_connection_is_the_answer(stream: Stream) -> None:
    tcp(stream).send([said(1), said(2, message="two\nlines, é")])
    assert numbers(stream.messages()) == [1, 2]


@pytest.mark.parametrize("cut", [1, 100, 5000, 700_000])
def test_a_server_that_cuts_off_is_sent_all_of_it_again(tmp_path: Path, cut: int) -> None:
    world = World(tmp_path, 16 << 20)
    with contextlib.closing(Stream(cut, cut)) as server, contextlib.closing(world.kept):
        world.shipper._send = tcp(server)
        for _ in range(100):
            world.write(1, trace="x" * 30_000, **SAID)
        world.pass_by(60.0)
        arrived = [n for index in range(len(server.read)) for n in _whole(server, index)]
        assert [*dict.fromkeys(arrived)] == [*range(1, 101)]
        assert world.position.place.number == 101
        assert any(len(read) == cut for read in server.read), "and it did cut off"


def _whole(server: Stream, index: int) -> list[int]:
    try:
        return numbers(server.messages(index))
    except ValueError:
        return []  # cut off: none of it was taken


def test_a_server_that_takes_all_and_then_hangs_has_not_taken_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        to = Address("tcp", "127.0.0.1", listener.getsockname()[1])
        with pytest.raises(Unreachable, match=rf"{to}: no answer within 0\.2 s"):
            Syslog(to, "daemon", 0.2).send([said(1)])


def test_a_server_that_is_not_there_is_told_by_its_address() -> None:
    to = Address("tcp", "127.0.0.1", closed_port())
    with pytest.raises(Unreachable, match=f"{to}: Connection refused"):
        Syslog(to, "daemon", 5.0).send([said(1)])


def test_over_udp_each_message_is_a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        Syslog(Address("udp", "127.0.0.1", server.getsockname()[1]), "daemon", 5.0).send([said(1), said(2)])
        assert numbers([server.recv(65536).decode() for _ in range(2)]) == [1, 2]


def test_a_unix_socket_takes_datagrams_or_a_stream(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "d"))
        server.settimeout(PATIENCE)
        Syslog(Address("unix", path=str(tmp_path / "d")), "daemon", 5.0).send([said(1)])
        assert numbers([server.recv(65536).decode()]) == [1]
    with contextlib.closing(Stream(path=tmp_path / "s")) as stream:
        Syslog(Address("unix", path=str(tmp_path / "s")), "daemon", 5.0).send([said(1), said(2)])
        assert numbers(stream.messages()) == [1, 2]


def test_a_unix_socket_whose_reader_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "d"))
        with pytest.raises(Unreachable, match=r"d: no answer within 0\.2 s"):
            Syslog(Address("unix", path=str(tmp_path / "d")), "daemon", 0.2).send([said(1)] * 100_000)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("udp://logs.corp.example", Address("udp", "logs.corp.example", 514)),
        ("tcp://127.0.0.1:6514/", Address("tcp", "127.0.0.1", 6514)),
        ("tcp://[::1]", Address("tcp", "::1", 601)),
        ("unix:///dev/log", Address("unix", path="/dev/log")),
    ],
)
def test_an_address_is_read(written: str, found: Address) -> None:
    assert address(written) == found


@pytest.mark.parametrize(
    "written",
    ["", "logs", "http://x", "udp://", "udp://x:0", "tcp://a:b@x", "tcp://x/y", "unix://dev/log", "tcp://x:99999"],
)
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(ValueError):
        address(written)


RSYSLOG = """\
module(load="imtcp")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="raw" type="string" string="%syslogfacility-text%.%syslogseverity-text% %app-name% %msgid% %msg%\\n")
action(type="omfile" file="{file}" template="raw")
"""


def test_a_real_rsyslog_takes_it(tmp_path: Path) -> None:
    program = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")
    if program is None:
        pytest.skip("rsyslog is not installed")
    port, file = closed_port(), tmp_path / "got"
    (tmp_path / "conf").write_text(RSYSLOG.format(port=port, file=file))
    words = [program, "-n", "-f", str(tmp_path / "conf"), "-i", str(tmp_path / "pid")]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        try:
            _until(lambda: _sent(Syslog(Address("tcp", "127.0.0.1", port), "local3", 5.0)))
            _until(lambda: file.exists() and file.read_text().count("\n") == 2)
        finally:
            daemon.terminate()
    first, second = file.read_text().splitlines()
    assert first.startswith("local3.warning reconcile RollbackBegan ")
    assert json.loads(second[second.index("{") :])["n"] == 2


def _sent(to: Syslog) -> bool:
    try:
        to.send([said(1, event="RollbackBegan"), said(2)])
    except Unreachable:
        return False
    return True


def _until(found: object) -> None:
    assert callable(found)
    for _ in range(int(PATIENCE / 0.05)):
        if found():
            return
        threading.Event().wait(0.05)
    raise AssertionError("waited in vain")
