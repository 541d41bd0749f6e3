"""The laws of approvals, windows, and of what git is told, over the model. Their names here: `approval`, `windows`,
`git`, and 4 for the latch that a file which was put back does not open.

law       where
--------  ---------------------------------------------------------------------------------------------------------
approval  decision (core_laws.approved): no stage begins that was not admitted, by a quorum; journal: only a ballot that
          is sound, on this very question, is counted, or turns back; whatever voids an approval leaves none
windows   decision (core_laws.in_time), and here: nothing of a newcomer is done in a closed one; the way back never
          waits for one, nor for an approval
git       decision and effect: a file is put back only over the text that failed, past nobody's work, once for a
          transition, and while none is under way; rest: every end is noted, and what can be put back is
4         journal: what is held stays so until a version is pinned that was not pinned before, or somebody retries
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import model_git as git
from model_asking import sound
from model_world import Here, Look, Party, Scenario

from reconciler.core.events import (
    Accepted,
    Applied,
    Approved,
    Began,
    Event,
    HoldBegan,
    PausedByRule,
    Rebound,
    Requested,
    RollbackBegan,
    SoakBegan,
    StagePassed,
    StepPassed,
    Verb,
)
from reconciler.core.model import Approvals, GitAfter, Pair, Spec, Stage
from reconciler.core.plan import Decision
from reconciler.core.reading import Observed
from reconciler.core.situation import Do, Record, Wait
from reconciler.core.state import State, Transition
from reconciler.core.steps import Act, Note, PutBack, Result, StageFiles, Start, Warm

if TYPE_CHECKING:
    from model_explore import Graph
    from model_loop import Loop

NONE: tuple[str, ...] = ()
EARLY = {Stage.PREFLIGHT, Stage.MIGRATE}  # what is found later is no news about them


# ---- the journal -------------------------------------------------------------------------------------------------


def of_event(policy: Approvals | None, look: Look, before: State, event: Event, after: State, over: bool) -> list[str]:
    """`over`: the question that this look's ballots were read for has ended in it."""
    found = _unlatched(before, event, after)
    match event:
        case Approved() if policy:
            found += _counted(policy, look, event, over)
        case RollbackBegan(condition="Rejected") if policy:
            found += _refused(policy, look, over)
        case HoldBegan(reason) if policy and reason.startswith("Rejected"):
            found += _refused(policy, look, over)
    return found + _kept(event, after.transition)


def _counted(policy: Approvals, look: Look, event: Approved, over: bool) -> list[str]:
    ballot = next((one for one in look.ballots if one.id == event.vote), None)
    if ballot is None or not ballot.approve or over or not sound(ballot, policy):
        return [f"law approval: a vote counts that should not: {event.vote}"]
    same = (ballot.stage, ballot.plan) == (event.stage, event.plan)
    return [] if same else [f"law approval: the vote of {event.by} counts for another plan"]


def _refused(policy: Approvals, look: Look, over: bool) -> list[str]:
    noes = [one for one in look.ballots if not one.approve and sound(one, policy)]
    return [] if noes and not over else ["law approval: it is rejected, and nobody who may has said no"]


def _kept(event: Event, t: Transition | None) -> list[str]:
    """What voids an approval leaves none: another policy all, what is found all but of those stages that are over."""
    if t is None or not isinstance(event, Rebound | HoldBegan | PausedByRule):
        return []
    left = t.admitted if isinstance(event, Rebound) else t.admitted - EARLY
    return [f"law approval: {type(event).__name__} leaves what was agreed to"] if left or t.agreed or t.asked else []


def _unlatched(before: State, event: Event, after: State) -> list[str]:
    lost = [one.version for one in before.held if not after.is_held(one.version)]
    if not lost or (isinstance(event, Requested) and event.verb is Verb.RETRY):
        return []
    pins = event.pins if isinstance(event, Accepted) else Pair(None, None)
    known = before.good[before.stable.slot] if before.stable else None
    old = (known.pins.blue, known.pins.green) if known else ()
    others = {pins.blue, pins.green} - {None, *old}
    return [f"law 4: {version} is held no more, and nobody pins another" for version in lost if not others - {version}]


# ---- decisions -----------------------------------------------------------------------------------------------------


def of_decision(spec: Spec, observed: Observed, state: State, now: float, decision: Decision) -> list[str]:
    answer, t, found = decision.answer, state.transition, list[str]()
    if isinstance(answer, Wait) and t and t.going_back and answer.reason in ("Frozen", "WaitingApproval"):
        found.append(f"law windows: the way back waits: {answer.reason}")
    if isinstance(answer, Do) and isinstance(answer.act, PutBack):
        found += _put_back(observed, state)
    if _shut(spec, observed, state, now) and _ahead(spec, state, answer):
        found.append(f"law windows: {decision.rule} goes forward in a closed window")
    return found


