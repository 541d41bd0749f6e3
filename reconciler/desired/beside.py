"""What lies in git beside the desired state of one environment: votes, notes, a file that is put back."""

from __future__ import annotations

from reconciler.core.reading import GitReading, Vote
from reconciler.core.state import State
from reconciler.core.steps import Note, PutBack
from reconciler.desired.votes import Votes
from reconciler.desired.writing import Writing


class Beside:
    def __init__(self, environment: str, votes: Votes, writing: Writing) -> None:
        self._environment, self._votes, self._writing = environment, votes, writing

    def votes(self, state: State) -> tuple[Vote, ...]:
        """Every vote on what `state` asks now, oldest first. Authors are all who have changed something since stable
        became stable: who pinned the version, too, and not only who made it active. Raises InvalidDesired when git
        cannot be read."""
        t = state.transition
        if t is None or t.asked is None:
            return ()
        since = state.since[t.stable.slot] or ""
        return self._votes.read(self._environment, t.asked.stage, t.asked.plan, since, t.revision)

    def reading(self, state: State) -> GitReading | None:
        """How git stands to the transition that ended last; None when nothing is to be put back."""
        duty = state.duty
        if duty is None or not (duty.good and duty.revision) or duty.commit:
            return None
        found = self._writing.reading(self._environment, duty.transition, duty.revision, duty.good, duty.branch)
        return found or GitReading(duty.transition, False)  # there is nothing that could be put back

    def put_back(self, act: PutBack, seal: str) -> str:
        return self._writing.put_back(self._environment, act, seal)

    def note(self, act: Note, seal: str) -> None:
        self._writing.note(self._environment, act, seal)
