"""Deliberate defects of approvals, windows, and of what git is told; each is killed by the law that it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import model_git
from model_asking_scenarios import ONE, TWO
from model_defects import before, spoil, without
from model_mutants import Mutant
from model_scenarios import BAD, HOLD

from reconciler.core import approving, back, freezing, history, outcomes, rest, telling, voting
from reconciler.core.plan import RULES, Rule
from reconciler.core.reading import Vote
from reconciler.core.situation import Answer, Do, Situation, Wait
from reconciler.core.state import Held, State, Transition
from reconciler.core.steps import PutBack

PLAN, OBJECTION, ADMITTED = approving.plan, voting.objection, approving._admitted
IN_TRANSITION, DONE, PUT_BACK = history._in_transition, outcomes._done, telling._put_back
PEOPLE = (approving.approve_start, approving.approve_stage)


def anybodys(vote: Vote, *rest: Any) -> str:
    return OBJECTION(replace(vote, verified=True), *rest)


def his_own(vote: Vote, *rest: Any) -> str:
    return OBJECTION(replace(vote, author=False), *rest)


def of_any_age(vote: Vote, *rest: Any) -> str:
    return OBJECTION(replace(vote, age=0.0), *rest)


def of_any_plan(vote: Vote, asked: Any, policy: Any) -> str:
    return OBJECTION(replace(vote, stage=asked.stage, plan=asked.plan), asked, policy)


def one_is_enough(s: Situation, t: Transition, policy: Any) -> Any:
    return ADMITTED(s, t, replace(policy, minimum=1))


def never_voided(s: Situation, t: Transition, stage: Any) -> str:
    """The plan does not say how often what was agreed to has become void."""
    return PLAN(s, replace(t, voided=0), stage)


def of_any_transition(s: Situation, t: Transition, stage: Any) -> str:
    return PLAN(s, replace(t, id=""), stage)


def kept_over_rebound(state: State, transition: Transition, event: Any) -> State:
    after = IN_TRANSITION(state, transition, event)
    if type(event).__name__ == "Rebound" and after.transition:
        after = replace(after, transition=replace(after.transition, admitted=transition.admitted))
    return after


def back_waits_for_windows(s: Situation) -> Answer | None:
    t, hit = s.transition, freezing.closed(s, 0.0)
    return freezing.frozen(s, hit) if t and t.going_back and hit else None


def back_waits_for_approval(s: Situation) -> Answer | None:
    t = s.transition
    waits = t is not None and t.going_back and t.rung and s.spec.approvals
    return Wait("WaitingApproval", "the way back waits for ann: reconcile approve", blocked=True) if waits else None


def always_open(rule: Rule) -> Rule:
    return lambda s: rule(replace(s, observed=replace(s.observed, closed=())))


def ended_by_any_pins(self: Held, pins: Any) -> bool:
    """As it was before files were put back: gone as soon as no slot is pinned to it."""
    return self.version not in (pins.blue, pins.green)


def never_asked(s: Situation, duty: Any) -> Do | None:
    """Put back whatever is there."""
    seen = s.observed.git
    return PUT_BACK(replace(s, observed=replace(s.observed, git=seen and replace(seen, asks=True))), duty)


def forgotten(state: State, act: Any, reason: str) -> State:
    return state if isinstance(act, PutBack) else DONE(state, act, reason)


def over_work(s: Situation, duty: Any) -> Do | None:
    seen = s.observed.git
    return PUT_BACK(replace(s, observed=replace(s.observed, git=seen and replace(seen, obstacle=""))), duty)


def told(**changes: Any) -> dict[str, Any]:
    return {**BAD, "beside": True, **changes}


OPEN = tuple(always_open(rule) if rule in (freezing.freeze, rest.begin) else rule for rule in RULES)

ASKING_MUTANTS = (
    Mutant("nobody is asked", "approval", rules=without(*PEOPLE), options=ONE),
    Mutant("no signature is verified", "approval", spoil(voting, "objection", anybodys), faults=("a forged vote",),
           options=ONE),
    Mutant("a forged no turns back", "approval", spoil(voting, "objection", anybodys), faults=("a forged no",),
           options=ONE),
    Mutant("the author approves himself", "approval", spoil(voting, "objection", his_own),
           faults=("the author's vote",), options=TWO),
    Mutant("a vote counts however old it is", "approval", spoil(voting, "objection", of_any_age),
           faults=("an expired vote",), options=ONE),
    Mutant("a vote on yesterday's plan counts", "approval", spoil(voting, "objection", of_any_plan),
           faults=("yesterday's vote",), options=ONE),
    Mutant("one of two is a quorum", "approval", spoil(approving, "_admitted", one_is_enough), options=TWO),
    Mutant("votes of before count when it is asked again", "approval", spoil(approving, "plan", never_voided),
           faults=("inconclusive",), options=TWO),
    Mutant("what was found voids nothing", "approval", spoil(history, "unapproved", lambda t: t), faults=("pause",),
           options={**ONE, **BAD, **HOLD}),
    Mutant("votes on one transition count for the next", "approval", spoil(approving, "plan", of_any_transition),
           faults=("retry",), options={**TWO, **BAD}),
    Mutant("an approval is kept over another policy", "approval", spoil(history, "_in_transition", kept_over_rebound),
           faults=("commit",), options=ONE),
    Mutant("the way back waits for an approval", "windows", rules=before(back.go_back, back_waits_for_approval),
           options={**ONE, **BAD}),
    Mutant("windows are not heard", "windows", rules=OPEN, faults=("a window, shut",)),
    Mutant("the way back waits for a window", "windows", rules=before(back.go_back, back_waits_for_windows),
           faults=("a window, shut",), options=BAD),
    Mutant("a hold ends when the file is put back", "4", spoil(Held, "ends_with", ended_by_any_pins),
           options=told()),
    Mutant("a file is put back although somebody changed it", "git", spoil(telling, "_put_back", never_asked),
           faults=("commit",), options=told()),
    Mutant("what is there is not looked at before it is overwritten", "git",
           spoil(model_git, "still_failed", lambda *_: True), faults=("commit",), options=told()),
    Mutant("a file is put back over somebody's work", "git", spoil(telling, "_put_back", over_work),
           faults=("obstacle",), options=told()),
    Mutant("a file is put back twice", "git", spoil(outcomes, "_done", forgotten), faults=("old work tree",),
           options=told()),
    Mutant("nothing is told to git", "liveness", rules=without(telling.tell_git), options=told()),
    Mutant("an end is not noted", "liveness", spoil(telling, "_note", lambda *_: None), options=told()),
)  # fmt: skip
