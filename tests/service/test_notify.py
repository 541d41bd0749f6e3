"""What whoever started the loop hears of it, and that nobody has to listen."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from reconciler.service.notify import VARIABLE, Starter


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@reconciler-test-{tmp_path.name}"


def test_it_is_told_ready_and_ending_and_nobody_else_is_told_where(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind("\0" + address[1:] if address.startswith("@") else address)
        heard.settimeout(5)
        environ = {VARIABLE: address, "PATH": "/bin"}
        starter = Starter(environ)
        assert environ == {"PATH": "/bin"}
        starter.ready("keeping two\nlines")
        starter.ending()
        assert heard.recv(1000) == b"READY=1\nSTATUS=keeping two lines"
        assert heard.recv(1000).startswith(b"STOPPING=1\n")


def test_nobody_who_listens_is_no_reason_to_fail(tmp_path: Path) -> None:
    Starter({}).ready("x")
    Starter({VARIABLE: str(tmp_path / "gone")}).ready("x")
