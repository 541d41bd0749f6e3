"""What lies in git beside the desired state: votes, notes, a file that is put back. The loop's contract with it."""

from __future__ import annotations

from typing import Protocol

from reconciler.core.reading import GitReading, Vote
from reconciler.core.state import State
from reconciler.core.steps import Note, PutBack


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
