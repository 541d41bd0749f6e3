"""The exception tree. The *type* says whether trying again can help; the text says where, and what to do.

ReconcilerError
├── Unreachable        no answer, or none in time: the effect is unknown, look again later
├── Refused            the other side said no, or cannot: trying the same again will not help by itself
│   ├── Conflict       compare-and-set failed: the world is not what the command was computed from; read again
│   └── Fenced         somebody with a later generation owns this environment: stop acting
├── InvalidDesired     a manifest, a branch or a repository cannot be used; carries every problem found
├── InvalidConfiguration   the operator's file cannot be used
├── JournalError       the journal cannot be read or written: nothing may be done without it
│   ├── JournalMoved   another entry arrived between reading and appending: fold it and decide again
│   ├── JournalLocked  another reconciler runs on this journal
│   └── JournalBroken  the hash chain does not hold
├── EvidenceBroken     an evidence pack cannot be read, or is not what was written
│   └── EvidenceForeign    another version wrote it, in a format that this one does not know
└── UsageError         the command line asks for something that makes no sense
"""

from __future__ import annotations

from dataclasses import dataclass


class ReconcilerError(Exception):
    """Everything this product raises on purpose. `str(error)` is fit for an operator: no secret, no traceback."""


class Unreachable(ReconcilerError):
    """No answer within the deadline. What was asked may or may not have happened."""


class Refused(ReconcilerError):
    """A definite no; nothing was changed."""


class Conflict(Refused):
    """The world changed between the reading and the command, so the command was not applied."""


class Fenced(Refused):
    """A later generation has taken this environment over; this process must not act on it any more."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place of a file. `line` and `column` count from 1; 0 means the file as a whole."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class InvalidDesired(ReconcilerError):
    """Desired state that cannot be used. All problems at once, not the first only."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class InvalidConfiguration(ReconcilerError):
    """The operator's file cannot be used."""


class JournalError(ReconcilerError):
    """The journal cannot be read or written; without a record there is no act."""


class JournalMoved(JournalError):
    """Somebody appended for this environment since it was folded. Fold again, decide again."""


class JournalLocked(JournalError):
    """Another `reconcile run` holds this journal."""


class JournalBroken(JournalError):
    """An entry does not hash to what its successor recorded."""


class EvidenceBroken(ReconcilerError):
    """Evidence that cannot be read, or that does not follow from what it rests on."""


class EvidenceForeign(EvidenceBroken):
    """Evidence of another version, which this one can neither bear out nor contradict."""


class UsageError(ReconcilerError):
    """The command line asks for something that makes no sense; exit code 64."""
