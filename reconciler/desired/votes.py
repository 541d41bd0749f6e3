"""Votes on what an environment asks: who gave them, whether that is proved, and whether he made the change himself."""

from __future__ import annotations

import threading
from functools import partial

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Stage
from reconciler.core.reading import Vote
from reconciler.desired.authors import Authors, Makers
from reconciler.desired.ballots import MOST_BYTES, Ballot, Ballots
from reconciler.desired.objects import raw
from reconciler.desired.repository import Repository
from reconciler.desired.signatures import Signers

MOST_ASKED = 200  # votes on the very question; a flood of them costs no more
MOST_OTHER = 20  # votes that do not count, so that somebody can be told why his does not


class Votes:
    """`signers` None: nobody's signature can be verified, so every vote is only what its writer claims. Safe to share
    among threads."""

    def __init__(self, repository: Repository, signers: Signers | None = None, clock: Clock = SYSTEM) -> None:
        self._repository, self._signers, self._clock = repository, signers, clock
        self._ballots = Ballots(repository)
        self._authors = Authors(repository, signers, clock)
        self._lock = threading.Lock()

    def read(self, environment: str, stage: Stage, plan: str, since: str, revision: str) -> tuple[Vote, ...]:
        """The votes of an environment, oldest first: on this stage and plan, and the newest of its others. `author` is
        about the commits after `since` (none: the last one) up to `revision` that changed this environment. Raises
        InvalidDesired when the repository cannot be read."""
        with self._lock:
            mine = [ballot for ballot in self._ballots.read() if ballot.text.environment == environment]
            if not mine:
                return ()
            asked = [one.id for one in mine if (one.text.stage, one.text.plan) == (stage, plan)]
            other = [one.id for one in mine if (one.text.stage, one.text.plan) != (stage, plan)]
            kept = {*asked[-MOST_ASKED:], *other[-MOST_OTHER:]}
            makers = self._authors.of(environment, since, revision)
            now = self._clock.now().timestamp()
            return tuple(self._vote(one, makers, now) for one in mine if one.id in kept)

    def _vote(self, ballot: Ballot, makers: Makers, now: float) -> Vote:
        principal = self._principal(ballot)
        himself = bool(makers.names & {principal.lower(), *ballot.emails})
        return Vote(
            id=ballot.id,
            stage=ballot.text.stage,
            plan=ballot.text.plan,
            approve=ballot.text.approve,
            by=principal or ballot.email,
            verified=bool(principal),
            author=True if himself else False if makers.complete else None,
            age=now - ballot.written,
            reason=ballot.text.reason,
        )

    def _principal(self, ballot: Ballot) -> str:
        if self._signers is None:
            return ""
        read = partial(raw, self._repository, ballot.id, ballot.kind, MOST_BYTES)
        return self._signers.of(ballot.id, ballot.kind, read).principal
