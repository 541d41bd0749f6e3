"""Real parts that several test files of drivers share."""

from __future__ import annotations

from collections.abc import Iterator

import prometheus_rig
import pytest


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """http://host:port of a real Prometheus; what it knows stands in `prometheus_rig.page`."""
    with prometheus_rig.running(tmp_path_factory.mktemp("prometheus")) as url:
        yield url
