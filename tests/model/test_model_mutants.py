"""Every deliberate defect is found by the law that it names. One that survives is a missing law."""

from __future__ import annotations

import pytest
from model_asking_mutants import ASKING_MUTANTS
from model_drill_mutants import DRILL_MUTANTS
from model_mutants import MUTANTS, Mutant

EVERY = (*MUTANTS, *ASKING_MUTANTS, *DRILL_MUTANTS)


@pytest.mark.parametrize("mutant", EVERY, ids=[f"law {one.law}: {one.name}" for one in EVERY])
def test_the_law_finds_the_defect(mutant: Mutant) -> None:
    assert mutant.killed()


def test_there_are_enough_and_each_law_has_one() -> None:
    assert len(EVERY) >= 70
    assert len({one.name for one in EVERY}) == len(EVERY)
    named = {"liveness", "approval", "windows", "git", "drill"}
    assert {one.law for one in EVERY} >= {str(n) for n in range(1, 22) if n not in (16, 18)} | named
