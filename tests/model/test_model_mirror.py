"""The model's loop is the real one: the same random history gives the same journal and the same world, tick by tick."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from model_mirror import Twin
from model_scenarios import EVERY, HANDED, TWO_WEB, scenario
from model_world import LADDER

HISTORIES, STEPS, FAULTS = 25, 200, 12
UNMIRRORED = {"takeover", "torn"}  # a second process; an instant between two readings


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_the_real_tick_and_the_model_live_through_the_same(seed: int, tmp_path: Path) -> None:
    members = HANDED if seed % 2 else TWO_WEB
    chosen = scenario("mirror", EVERY - UNMIRRORED, FAULTS, steps=LADDER, from_rest=False, **members)
    twin = Twin(chosen, seed, tmp_path)
    try:
        twin.walk(STEPS)
    finally:
        twin.close()
    assert twin.ticks > 10


def test_a_drift_of_the_mirror_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that forgets to write its outcome does not pass."""
    chosen = scenario("mirror", (), 0, steps=LADDER, from_rest=False)
    twin = Twin(chosen, 1, tmp_path)
    monkeypatch.setattr(twin.keeper, "write", lambda: None)
    with pytest.raises(AssertionError):
        twin.walk(STEPS)
    twin.close()
    assert Counter(twin.story)["A looks"] > 0
