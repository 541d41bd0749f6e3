"""Everything here is real: git, Envoy, processes, the journal. Nothing outlives a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_playground import Playground

from reconciler.drivers.envoy.process import program
from reconciler.errors import Refused


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Playground]:
    try:
        program()
    except Refused as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    ground = Playground(tmp_path / "p")
    try:
        yield ground
    finally:
        ground.tear_down()
