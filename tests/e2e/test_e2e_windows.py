"""The report's scenario on the simulated Windows: sites, services, farm, event log and share, through real WS-Man; and
each thing that can go wrong there in the midst of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_account import assert_jobs_done_once
from e2e_laws import assert_lawful, changes
from e2e_users import assert_nothing_lost
from e2e_windows_house import House, WindowsGround, house

pytestmark = pytest.mark.real

STEPS = ("setWeight: 50", "analysis: {until: successful, atMost: 60s}", "setWeight: 100", "handOver: [worker, sync]")
RUNGS = {0, 50, 100}
WISHES = {"steps": STEPS, "deadline": "300s"}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[WindowsGround]:
    ground = WindowsGround(tmp_path / "p")
    try:
        yield ground
    finally:
        ground.tear_down()


@pytest.fixture
def built(ground: WindowsGround) -> Iterator[House]:
    with house(ground) as found:
        ground.release("1.0.0")
        ground.release("1.1.0")
        yield found


def test_a_commit_switches_the_slot_on_windows_and_nothing_is_lost(ground: WindowsGround, built: House) -> None:
    ground.serving(**WISHES)
    users = ground.users(rate=20)
    ground.commit("green", "1.0.0", "1.1.0", **WISHES)
    ground.until_stable("green", "1.1.0")
    requests = users.stop()
    assert_nothing_lost(requests)
    assert_jobs_done_once(ground, requests)
    assert changes(ground.entries()) == [(100, 0), (50, 50), (0, 100)]
    assert_lawful(ground.entries(), RUNGS)
