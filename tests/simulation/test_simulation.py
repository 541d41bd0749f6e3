"""Some hundred histories of the real loop, each from a seed, with everything going wrong that we know of; and the proof
that they would find a defect."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from run import Total, complain, history, shrink
from sim_faults import ALL
from sim_history import History
from sim_mutants import MUTANTS
from sim_world import ordered

SEEDS = 180

pytestmark = pytest.mark.timeout(420)
RUN = Path(__file__).parent / "run.py"


def simulate(*arguments: str, hashing: str = "random") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONHASHSEED": hashing}
    command = [sys.executable, str(RUN), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400)


def test_every_history_keeps_every_law_and_comes_to_rest(tell: Callable[[str], None]) -> None:
    done = simulate("--seeds", str(SEEDS))
    last = done.stdout.splitlines()[-1] if done.stdout else done.stderr
    tell(last.partition(": ")[2].rpartition(": ")[0])
    assert done.returncode == 0, done.stdout + done.stderr
    assert last.startswith(f"simulation: {SEEDS} seeds, 0 violations, at rest within ")
    assert f"{len(ALL)} of {len(ALL)} kinds of fault struck" in last


@pytest.mark.parametrize("seed", [3, 11, 24])
def test_a_seed_is_one_history_whatever_the_hashes(seed: int) -> None:
    told = {simulate("--seed", str(seed), hashing=hashing).stdout for hashing in ("1", "4711")}
    assert len(told) == 1
    found = re.search(r"digest ([0-9a-f]{16})", told.pop())
    assert found
    assert found[1] == History(seed).run().digest()[:16]


def test_law_18_the_wall_clock_changes_nothing() -> None:
    """The same histories with and without its jumps: the same story, but for the jumps themselves. (Where windows close
    by the wall, votes grow old by it, or a drill's time is over by it, a jump delays, or turns back; that it moves no
    traffic forward is in the histories themselves.)"""
    struck, none = 0, frozenset({"say-drill"})
    for seed in (seed for seed in range(34) if not ordered(seed)):
        jumping, steady = (History(seed, without) for without in (none, none | {"clock-wall-jumps"}))
        stories = [_without_faults(one.run().story()) for one in (jumping, steady)]
        struck += jumping.weather.struck["clock-wall-jumps"]
        assert stories[0] == stories[1]
    assert struck > 3


def _without_faults(story: list[str]) -> list[str]:
    return [line for line in story if "clock-wall-jumps" not in line]


def test_a_fault_that_never_struck_fails_the_run() -> None:
    total = Total()
    total.struck.update(ALL[1:])
    assert total.never == [ALL[0]]


SELDOM = {"forget to seal the gateway", "take an unreadable member for stopped", "drop the compare-and-set"}
"""It takes hundreds of histories until one of these shows, and what is changed anywhere may make it another one: for
`make laws`. In every `make test` the model finds their like, by the same laws."""


@pytest.mark.parametrize("name", [name for name in MUTANTS if os.environ.get("LAWS") == "all" or name not in SELDOM])
def test_a_planted_defect_is_found(name: str, tell: Callable[[str], None]) -> None:
    """By the seed that is on record beside it. What is changed elsewhere may change that history: then another one is
    looked for, which takes its time, and is to be put on record."""
    mutant = MUTANTS[name]
    with mutant.planted():
        found = next((one for seed in mutant.seeds if mutant.kills(one := history(seed))), None)
    assert found is not None, f"no seed of {mutant.seeds} finds it"
    if found.seed != mutant.hint:
        tell(f"'{name}' is found by seed {found.seed} now: write hint={found.seed} in tests/simulation/sim_mutants.py")
    assert f"make simulate SEED={found.seed}" in complain(found)


def test_a_story_shrinks_to_the_faults_that_it_needs() -> None:
    with MUTANTS["take every head for newer"].planted():
        seed = next(seed for seed in range(50) if history(seed).breaches)
        needed, found = shrink(seed)
    assert found.breaches
    assert len(needed) < 8