def _put_back(observed: Observed, state: State) -> list[str]:
    seen, duty = observed.git, state.duty
    if seen is None or seen.asks is not True or seen.obstacle:
        return [f"law git: a file is put back, and git was read as {seen}"]
    done = duty is None or duty.commit or duty.transition != seen.transition
    return ["law git: a file is put back of which nothing is due"] if done or state.transition else []


def _shut(spec: Spec, observed: Observed, state: State, now: float) -> bool:
    through = state.override is not None and state.override[0] in (spec.digest, spec.base)
    return not through and any(one.begins <= now and (one.ends is None or one.ends > now) for one in observed.closed)


def _ahead(spec: Spec, state: State, answer: object) -> bool:
    """A step forward, or anything that is done for a newcomer. The soak only measures; what waits for somebody to
    approve its beginning may begin."""
    t, event, act = state.transition, getattr(answer, "event", None), getattr(answer, "act", None)
    if isinstance(event, Began):
        asked = spec.approvals is not None and Stage.PREFLIGHT in spec.approvals.before
        return not event.back and not asked
    if t is None or t.going_back:
        return False
    if isinstance(answer, Record):
        return isinstance(event, StagePassed | StepPassed | SoakBegan)
    return isinstance(act, StageFiles | Start | Warm) and act.slot is t.newcomer.slot and t.cursor < len(t.steps)


# ---- effects -------------------------------------------------------------------------------------------------------


def of_git(loop: Loop, before: Here, after: Here, party: Party) -> tuple[str, ...]:
    """What one command of `party` did to git."""
    act = loop.memories.intents[party.intent].act
    if not isinstance(act, PutBack | Note) or (before.head, before.notes) == (after.head, after.notes):
        return NONE
    found = _over(loop, before, act) if isinstance(act, PutBack) else []
    again = git.perform(loop.scenario, after, act)[1]
    if (again.head, again.notes) != (after.head, after.notes):
        found.append("law 9: told twice is not told once")
    return tuple(found)


def _over(loop: Loop, before: Here, act: PutBack) -> list[str]:
    found = []
    if not git.same(loop.scenario, before.head, git.number(act.failed)):
        found.append(f"law git: commit {before.head} is not what failed, and is put back")
    if before.restored == act.transition:
        found.append("law git: a file is put back twice for one transition")
    if before.obstacle:
        found.append("law git: a file is put back over somebody's work")
    if loop.memories.states[before.memory].transition:
        found.append("law git: a file is put back while a transition is under way")
    return found


def of_record(here: Here, act: Act, applied: Applied) -> Here:
    """What was put back, and is on record."""
    done = isinstance(act, PutBack) and applied.result is Result.DONE
    return here._replace(restored=act.transition) if done else here  # type: ignore[union-attr]


# ---- rest ----------------------------------------------------------------------------------------------------------


def untold(graph: Graph, here: Here, wait: Wait) -> str:
    """Why this may not be the last word; empty when it may: who is waited for is named, and git was told."""
    words = {"WaitingApproval": ("waits for", "reconcile approve"), "Frozen": ("--override-freeze",)}
    silent = [word for word in words.get(wait.reason, ()) if word not in wait.message]
    if silent:
        return f"{wait.reason} does not say {silent[0]!r}: {wait.message}"
    scenario, state = graph.loop.scenario, graph.loop.memories.states[here.memory]
    if not scenario.beside or state.transition or state.duty is None or state.suspended:
        return ""
    return _unnoted(here, state) or _left(scenario, here, state)


def _unnoted(here: Here, state: State) -> str:
    assert state.duty
    said = dict(here.notes).get(git.number(state.duty.revision), "")
    if not said.startswith(state.duty.text):
        return f"git is not told that it {state.duty.text}"
    here_too = not state.duty.commit or state.duty.commit in said
    return "" if here_too else "git is not told that the file was put back"


def _left(scenario: Scenario, here: Here, state: State) -> str:
    duty = state.duty
    assert duty
    due = duty.good and not duty.commit and not here.obstacle and scenario.known.git_after is GitAfter.REVERT
    asks = due and git.same(scenario, here.head, git.number(duty.revision))
    differs = due and not git.same(scenario, git.number(duty.revision), git.number(duty.good))
    return "git still asks for what failed" if asks and differs else ""
