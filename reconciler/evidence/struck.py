"""What was replaced, and by what. Nothing is ever deleted from the journal: what is void is shown struck through.

Facts (what was measured, applied, decided) are never replaced; intentions of people and of git are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.core.events import (
    Accepted,
    Adopted,
    ApprovalAsked,
    ApprovalVoided,
    Approved,
    Began,
    Ended,
    HoldBegan,
    PausedByRule,
    Phase,
    Rebound,
    Requested,
    RequestRefused,
    StagePassed,
    Verb,
)
from reconciler.core.model import Stage
from reconciler.journal.entry import Entry

LASTING = (Verb.PAUSE, Verb.SUSPEND, Verb.DOWN)  # until `resume`; what is done at once replaces nothing
Replaced = tuple[Entry, Entry]
"""The entry that does not count any more, and the one that stands in its place."""


def struck(entries: Iterable[Entry]) -> Mapping[int, int]:
    """The seq of every entry that was replaced, and of what replaced it. `entries`: in order, of any environments."""
    marks = Marks()
    return {old.seq: new.seq for entry in entries for old, new in marks.replaced(entry)}


class Marks:
    """One pass over the journal. Only a later entry can replace one, so all that is remembered of an environment is the
    little that still can be: its desired state, its transition, what is asked."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    def replaced(self, entry: Entry) -> Iterator[Replaced]:
        """What `entry` brings to an end. The same entry may be replaced twice; the later time counts."""
        return self._open.setdefault(entry.environment, _Open()).after(entry)


@dataclass(slots=True)
class _Open:
    """Of one environment: what something later may replace."""

    accepted: Entry | None = None
    began: Entry | None = None
    policy: Entry | None = None  # whose steps are in force: of what began, or of the last change under way
    superseding: Entry | None = None  # came into force since then, and does not fit it
    asked: dict[Verb, Entry] = field(default_factory=dict)
    approvals: dict[Stage, list[Entry]] = field(default_factory=dict)
    over: frozenset[Stage] = frozenset()  # stages of which nothing that is found is any news

    def after(self, entry: Entry) -> Iterator[Replaced]:
        match entry.event:
            case Accepted():
                yield from self._came_into_force(entry)
            case Began():
                self._transition(entry)
            case Rebound():
                yield from self._rebound(entry)
            case HoldBegan() | PausedByRule():
                yield from self._found(entry)
            case StagePassed(Stage.PREFLIGHT):
                self.over = frozenset({Stage.PREFLIGHT, Stage.MIGRATE})
            case Ended(phase):
                if self.began and phase is Phase.SUPERSEDED:
                    yield self.began, self.superseding or entry
                self._transition(None)
            case Adopted():
                self._transition(None)
                self.asked.pop(Verb.ADOPT, None)
            case ApprovalAsked(stage) | ApprovalVoided(stage):
                yield from ((old, entry) for old in self.approvals.pop(stage, ()))
                if isinstance(entry.event, ApprovalAsked):
                    self.approvals[stage] = [entry]
            case Approved(stage):
                self.approvals.setdefault(stage, []).append(entry)
            case Requested(verb):
                yield from self._request(entry, verb)
            case RequestRefused(verb):
                self.asked.pop(verb, None)

    def _came_into_force(self, entry: Entry) -> Iterator[Replaced]:
        assert isinstance(entry.event, Accepted)
        before = self.accepted.event if self.accepted else None
        if self.accepted and isinstance(before, Accepted) and before.digest != entry.event.digest:
            yield self.accepted, entry
        self.accepted = entry
        policy = self.policy.event if self.policy else None
        fits = isinstance(policy, Began | Rebound) and policy.digest == entry.event.digest
        self.superseding = entry if self.began and not fits else None

    def _rebound(self, entry: Entry) -> Iterator[Replaced]:
        """Another policy: nobody has approved anything of it."""
        if self.policy:
            yield self.policy, entry
        self.policy, self.superseding, self.over = entry, None, frozenset()
        yield from self._found(entry)

    def _found(self, entry: Entry) -> Iterator[Replaced]:
        """Whoever approved what comes next is asked again."""
        for stage in [stage for stage in self.approvals if stage not in self.over]:
            yield from ((old, entry) for old in self.approvals.pop(stage))

    def _transition(self, began: Entry | None) -> None:
        self.began = self.policy = began
        self.superseding, self.over = None, frozenset()
        self.approvals.clear()
        self.asked.pop(Verb.HANDOVER, None)

    def _request(self, entry: Entry, verb: Verb) -> Iterator[Replaced]:
        for earlier in LASTING if verb is Verb.RESUME else (verb,):
            if earlier in self.asked:
                yield self.asked.pop(earlier), entry
        if verb in (*LASTING, Verb.ADOPT, Verb.HANDOVER):
            self.asked[verb] = entry
