"""One Windows machine for each test, and what it takes to log on there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import wsman_logon
from windows_certificates import Authority, Pair
from wsman_server import Rig, listening


@pytest.fixture(scope="session", autouse=True)
def ntlm_users(tmp_path_factory: pytest.TempPathFactory) -> None:
    wsman_logon.users(tmp_path_factory.mktemp("ntlm") / "users")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def pair(authority: Authority) -> Pair:
    """The machine's own certificate."""
    return authority.vouch("web1", "127.0.0.1")


@pytest.fixture
def password(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(wsman_logon.PASSWORD + "\n")
    return file


@pytest.fixture
def plain() -> Iterator[Rig]:
    """NTLM over HTTP, every message sealed: what a new Windows has."""
    with listening("ntlm") as rig:
        yield rig
