"""What is remembered of a question: asked, agreed to, void; and used up by the first step of its stage.

An approval is about what comes next. So it lasts from the question to that step, and no longer: until then everything
it rests on is looked at again; after that it has done its work, and whatever is found calls for a new one.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.events import Admitted, ApprovalAsked, ApprovalVoided, Approved
from reconciler.core.model import Stage
from reconciler.core.state import Agreed, Question, Transition
from reconciler.core.steps import Act, Migrate, Route, StageFiles, Start, Stop, TakeSnapshot, TryRestore, Warm

Word = ApprovalAsked | Approved | ApprovalVoided | Admitted
LATEST = 100  # approvals of one question that are kept


def answered(t: Transition, event: Word, now: float) -> Transition:
    """After what was asked, said, or found out about it."""
    match event:
        case ApprovalAsked(stage, plan, runs=runs):
            waited = t.waited if t.waiting is stage else 0.0
            return replace(t, asked=Question(stage, plan, now, runs), agreed=(), waiting=stage, waited=waited)
        case Approved(_, plan, by, vote, age):
            there = t.asked is not None and t.asked.plan == plan
            more = (*t.agreed[1 - LATEST :], Agreed(by, vote, now, age)) if there else t.agreed
            return replace(t, agreed=more)
        case ApprovalVoided(stage):
            left = t.admitted - {stage}
            return replace(t, asked=None, agreed=(), admitted=left, voided=t.voided + 1, voided_at=now)
        case Admitted(stage, _, by):
            since = t.since if stage is Stage.FINALISE else now  # its soak is over, and is not begun again
            asked = replace(t.asked, by=by) if t.asked else None
            return replace(t, admitted=t.admitted | {stage}, asked=asked, since=since)


def used_up(t: Transition, act: Act | None = None) -> Transition:
    """The stage that was approved has taken its first step, by this act or without any: nothing is asked any more."""
    if t.asked is None or t.asking or (act and not _first(t, t.asked.stage, act)):
        return t
    return replace(t, asked=None, agreed=())


def _first(t: Transition, stage: Stage, act: Act) -> bool:
    """Is this what an approval of the stage was for? Healing, and keeping stable up, is not."""
    match stage, act:
        case (
            (Stage.PREFLIGHT | Stage.MIGRATE),
            (StageFiles() | Start() | Stop() | Warm() | Migrate() | TakeSnapshot() | TryRestore()),
        ):
            return act.slot is t.newcomer.slot
        case Stage.SHIFT, Route(advance=advance):
            return advance
        case Stage.HAND_OVER, (Start(owner=owner) | Stop(owner=owner)):
            return owner
        case _:
            return False


def unapproved(transition: Transition) -> Transition:
    """Something was found: whoever agreed to the present stage is asked again, and has the whole time to answer."""
    over = frozenset({Stage.PREFLIGHT, Stage.MIGRATE}) if Stage.PREFLIGHT in transition.passed else frozenset[Stage]()
    voided = transition.voided + (1 if transition.asked or transition.admitted - over else 0)
    anew = replace(transition, asked=None, agreed=(), admitted=transition.admitted & over, voided=voided)
    return replace(anew, waiting=None, waited=0.0)
