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

HERE = Path(__file__).parent
LONG_ENOUGH = 400  # seconds: some waits of a busy machine, each of which would rather say itself what did not come


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those without a word about it; `make crashes` says its own."""
    for item in items:
        if item.path.parent == HERE and not ALL and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONG_ENOUGH))


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
