"""What the judge looks at, one after the other: an entry, and what was remembered before it; and what it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.events import Intended
from reconciler.core.history import fold
from reconciler.core.state import State
from reconciler.core.steps import Route, Start, Stop
from reconciler.journal.entry import Entry


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that was broken, and the journal's entry by which it shows."""

    law: int
    seq: int
    message: str

    def __str__(self) -> str:
        return f"law {self.law}, entry {self.seq}: {self.message}"


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of one environment, and what was remembered before it."""

    before: State
    entry: Entry
    exclusive: frozenset[str] = frozenset()  # members that anybody ever owns, in the whole record

    @property
    def route(self) -> Route | None:
        event = self.entry.event
        return event.act if isinstance(event, Intended) and isinstance(event.act, Route) else None


def _owned(entry: Entry) -> tuple[str, ...]:
    act = entry.event.act if isinstance(entry.event, Intended) else None
    return act.members if isinstance(act, Start | Stop) and act.owner else ()


def steps(entries: Sequence[Entry]) -> Iterator[Step]:
    """`entries` from the environment's first on."""
    state, exclusive = State(), frozenset(name for entry in entries for name in _owned(entry))
    for entry in entries:
        yield Step(state, entry, exclusive)
        state = fold(state, entry.event, elapsed=entry.elapsed, seq=entry.seq)
