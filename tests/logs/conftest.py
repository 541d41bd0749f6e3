"""What every test of the log is given: a log in a folder, and real servers of this machine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from logs_servers import Http, http
from logs_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.kept.close()


@pytest.fixture
def server() -> Iterator[Http]:
    with http() as made:
        yield made


@pytest.fixture(autouse=True)
def _levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "reconciler")
