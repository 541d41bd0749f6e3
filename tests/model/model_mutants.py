"""Deliberate defects of the core, the fence and the loop. Each is killed by the law that it names; if none does, a law
is missing.

A mutant is applied to what ships (`patch`), to the table of rules (`rules`), or to the model's loop and gateway, where
those mirror code that has to do I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import model_defects as defects
import model_drivers
from model_defects import Patch, all_of, before, instead, spoil, without
from model_explore import Graph, explore
from model_liveness import judge
from model_loop import Loop
from model_scenarios import AT_ONCE, BOTH_WORK, HANDED, ONE_WAY, SAVED, scenario
from model_world import GATES, SHORT

from reconciler.core import (
    arriving,
    back,
    by_hand,
    diff,
    forward,
    gates,
    handing,
    history,
    members,
    migrating,
    outcomes,
    plan,
    rest,
    saving,
)
from reconciler.core.gates import Verdict
from reconciler.core.model import Outcome
from reconciler.core.plan import RULES, Rule
from reconciler.core.situation import Situation
from reconciler.core.state import State


def untouched(_: Patch) -> None:
    """Nothing is patched: the defect is in the table of rules."""


@dataclass(frozen=True)
class Mutant:
    """One defect, the law that must find it, and the least that has to go wrong for that."""

    name: str
    law: str
    patch: Callable[[Patch], None] = untouched
    rules: tuple[Rule, ...] = RULES
    faults: tuple[str, ...] = ()
    budget: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def hunted(self) -> Iterator[Graph]:
        """What was found before the law was broken. The defect stays in force meanwhile: its story is told with it."""
        with Patch.context() as patch:
            self.patch(patch)
            chosen = scenario(self.name, self.faults, self.budget, **{"prompt": True, "steps": SHORT, **self.options})
            loop = Loop(chosen, self.rules)
            loop.trusting = False
            law = "" if self.law == "liveness" else f"law {self.law}"
            graph = explore(chosen, until=law or "law", loop=loop, limit=200_000)
            if self.law == "liveness":
                graph.violations += judge(graph).violations
            yield graph

    def killed(self) -> bool:
        with self.hunted() as graph:
            return any(said.split(":")[0] in (f"law {self.law}", self.law) for _, _, said in graph.violations)


EAGER_BEGIN = instead(rest.begin, lambda s: rest.begin(replace(s, refused=None)))
LIMPING = tuple(
    (lambda s: None if s.transition and s.transition.rung else forward.bring_up(s))
    if rule is forward.bring_up
    else rule
    for rule in without(forward.turn_back)
)
TWO_SPOILED = all_of(spoil(members, "vacate", lambda *_: None), spoil(rest, "vacate", lambda *_: None))
BAD = {"bad": ("v2",)}
BAD_UNDER_TRAFFIC = {**BAD, "gates": GATES[1:]}  # nothing tells it from a good one before it has users

MUTANTS = (
    Mutant("a slot is emptied before the other is filled", "1", spoil(forward, "_rung", defects.lower_first)),
    Mutant(
        "a rollback goes to a stable that is known bad",
        "1",
        spoil(back, "blind", lambda *_: None),
        faults=("flap", "abort"),
        budget=2,
    ),
    Mutant("the ladder is taken in one leap", "2", spoil(forward, "_rung", defects.one_leap)),
    Mutant(
        "a gateway that comes back gets more than our rung",
        "2",
        spoil(arriving, "_kept", lambda *_: 100),
        faults=("gateway dies",),
    ),
    Mutant("drift is healed towards the larger share", "2", spoil(outcomes, "min", max), faults=("moved by hand",)),
    Mutant(
        "nobody asks the gates",
        "3",
        all_of(*(spoil(forward, name, lambda *_, **__: Verdict(Outcome.SUCCESSFUL)) for name in ("verdict", "proof"))),
        options=BAD,
        rules=without(forward.turn_back),
    ),
    Mutant(
        "a verdict about another window counts",
        "3",
        all_of(spoil(gates, "verdict", defects.any_window), spoil(forward, "verdict", defects.any_window)),
        faults=("late verdict",),
    ),
    Mutant(
        "Inconclusive counts as Successful",
        "3",
        spoil(Verdict, "good", property(defects.careless_good)),
        faults=("inconclusive",),
    ),
    Mutant("the latch is not asked", "4", rules=instead(rest.begin, defects.unlatched), options=BAD),
    Mutant(
        "the latch opens with any commit",
        "4",
        spoil(history, "_fold", defects.forgetful_accept),
        faults=("commit",),
        options=BAD,
    ),
    Mutant(
        "the gateway ignores its seal", "5", spoil(model_drivers, "shut_out", lambda *_: False), faults=("takeover",)
    ),
    Mutant(
        "a new leader does not seal",
        "5",
        spoil(Loop, "seal", lambda _loop, here, _generation: here),
        faults=("takeover",),
    ),
    Mutant(
        "neither journal nor loop compare generations",
        "5",
        all_of(spoil(Loop, "journal_fenced", lambda *_: False), spoil(Loop, "taken_over", lambda *_: False)),
        faults=("takeover",),
    ),
    Mutant(
        "another life of the gateway is not noticed",
        "6",
        spoil(model_drivers, "moved_on", lambda _life, version: not version),
        faults=("gateway restart",),
    ),
    Mutant(
        "no compare-and-set",
        "7",
        spoil(model_drivers, "moved_on", lambda life, _version: not life),
        faults=("moved by hand",),
    ),
    Mutant(
        "the journal does not compare what was folded",
        "8",
        spoil(Loop, "journal_moved", lambda *_: False),
        faults=("abort",),
    ),
    Mutant("an act goes out before its intent is durable", "8", spoil(Loop, "settle", defects.eager_settle)),
    Mutant(
        "an intent is closed as done without reading",
        "8",
        rules=instead(plan.close_intent, defects.done_unread),
        faults=("crash",),
    ),
    Mutant("an intent is left open", "8", rules=without(plan.close_intent), faults=("crash",)),
    Mutant("no answer is taken for success", "8", spoil(Loop, "told", defects.sure), faults=("request lost",)),
    Mutant(
        "the outcome is not read back",
        "8",
        spoil(model_drivers, "read_back", lambda *_: "done"),
        faults=("moved by hand",),
    ),
    Mutant(
        "weights are told as differences",
        "9",
        spoil(model_drivers, "standing_at", defects.by_how_much),
        options={"from_rest": False},
    ),
    Mutant("starting twice restarts", "9", spoil(model_drivers, "start", defects.restarting)),
    Mutant("a slot is retired without draining", "10", TWO_SPOILED),
    Mutant("the way back is stopped at full weight", "10", rules=before(forward.soak, defects.early_end)),
    Mutant(
        "a silent gateway is taken for one without weights",
        "7",
        spoil(plan, "decide", defects.zero_if_silent),
        faults=("silent",),
    ),
    Mutant(
        "a newcomer that limps gains", "11", spoil(forward, "_unfit", lambda *_: None), rules=LIMPING, faults=("flap",)
    ),
    Mutant(
        "a write that got no answer may land on the way back",
        "11",
        spoil(Loop, "told", defects.not_shut_out),
        faults=("late", "abort"),
        budget=2,
    ),
    Mutant(
        "a rollback goes to a stable that nobody can read",
        "12",
        spoil(back, "_by_counters", lambda *_: None),
        faults=("unread", "abort"),
        budget=2,
    ),
    Mutant(
        "a failed version is tried again and again", "13", spoil(history, "ended", defects.forgetful_end), options=BAD
    ),
    Mutant(
        "a stale look at git brings an older state back",
        "14",
        spoil(diff, "_unacceptable", lambda *_: None),
        faults=("stale git",),
    ),
    Mutant(
        "an unreadable manifest still sets something going",
        "15",
        rules=EAGER_BEGIN,
        faults=("pause", "commit", "resume"),
        budget=3,
    ),
    Mutant(
        "what runs in the slot is not compared with its pin",
        "17",
        all_of(spoil(Situation, "misfits", lambda *_: []), spoil(Situation, "runs", defects.any_version)),
        faults=("redeployed",),
    ),
    Mutant("suspended is not untouched", "19", rules=without(plan.suspended), faults=("suspend",)),
    Mutant("paused goes on", "19", rules=without(forward.stand_still), faults=("pause",)),
    Mutant(
        "drift is healed before it is on record",
        "19",
        rules=instead(rest.drift_at_rest, defects.unrecorded_heal),
        faults=("moved by hand",),
    ),
    Mutant(
        "what a script did is not on record",
        "by hand",
        rules=without(by_hand.moved_by_hand),
        faults=("moved with a script",),
    ),
    Mutant(
        "what was moved by hand is healed",
        "by hand",
        rules=without(by_hand.stand_back),
        faults=("moved with a script", "resume"),
        budget=2,
    ),
    Mutant("an intent without its revision", "20", spoil(plan, "intended", defects.unsigned)),
    Mutant(
        "`before` is what we remember, not what was read",
        "20",
        spoil(forward, "_rung", defects.remembered),
        faults=("moved by hand",),
    ),
    Mutant("the new owner starts before the old one has stopped", "21", spoil(handing, "take_over", defects.hasty)),
    Mutant(
        "an owner that cannot be read counts as gone",
        "21",
        spoil(Situation, "reading", defects.absent_if_unread),
        faults=("unread",),
    ),
    Mutant(
        "a newcomer does not wait for a recovery point",
        "recovery point",
        rules=without(saving.take_snapshot),
        options=SAVED,
    ),
    Mutant("a newcomer does not wait for its data", "migration", rules=without(migrating.migrate), options=BOTH_WORK),
    Mutant(
        "a doubt is taken for a yes",
        "migration",
        rules=instead(migrating.migrate, defects.sure_of_it),
        faults=("migration in doubt",),
        options=BOTH_WORK,
    ),
    Mutant(
        "a failure goes back onto data that stable does not bear",
        "migration",
        spoil(State, "outgrown", property(lambda _: False)),
        options={**ONE_WAY, **BAD_UNDER_TRAFFIC, "steps": AT_ONCE},
    ),
    Mutant(
        "what the data have left behind is forgotten with the transition",
        "left behind",
        spoil(history, "ended", defects.clean_slate),
        faults=("abort",),
        options={**ONE_WAY, "steps": AT_ONCE},
    ),
    Mutant(
        "a stable that does not bear the data stands in for the newcomer",
        "left behind",
        spoil(forward, "shared", defects.stood_in_for),
        options={**ONE_WAY, "steps": AT_ONCE},
    ),
    Mutant(
        "the worker of a stable that does not bear the data is made owner again",
        "left behind",
        spoil(rest, "_keeper", defects.kept_by_stable),
        faults=("turns bad", "member dies"),
        budget=2,
        options={**ONE_WAY, "gates": GATES[1:], "steps": AT_ONCE},
    ),
    Mutant(
        "members that changed hands are handed over again",
        "21 (gates)",
        all_of(spoil(forward, "hand_over", defects.handed_again), spoil(handing, "owns", lambda *_: False)),
        faults=("commit",),
        options=HANDED,
    ),
    Mutant(
        "the new owner is granted before the old one let go",
        "21",
        all_of(spoil(members, "let_go", lambda *_: None), spoil(handing, "let_go", lambda *_: None)),
        options=HANDED,
    ),
    Mutant(
        "the hand-over's gates are asked before intake stopped",
        "21 (gates)",
        spoil(handing, "let_go", lambda *_: None),
        options=HANDED,
    ),
    Mutant(
        "an older number is accepted",
        "5",
        spoil(model_drivers, "outnumbered", lambda *_: False),
        faults=("takeover", "abort"),
        budget=2,
        options={**HANDED, "hosts_fenced": False},
    ),
    Mutant("stable is not started again", "liveness", rules=without(arriving.start_stable), faults=("slot dies",)),
    Mutant(
        "a gateway that ended stays down", "liveness", rules=without(arriving.reopen_gateway), faults=("gateway dies",)
    ),
    Mutant("a rollback is begun and not done", "liveness", rules=without(back.go_back), options=BAD),
    Mutant("a rollback waits for nobody", "liveness", rules=instead(back.go_back, defects.kept_waiting), options=BAD),
    Mutant("what runs is started for ever", "liveness", rules=instead(rest.rest, defects.started_again)),
    Mutant("drift at rest is not seen", "liveness", rules=without(rest.drift_at_rest), faults=("moved by hand",)),
    Mutant("a worker that died stays away", "liveness", rules=without(rest.keep_owners), faults=("member dies",)),
    Mutant("a failed newcomer is not turned back", "liveness", rules=without(forward.turn_back), options=BAD),
    Mutant(
        "a bad newcomer is only told of",
        "liveness",
        rules=instead(forward.turn_back, defects.told_of),
        options=BAD_UNDER_TRAFFIC,
    ),
)
