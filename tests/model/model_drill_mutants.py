"""Deliberate defects of drills; each is killed by the law that it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from model_defects import instead, spoil, without
from model_drills import CALM, RESTORE, SWITCH
from model_mutants import Mutant
from model_scenarios import SAVED

from reconciler.core import drill, drilling, endings, forward, saving
from reconciler.core.events import Phase, RollbackBegan
from reconciler.core.model import DrillKind
from reconciler.core.plan import begin_drill
from reconciler.core.situation import Answer, Record, Situation, Wait
from reconciler.core.state import State

WAY_ENDED = drilling.way_ended


def never_stuck(state: State, *rest: Any) -> State:
    after = WAY_ENDED(state, *rest)
    return replace(after, drill=replace(after.drill, stuck="")) if after.drill else after


def whatever_is_wrong(s: Situation) -> Answer | None:
    """Nobody asks what would be done otherwise."""
    return drill.settled(s, Wait("InSync")) if drill.wanted(s) and s.state.stable else None


def too_early(s: Situation) -> Answer | None:
    """That there is a recovery point is enough for it."""
    t = s.transition
    if t and t.drill is DrillKind.RESTORE and t.saved and not t.going_back:
        return Record(RollbackBegan(Phase.ROLLED_BACK, "Drill", "this is what is rehearsed", hold=False))
    return drill.turn_round(s)


DRILL_MUTANTS = (
    Mutant("a drill holds stable's version", "drill", spoil(forward, "holds", lambda _: True),
           faults=(SWITCH, "abort"), budget=2, options=CALM),
    Mutant("a way home is tried for ever", "13", spoil(endings, "way_ended", never_stuck),
           faults=(SWITCH, "turns bad"), budget=2, options=CALM),
    Mutant("a drill begins whatever is wrong", "drill", rules=instead(begin_drill, whatever_is_wrong),
           faults=(SWITCH, "pause"), budget=2, options=CALM),
    Mutant("a restore goes on to the users", "drill", rules=without(saving.try_restore),
           faults=(RESTORE,), options=CALM | SAVED),
    Mutant("a restore counts before it was tried", "drill", rules=instead(drill.turn_round, too_early),
           faults=(RESTORE,), options=CALM | SAVED),
    Mutant("a drill never ends", "liveness", rules=without(drill.end_drill), faults=(SWITCH,), options=CALM),
)  # fmt: skip
