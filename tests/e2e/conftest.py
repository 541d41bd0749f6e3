"""Everything here is real: git, the gateway, processes, the journal. Nothing outlives a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_playground import ALL, Playground

from reconciler.drivers.envoy.process import program as envoy
from reconciler.drivers.haproxy.process import program as haproxy
from reconciler.errors import Refused


@pytest.fixture
def playground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Playground]:
    """With Envoy; a test that is parametrised (indirectly) with kinds of gateways runs with each."""
    gateway = getattr(request, "param", "envoy")
    try:
        {"envoy": envoy, "haproxy": haproxy}[gateway]()
    except Refused as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    forked = not ALL and request.node.get_closest_marker("started") is None
    ground = Playground(tmp_path / "p", gateway, forked=forked)
    try:
        yield ground
    finally:
        ground.tear_down()
