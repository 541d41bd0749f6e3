"""The journal as lines for people: an intent and its outcome are one, what was replaced is struck through."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakValueDictionary

from reconciler.cli.layout import paint
from reconciler.core.events import Adopted, Applied, Began, Ended, Event, Intended, Phase, Rebound, Watched
from reconciler.core.steps import Result
from reconciler.evidence.struck import Marks
from reconciler.journal.entry import Entry
from reconciler.spelling import shown
from reconciler.wording import describe


@dataclass(eq=False, slots=True, weakref_slot=True)
class Line:
    """One thing that happened. `by`: what replaced it."""

    entry: Entry
    what: str
    by: Entry | None = None

    def parts(self) -> tuple[str, str]:
        """What still counts of it, and what does not. A change of policy replaces the steps of a transition only."""
        event = self.entry.event
        if self.by and isinstance(event, Began) and isinstance(self.by.event, Rebound):
            return f"{self.what}: ", ", ".join(describe(step) for step in event.steps)
        return ("", self.what) if self.by else (self.what, "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines; no `outcomes`: also those outside of a transition."""

    since: str = ""  # both in UTC as the journal writes it
    until: str = ""
    outcomes: frozenset[Phase] = frozenset()
    limit: int | None = None

    def holds(self, line: Line) -> bool:
        return self.since <= line.entry.at and (not self.until or line.entry.at <= self.until)


def lines(entries: Iterable[Entry], wanted: Wanted, *, joined: bool, heartbeats: bool = False) -> list[Line]:
    """The latest that are wanted, oldest first. However long the journal is, no more than these are held: what a later
    entry strikes is looked for among them."""
    marks, seen, kept = Marks(), WeakValueDictionary[int, Line](), _Kept(wanted)
    story = _Joined() if joined else _Single()
    for entry in entries:
        for old, new in marks.replaced(entry):
            if old.seq in seen:
                seen[old.seq].by = new
        if heartbeats or not _quiet(entry.event):
            for line in story.told(entry):
                seen[entry.seq] = line
                kept.take(line)
    for line in story.left():
        kept.take(line)
    return list(kept.lines)


def _quiet(event: Event) -> bool:
    """A heartbeat is worth a line when it tells that nobody could serve."""
    return isinstance(event, Watched) and not (event.tally and event.tally.out)


class _Story(Protocol):
    def told(self, entry: Entry) -> Iterator[Line]: ...
    def left(self) -> Iterator[Line]: ...


class _Single:
    def told(self, entry: Entry) -> Iterator[Line]:
        yield Line(entry, describe(entry.event))

    def left(self) -> Iterator[Line]:
        return iter(())


class _Joined:
    """An intent waits for its outcome."""

    def __init__(self) -> None:
        self._begun: dict[str, Entry] = {}

    def told(self, entry: Entry) -> Iterator[Line]:
        match entry.event:
            case Intended():
                self._begun[entry.environment] = entry
            case Applied() as outcome if entry.environment in self._begun:
                yield Line(entry, _done(self._begun.pop(entry.environment).event, outcome))
            case event:
                yield Line(entry, describe(event))

    def left(self) -> Iterator[Line]:
        return (Line(entry, f"{describe(entry.event)}: no outcome yet") for entry in self._begun.values())


@dataclass
class _Kept:
    """Of a transition whose outcome is asked for, the lines wait until it is known."""

    wanted: Wanted
    lines: deque[Line] = field(default_factory=deque)
    _waiting: dict[str, deque[Line]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = self._empty()

    def take(self, line: Line) -> None:
        name, event = line.entry.environment, line.entry.event
        if isinstance(event, Began):
            self._waiting[name] = self._empty()
        where = self._waiting.get(name) if self.wanted.outcomes else self.lines
        if where is not None and self.wanted.holds(line):
            where.append(line)
        if isinstance(event, Ended | Adopted):
            ended = self._waiting.pop(name, ())
            if isinstance(event, Ended) and event.phase in self.wanted.outcomes:
                both = sorted((*self.lines, *ended), key=lambda each: each.entry.seq)
                self.lines = deque(both, self.wanted.limit)

    def _empty(self) -> deque[Line]:
        return deque[Line](maxlen=self.wanted.limit)


def _done(intent: Event, outcome: Applied) -> str:
    assert isinstance(intent, Intended)
    came = "" if outcome.result is Result.DONE else f": {outcome.result}"
    why = f" - {outcome.reason}" if came and outcome.reason else ""
    return f"{describe(intent.act)}{came}{why}  [{intent.rule}]"


# ---- for people ------------------------------------------------------------------------------------------------------


def text(line: Line, *, terminal: bool) -> str:
    """Who wrote it is told of what people asked for; the rest is the loop's."""
    entry, (what, gone) = line.entry, (shown(part) for part in line.parts())
    who = "" if entry.generation else f"  ({shown(entry.actor)})"
    if line.by and terminal:
        what = f"{what}{paint(gone, strike=True)} -> #{line.by.seq}"
    elif line.by:
        what = f"{what}~~{gone}~~ {_instead(line.by)}"
    return f"{entry.seq:>6}  {entry.at[:23]}Z  {entry.environment}  {what}{who}"


def markdown(told: Sequence[Line]) -> list[str]:
    """A table for each environment."""
    found: list[str] = []
    for name in sorted({line.entry.environment for line in told}):
        rows = [_row(line) for line in told if line.entry.environment == name]
        head = ["| # | time (UTC) | who | what |", "|---:|---|---|---|"]
        found += [*([""] if found else []), f"## {name}", "", *head, *rows]
    return found


def _row(line: Line) -> str:
    what, gone = (_escaped(part) for part in line.parts())
    struck = f"~~{gone}~~ {_escaped(_instead(line.by))}" if line.by else ""
    entry = line.entry
    return f"| {entry.seq} | {entry.at[:19].replace('T', ' ')} | {_escaped(entry.actor)} | {what}{struck} |"


def _instead(by: Entry) -> str:
    return f"(replaced by #{by.seq}: {shown(describe(by.event))})"


def _escaped(words: str) -> str:
    """A reason is anybody's text: it stays in its cell, and is no markup."""
    plain = " ".join(words.splitlines()) + (" " if words.endswith(" ") else "")
    return re.sub(r"([\\`*\[\]<>|~])", r"\\\1", shown(plain).replace("&", "&amp;"))
