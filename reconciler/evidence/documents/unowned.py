"""For how long nobody owned the exclusive members, by the journal's slice alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.core.events import Applied, Began, Event, Intended, LetGo, StepPassed
from reconciler.core.model import Slot
from reconciler.core.steps import Act, Result, Start, Stop
from reconciler.evidence.access import moment
from reconciler.journal.entry import Entry


@dataclass(frozen=True, slots=True)
class Unowned:
    """`seconds`, over all hand-overs, those that were given up among them. Not `exact`: at most so many. When an old
    owner was read to have let go is not on record then, only when it was asked to last, and so owned still."""

    seconds: float
    exact: bool


def unowned(entries: Sequence[Entry]) -> Unowned | None:
    """Until each hand-over was over; `entries[0]` is the one by which the transition began. None: none was handed over,
    or it is not on record when an old owner ceased to be one (it had died by itself)."""
    began = entries[0].event
    assert isinstance(began, Began)
    course = _Course(began.stable.slot)
    for entry in entries:
        course.take(entry.event, moment(entry.at))
    return course.found


@dataclass
class _Course:
    stable: Slot
    found: Unowned | None = None  # as of the last hand-over that came to its end
    _sum: float = 0.0
    _exact: bool = True
    _known: bool = True
    _asked: float | None = None  # when the old owner was asked to let go, and so owned still
    _since: float | None = None  # nobody owns
    _returns: bool = False  # the open intent makes the old one the owner again
    _handed: set[str] = field(default_factory=set)
    _released: set[str] = field(default_factory=set)  # asked to let go, and not made the owner again since

    def take(self, event: Event, at: float) -> None:
        match event:
            case Intended(act):
                self._does(act, at)
            case Applied(Result.DONE) if self._returns:
                self._owned(at)
            case LetGo(names):
                self._ceased(names)
                self._since = at if self._since is None else self._since
            case StepPassed(handed=names) if names:
                self._owned(at)
                self._handed |= {*names}
                self.found = Unowned(self._sum, self._exact) if self._known else None

    def _does(self, act: Act, at: float) -> None:
        self._returns = False
        match act:
            case Stop(slot, names, owner=True) if slot is self.stable:
                self._exact = self._exact and self._since is None
                self._owned(at)  # it was read to own; or the member before it was read to have its new owner
                self._asked = at
                self._released |= {*names}
            case Start(slot, _, names, owner=True):
                self._returns = slot is self.stable
                self._starts(names)

    def _starts(self, names: Sequence[str]) -> None:
        """As owner, and that nobody was one may not be on record by itself."""
        if self._since is None and self._asked is not None:
            self._since, self._exact = self._asked, False
        if self._returns:
            self._released -= {*names}
        else:
            self._ceased(names)

    def _ceased(self, names: Sequence[str]) -> None:
        """Nobody owns these. Of one that was not asked to let go, nobody knows since when: it had died by itself."""
        self._known = self._known and (self._released | self._handed).issuperset(names)

    def _owned(self, at: float) -> None:
        self._sum += at - self._since if self._since is not None else 0.0
        self._since = self._asked = None
