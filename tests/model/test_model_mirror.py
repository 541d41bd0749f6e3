"""The model's loop is the real one: the same random history gives the same journal and the same world, tick by tick."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from model_asking_scenarios import TELLING
from model_faults import DRILLS
from model_git import GIT
from model_mirror import Twin
from model_scenarios import BAD, EVERY, HANDED, TWO_WEB, scenario
from model_world import LADDER, SHORT

HISTORIES, STEPS, FAULTS = 25, 200, 12
TOLD = 12
TOLD_GIT = {"steps": SHORT, "from_rest": False, "beside": True}
UNMIRRORED = {"takeover", "torn"}  # a second process; an instant between two readings


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_the_real_tick_and_the_model_live_through_the_same(seed: int, tmp_path: Path) -> None:
    members = HANDED if seed % 2 else TWO_WEB
    faults = (EVERY | {*GIT} | {*DRILLS}) - UNMIRRORED
    chosen = scenario("mirror", faults, FAULTS, steps=LADDER, from_rest=False, beside=True, **members)
    twin = Twin(chosen, seed, tmp_path)
    try:
        twin.walk(STEPS)
    finally:
        twin.close()
    assert twin.ticks > 10


def test_they_also_tell_git_the_same(tmp_path: Path) -> None:
    """A version that is bad, and git that fails in between: the file is put back, and ends are noted."""
    noted = put_back = 0
    for seed in range(TOLD):
        chosen = scenario("mirror", sorted({*TELLING} - UNMIRRORED), 4, **BAD, **TOLD_GIT)
        twin = Twin(chosen, seed, tmp_path)
        try:
            twin.walk(STEPS)
        finally:
            twin.close()
        noted, put_back = noted + len(twin.world.notes), put_back + (twin.world.made[1] >= 0)
    assert noted > TOLD / 2
    assert put_back > TOLD / 4


def test_a_drift_of_the_mirror_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that forgets to write its outcome does not pass."""
    chosen = scenario("mirror", (), 0, steps=LADDER, from_rest=False)
    twin = Twin(chosen, 1, tmp_path)
    monkeypatch.setattr(twin.keeper, "write", lambda: None)
    with pytest.raises(AssertionError):
        twin.walk(STEPS)
    twin.close()
    assert Counter(twin.story)["A looks"] > 0
