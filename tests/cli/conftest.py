"""What every test of the command line is given: a folder to type in, a free port, a real Envoy where it says so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_folder import Folder
from ports import free_trio

from reconciler.drivers.envoy.process import program
from reconciler.errors import Refused


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "mine", forked=request.node.get_closest_marker("started") is None)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def port() -> int:
    return free_trio()


@pytest.fixture(scope="session")
def real_envoy() -> None:
    """A real Envoy, or no test: in CI that is a failure."""
    try:
        program()
    except Refused as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
