"""What every test of alerts is given: a world whose journal has begun, and real servers of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alerts_servers import Mailbox, Webhook, webhook
from alerts_world import ACCEPTED, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, "ops", "chat")
    made.write(ACCEPTED)
    made.ring()
    yield made
    made.journal.close()


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.close()
