"""Whose word counts on what is asked: of the votes that lie in git, as they are read now.

What is on record of a vote keeps it from being taken twice; it counts only as long as the vote is still there, and
still sound: a key that was taken away, or time in which nobody watched, is not on record.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.model import Approvals
from reconciler.core.reading import Vote
from reconciler.core.state import Agreed, Question, Transition

AHEAD = 300.0  # seconds that a voter's clock may be ahead of ours
MOST_NAMES = 3  # told for one reason
JUST = 300.0  # seconds before a question: whoever voted within them may have meant it


def whom(policy: Approvals) -> str:
    """Who may approve, in words."""
    anybody = "whose key the operator's file knows" if policy.signed else "who may write to the repository"
    if 1 < policy.minimum == len(policy.approvers):
        return " and ".join(policy.approvers)
    several = f" ({policy.minimum} of them)" if policy.minimum > 1 else ""
    return f"{' or '.join(policy.approvers) or f'anybody {anybody}'}{several}"


def voters(votes: tuple[Vote, ...], t: Transition, policy: Approvals, now: float) -> tuple[str, ...]:
    """Who has agreed to what is asked, each once, as far as that is not too long ago and the vote still counts."""
    if t.asked is None:
        return ()
    sound = {vote.id for vote in votes if vote.approve and not objection(vote, t.asked, policy)}
    counted = [agreed.by for agreed in t.agreed if agreed.vote in sound and not _old(agreed, policy, now)]
    return tuple({person(name): name for name in reversed(counted)}.values())[::-1]


def person(name: str) -> str:
    """Who somebody is, however he writes his address."""
    return name.casefold()


def _among(name: str, others: Iterable[str]) -> bool:
    return person(name) in {person(other) for other in others}


def unheard(votes: tuple[Vote, ...], t: Transition, policy: Approvals, now: float) -> list[Vote]:
    """What is new, and sound: every no first, then the yes of whoever does not count yet."""
    if t.asked is None:
        return []
    known, counted = {agreed.vote for agreed in t.agreed}, voters(votes, t, policy, now)
    new = [vote for vote in votes if vote.id not in known and not objection(vote, t.asked, policy)]
    return [vote for vote in new if not vote.approve] + [v for v in new if v.approve and not _among(v.by, counted)]


def _old(agreed: Agreed, policy: Approvals, now: float) -> bool:
    return agreed.age + now - agreed.at >= policy.expires


def objection(vote: Vote, asked: Question, policy: Approvals) -> str:
    """Why a vote does not count; empty when it does."""
    if (vote.stage, vote.plan) != (asked.stage, asked.plan):
        return "is about another plan than the one that is asked about now"
    if vote.age < -AHEAD:
        return f"lies {-vote.age:.0f} s in the future: a clock is wrong"
    if vote.age >= policy.expires:
        return "has expired"
    if policy.signed and not vote.verified:
        return "is not signed by a key that the operator's file knows"
    if policy.approvers and not _among(vote.by, policy.approvers):
        return "is not by one of the approvers"
    if vote.approve and not policy.self_approval and vote.author is not False:
        return "is by the author of the change" if vote.author else "may be by the author of the change"
    return ""


def uncounted(votes: tuple[Vote, ...], t: Transition, policy: Approvals, now: float) -> list[str]:
    """Whose word on what is asked about does not count, and why: each reason said once, the newest last. What was voted
    on another stage, or long before, was meant for something else."""
    if t.asked is None:
        return []
    counted, asked = voters(votes, t, policy, now), t.asked
    old = {agreed.vote for agreed in t.agreed if _old(agreed, policy, now)}
    ours = [vote for vote in votes if vote.stage is asked.stage and not _among(vote.by, counted)]
    meant = [vote for vote in ours if vote.plan == asked.plan or vote.age < now - asked.since + JUST]
    why = [(vote.by, objection(vote, asked, policy) or ("has expired" if vote.id in old else "")) for vote in meant]
    last = list(dict.fromkeys(said for _, said in reversed(why) if said))[::-1]
    return [f"the vote of {_several(by for by, one in why if one == said)} {said}" for said in last]


def _several(names: Iterable[str]) -> str:
    """Each once; the newest, where they are many."""
    unique = list(dict.fromkeys(names))
    more = f"{len(unique) - MOST_NAMES} more and of " if len(unique) > MOST_NAMES else ""
    return more + " and of ".join(unique[-MOST_NAMES:])
