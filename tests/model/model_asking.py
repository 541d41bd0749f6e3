"""Who is asked: ballots that lie in git, and windows that close. What people and the calendar do, and what is read.

A ballot keeps the plan's digest as the shipped core computed it, so whether it counts is the core's doing. What really
is to be said of it, its kind, and whether the question that it was given on is over (`over`), the core never sees: the
laws do. Of ballots on questions that are over, those on the last one are kept; one that counts wrongly would be one of
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from model_world import Here, Scenario

from reconciler.core.events import (
    ApprovalVoided,
    Began,
    Ended,
    Event,
    HoldBegan,
    PausedByRule,
    Rebound,
    RollbackBegan,
)
from reconciler.core.model import Approvals, Stage
from reconciler.core.reading import Closed, Vote
from reconciler.core.state import Question, State

if TYPE_CHECKING:
    from model_loop import Loop

Move = tuple[str, Here, tuple[str, ...]]
AUTHOR, STRANGER = "cid", "eve"  # one of the approvers, who made the change; and one who is nobody
ENDS = (ApprovalVoided, Began, Ended, HoldBegan, PausedByRule, Rebound, RollbackBegan)  # of a question
SHUT, FOR_EVER, SOON = "shut", "for ever", "soon"  # windows; empty: open


class Ballot(NamedTuple):
    """Somebody's word, and what really is to be said of it."""

    stage: Stage
    plan: str
    by: str
    approve: bool = True
    kind: str = "sound"
    over: bool = False

    @property
    def id(self) -> str:
        return f"{self.by} {self.kind} {self.approve} {self.over}"


def vote(ballot: Ballot, policy: Approvals) -> Vote:
    """As it is read from git."""
    ages = {"expired": policy.expires, "early": -1000.0}
    return Vote(
        ballot.id, ballot.stage, ballot.plan, ballot.approve, ballot.by, verified=ballot.kind != "forged",
        author=ballot.by == AUTHOR, age=ages.get(ballot.kind, 0.0),
    )  # fmt: skip


def sound(ballot: Ballot, policy: Approvals) -> bool:
    """Does it count? Said apart from the core's own `objection`."""
    his_own = ballot.by == AUTHOR and ballot.approve and not policy.self_approval
    named = not policy.approvers or ballot.by in policy.approvers
    return ballot.kind == "sound" and named and not his_own and not ballot.over


# ---- ballots -----------------------------------------------------------------------------------------------------


def question(loop: Loop, here: Here) -> tuple[Question, Approvals] | None:
    """What is asked now, and of whom."""
    state = loop.memories.states[here.memory]
    policy, t = loop.scenario.known.approvals, state.transition
    return (t.asked, policy) if policy and t and t.asked else None


def cast(here: Here, ballot: Ballot) -> Here:
    return here._replace(ballots=tuple(sorted({*here.ballots, ballot})))


def between(here: Here) -> bool:
    """What lies there is read in looks only: a ballot that comes in mid-tick could as well come after it."""
    return not any(party.place in ("intended", "checked", "effected") for party in here.parties)


def approvals(loop: Loop, here: Here) -> Iterator[Move]:
    """Those who may approve do, or do not: it costs no fault, and nobody can rely on it."""
    asked = question(loop, here)
    if asked is None or not between(here):
        return
    found, policy = asked
    for by in policy.approvers or ("ann",):
        ballot = Ballot(found.stage, found.plan, by)
        if sound(ballot, policy) and ballot not in here.ballots:
            yield f"{by} approves {found.stage}", cast(here, ballot), ()


def casting(by: str, kind: str, *, approve: bool = True) -> Callable[[Loop, Here], Iterator[Move]]:
    def strike(loop: Loop, here: Here) -> Iterator[Move]:
        asked = question(loop, here)
        if asked is None or not between(here):
            return
        found, _ = asked
        plan = "0" * 64 if kind == "yesterday's" else found.plan
        ballot = Ballot(found.stage, plan, by, approve, kind)
        if ballot not in here.ballots:
            word = "approves" if approve else "rejects"
            yield f"{by} {word} {found.stage} ({kind})", cast(here, ballot), ()

    return strike


def asked_no_more(here: Here, events: tuple[Event, ...], before: State, after: State) -> Here:
    """Whatever was given so far was given on another question than any that is asked from now on."""
    live = [ballot for ballot in here.ballots if not ballot.over]
    if not live or not (any(isinstance(event, ENDS) for event in events) or _used(before, after)):
        return here
    return here._replace(ballots=tuple(sorted(ballot._replace(over=True) for ballot in live)))


def _used(before: State, after: State) -> bool:
    """The stage that was approved has begun."""
    was, now = (state.transition.asked if state.transition else None for state in (before, after))
    return was is not None and (now is None or now.plan != was.plan)


# ---- windows -----------------------------------------------------------------------------------------------------


def closed(window: str, now: float) -> tuple[Closed, ...]:
    """As the core reads it. One that is shut opens by itself; of one that comes, nothing would fit before it."""
    why = "deny (year-end closing)"
    known = {SHUT: Closed(now - 1.0, now + 1.0, why, "tomorrow"), FOR_EVER: Closed(now - 1.0, None, why)}
    known[SOON] = Closed(now + 1.0, now + 100.0, why, "tomorrow")
    return (known[window],) if window else ()


def closing(window: str) -> Callable[[Loop, Here], Iterator[Move]]:
    def strike(loop: Loop, here: Here) -> Iterator[Move]:
        if here.window != window and between(here):
            word = "comes" if window == SOON else f"is {window}"
            yield f"a window {word}", here._replace(window=window), ()

    return strike


def calendar(here: Here) -> Iterator[Move]:
    """What the time brings."""
    if here.window in (SHUT, SOON) and between(here):
        after = "" if here.window == SHUT else SHUT
        yield f"the window {'closes' if after else 'opens'}", here._replace(window=after), ()


VOTES: dict[str, Callable[[Loop, Here], Iterator[Move]]] = {
    "a no": casting("ann", "sound", approve=False),
    "a forged no": casting("ann", "forged", approve=False),
    "a forged vote": casting("ann", "forged"),
    "a stranger's vote": casting(STRANGER, "sound"),
    "the author's vote": casting(AUTHOR, "sound"),
    "yesterday's vote": casting("ann", "yesterday's"),
    "an expired vote": casting("ann", "expired"),
    "a vote from the future": casting("ann", "early"),
}
WINDOWS = {f"a window, {one}": closing(one) for one in (SHUT, FOR_EVER, SOON)}


def told(scenario: Scenario) -> Approvals:
    """The policy under which a look's ballots are read."""
    return scenario.known.approvals or Approvals(())
