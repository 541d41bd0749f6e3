"""Votes on what an environment asks: who gave them, whether that is proved, and whether he made the change himself."""

from __future__ import annotations

import threading
from functools import partial

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Stage
from reconciler.core.reading import Vote
from reconciler.core.voting import AHEAD, person
from reconciler.desired.authors import Authors, Makers
from reconciler.desired.ballots import MOST_BYTES, Ballot, Ballots
from reconciler.desired.objects import raw
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers

MOST_ASKED = 200  # votes on the very question that nobody has proved, and signatures that one reading asks about
MOST_OF_ONE = 20  # votes on the very question by one signer
MOST_OTHER = 20  # votes that do not count, so that somebody can be told why his does not


class Votes:
    """`signers` None: nobody's signature can be verified, so every vote is only what its writer claims. Safe to share
    among threads."""

    def __init__(self, repository: Repository, signers: Signers | None = None, clock: Clock = SYSTEM) -> None:
        self._repository, self._signers, self._clock = repository, signers, clock
        self._ballots = Ballots(repository)
        self._authors = Authors(repository, signers, clock)
        self._proved: dict[str, frozenset[str]] = {}  # of each environment, at the last reading
        self._lock = threading.Lock()

    def read(self, environment: str, stage: Stage, plan: str, since: str, revision: str) -> tuple[Vote, ...]:
        """The votes of an environment, oldest first: on this stage and plan, and the newest of its others. `author` is
        about the commits after `since` (none: the last one) up to `revision` that changed this environment. Raises
        InvalidDesired when the repository cannot be read."""
        with self._lock:
            mine = [ballot for ballot in self._ballots.read() if ballot.text.environment == environment]
            if not mine:
                return ()
            now = self._clock.now().timestamp()
            asked = [one for one in mine if _on(one, stage, plan) and one.written <= now + AHEAD]
            whose = self._whose(asked, self._proved.get(environment, frozenset()))
            self._proved[environment] = frozenset(name for name, principal in whose.items() if principal)
            there = {one.id for one in asked}
            other = [one for one in mine if one.id not in there][-MOST_OTHER:]
            kept = {one.id for one in (*_kept(asked, whose), *other)}
            makers = self._authors.of(environment, since, revision)
            return tuple(self._vote(one, whose, makers, now) for one in mine if one.id in kept)

    def _whose(self, asked: list[Ballot], known: frozenset[str]) -> dict[str, str]:
        """The principal of each; empty where nobody is known to have signed. Signatures cost time: one reading asks
        about those that were known, and about the newest others; the next goes on."""
        whose, fresh = dict[str, str](), 0
        first, then = [one for one in asked if one.id in known], [one for one in reversed(asked) if one.id not in known]
        for one in (*first, *then):
            fresh += self._costs(one)
            whose[one.id] = self._principal(one) if fresh <= MOST_ASKED or not self._costs(one) else ""
        return whose

    def _costs(self, ballot: Ballot) -> bool:
        return self._signers is not None and ballot.signed and self._signers.known(ballot.id) is None

    def _vote(self, ballot: Ballot, whose: dict[str, str], makers: Makers, now: float) -> Vote:
        principal = whose[ballot.id] if ballot.id in whose else self._principal(ballot)
        himself = bool(makers.names & {principal.lower(), *ballot.emails})
        return Vote(
            id=ballot.id,
            stage=ballot.text.stage,
            plan=ballot.text.plan,
            approve=ballot.text.approve,
            by=person(principal or ballot.email),
            verified=bool(principal),
            author=True if himself else False if makers.complete else None,
            age=now - ballot.written,
            reason=ballot.text.reason,
        )

    def _principal(self, ballot: Ballot) -> str:
        if self._signers is None or not ballot.signed:
            return ""
        read = partial(raw, self._repository, ballot.id, ballot.kind, MOST_BYTES)
        return self._signers.of(ballot.id, ballot.kind, read).principal


def _kept(asked: list[Ballot], whose: dict[str, str]) -> list[Ballot]:
    """What is proved, whatever flood of others there is: the newest of each signer. And the newest of the others."""
    each: dict[str, list[Ballot]] = {}
    for one in asked:
        each.setdefault(person(whose[one.id]), []).append(one)
    claimed = each.pop("", [])[-MOST_ASKED:]
    return [*claimed, *(one for ballots in each.values() for one in ballots[-MOST_OF_ONE:])]


def _on(ballot: Ballot, stage: Stage, plan: str) -> bool:
    return (ballot.text.stage, ballot.text.plan) == (stage, plan)
