"""The transition's slice of the journal: every entry as it lies there, what it says in words, and which planned step it
is. Its hashes are the journal's own, so nothing in it can be changed without one of them being wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from reconciler.core.events import Adopted, Began, Ended
from reconciler.errors import EvidenceBroken, JournalError
from reconciler.evidence.pack.agreement import Agreement, agree, key, tries
from reconciler.evidence.pack.foreign import content, parsed
from reconciler.journal.codec import canonical
from reconciler.journal.entry import Entry, Row
from reconciler.wording import describe

NONE: dict[str, Any] = {"steps": []}
KINDS = (int, str, int, str, str, float, int, str, str, str, str)  # of a row's columns
LARGEST = 1 << 28  # bytes: a million entries


@dataclass(frozen=True, slots=True)
class Slice:
    """From the entry by which a transition began to that by which it ended, or the last there is. `others`: what other
    environments wrote in between, without which nobody could tell that nothing of this one was left out."""

    rows: tuple[Row, ...]
    entries: tuple[Entry, ...]
    others: tuple[Row, ...] = ()

    @property
    def began(self) -> Began:
        event = self.entries[0].event
        assert isinstance(event, Began)
        return event

    @property
    def ended(self) -> Ended | None:
        event = self.entries[-1].event
        return event if isinstance(event, Ended) else None


def cut(rows: Iterable[Row], transition: str) -> Slice | None:
    """`rows` of one environment, in order, from any entry before the transition's first. None: it is not there. Raises
    JournalError for entries that this version does not know."""
    kept: list[Row] = []
    found: list[Entry] = []
    for row in rows:
        entry = row.entry()
        begins = isinstance(entry.event, Began)
        if begins and found:
            break
        if not found and not (isinstance(entry.event, Began) and entry.event.transition == transition):
            continue
        kept.append(row)
        found.append(entry)
        if isinstance(entry.event, Ended | Adopted):
            break
    return Slice(tuple(kept), tuple(found)) if found else None


def between(found: Slice, rows: Iterable[Row]) -> Slice:
    """With what others wrote. `rows`: of all environments, in order, from any entry before its first."""
    first, last = found.rows[0], found.rows[-1]
    if len(found.rows) == last.seq - first.seq + 1:
        return found
    within = (row for row in takewhile(lambda row: row.seq < last.seq, rows) if row.seq > first.seq)
    return replace(found, others=tuple(row for row in within if row.environment != first.environment))


def agreement(found: Slice, plans: Sequence[dict[str, Any]]) -> Agreement:
    """With the plan of the beginning, or after a change of policy with the last one, from there on."""
    planned = [step["key"] for step in (plans[-1] if plans else NONE)["steps"] if step["key"]]
    return agree(planned, [step.key for step in taken(found, plans)])


@dataclass(frozen=True, slots=True)
class Taken:
    """One step, as it was taken. `seqs`: of its intents, of which there are more where it had to be tried again."""

    key: str
    seqs: tuple[int, ...]


def taken(found: Slice, plans: Sequence[dict[str, Any]]) -> list[Taken]:
    """Every step since the last plan was made, with its tries; a late plan knows only what was still to come."""
    since = (plans[-1] if plans else NONE).get("since", 0)
    kept: list[Taken] = []
    for entry, again in zip(found.entries, tries(entry.event for entry in found.entries), strict=True):
        step = key(entry.event)
        if not step or entry.seq <= since:
            continue
        if again and kept:
            kept[-1] = replace(kept[-1], seqs=(*kept[-1].seqs, entry.seq))
        else:
            kept.append(Taken(step, (entry.seq,)))
    return kept


def lines(found: Slice, plans: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The lines of `steps.jsonl`."""
    numbered = zip(taken(found, plans), agreement(found, plans).pairs, strict=True)
    pairs = {seq: pair for step, pair in numbered for seq in step.seqs}
    ours = {row.seq: describe(entry.event) for row, entry in zip(found.rows, found.entries, strict=True)}
    for row in sorted((*found.rows, *found.others)):
        said: dict[str, Any] = {**row._asdict(), "data": json.loads(row.data)}
        if row.seq in ours:
            said["what"] = ours[row.seq]
        if row.seq in pairs:
            said["planned"] = pairs[row.seq]
        yield json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n"


def read(path: Path) -> Slice:
    """Raises EvidenceBroken for a line that is no entry of a journal, whose hash is wrong, or which does not follow."""
    try:
        rows = [_row(line) for line in content(path, LARGEST).splitlines()]
        for number, row in enumerate(rows):
            _check(row, rows[number - 1] if number else None)
        ours = tuple(row for row in rows if row.environment == rows[0].environment)
        entries = tuple(row.entry() for row in ours)
    except EvidenceBroken as error:
        raise EvidenceBroken(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    except (OSError, KeyError, TypeError, ValueError, RecursionError, JournalError) as error:
        raise EvidenceBroken(f"{path}: it cannot be read: {error}") from error
    if not entries or not isinstance(entries[0].event, Began) or ours[-1] != rows[-1]:
        raise EvidenceBroken(f"{path}: expected the entry by which a transition begins, and those after it")
    return Slice(ours, entries, tuple(row for row in rows if row.environment != rows[0].environment))


def _row(line: bytes) -> Row:
    said = parsed(line)
    row = Row(**{**{name: said[name] for name in Row._fields}, "data": canonical(said["data"])})
    for name, value, kind in zip(Row._fields, row, KINDS, strict=True):
        if type(value) is not kind:
            raise EvidenceBroken(f"the {name} of an entry is {str(value)[:40]!r}, expected {kind.__name__}")
    return row


def _check(row: Row, before: Row | None) -> None:
    if row.computed() != row.digest:
        raise EvidenceBroken(f"entry {row.seq} is not what the journal holds: its hash does not match")
    if before and row.seq != before.seq + 1:
        raise EvidenceBroken(f"entry {row.seq} does not follow entry {before.seq}: one was left out, or moved")
    if before and row.previous != before.digest:
        raise EvidenceBroken(f"entry {row.seq} is not chained to entry {before.seq}")
