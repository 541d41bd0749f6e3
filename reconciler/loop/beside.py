"""What lies in git beside the desired state: votes, notes, a file that is put back. The loop's contract with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from reconciler.apply import Boundary, outcome
from reconciler.core.events import Applied
from reconciler.core.reading import GitReading, Observed, Vote
from reconciler.core.state import State
from reconciler.core.steps import Note, PutBack, Result
from reconciler.errors import ReconcilerError


class Beside(Protocol):
    """Of one environment. Every call is bounded, and reading changes nothing."""

    def votes(self, state: State) -> tuple[Vote, ...]:
        """Every vote on what `state` asks now, oldest first. Raises ReconcilerError when they cannot be read."""

    def reading(self, state: State) -> GitReading | None:
        """How git stands to the transition that ended last; None when nothing is to be put back."""

    def put_back(self, act: PutBack, seal: str) -> str:
        """The id of the commit that does it. Raises Conflict when the branch has moved, Refused when it cannot be done
        without disturbing somebody, Unreachable when git does not answer. `seal`: entry and digest of the journal."""

    def note(self, act: Note, seal: str) -> None:
        """Write, or write anew, what is noted of this environment at a revision. Raises the same."""


def look(beside: Beside, observed: Observed, state: State) -> Observed:
    """The same look, and what lies in git: votes while something is asked, the file while it is to be put back."""
    if state.transition and state.transition.asked:
        try:
            return replace(observed, votes=beside.votes(state))
        except ReconcilerError as error:  # nobody is heard: nothing goes on, and that is said
            return replace(observed, votes_unread=str(error))
    return observed if state.transition else replace(observed, git=beside.reading(state))


def tell(beside: Beside, act: PutBack | Note, seal: str, boundary: Boundary) -> Applied:
    """Do one of the acts whose effect lies in git. Raises Fenced."""

    def perform() -> Applied:
        done = ""
        if isinstance(act, PutBack):
            done = beside.put_back(act, seal)
        else:
            beside.note(act, seal)
        boundary("effect-done")
        return Applied(Result.DONE, done)

    return outcome(perform)
