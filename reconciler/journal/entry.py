"""One entry of the journal: a fact, who wrote it, when, and the hash that chains it to the entry before it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from reconciler.core.events import Event
from reconciler.errors import JournalBroken, JournalError
from reconciler.journal.codec import canonical, dump, load

SCHEMA = 1
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """`seq` counts over all environments; `at` is the wall clock, for people only."""

    seq: int
    environment: str
    schema: int
    actor: str
    at: str
    elapsed: float  # watched seconds since this environment's previous entry
    generation: int  # of whoever wrote it; 0 for an operator's request
    event: Event
    previous: str
    digest: str


class Row(NamedTuple):
    """An entry as it lies in a table. The digest covers exactly these columns, so no byte of them can change unseen."""

    seq: int
    environment: str
    schema: int
    actor: str
    at: str
    elapsed: float
    generation: int
    kind: str
    data: str
    previous: str
    digest: str = ""

    def computed(self) -> str:
        """SHA-256, hexadecimal, over `previous` and the canonical JSON of every other column."""
        columns = self._asdict()
        del columns["digest"]
        return sha256((columns.pop("previous") + canonical(columns)).encode()).hexdigest()

    def entry(self) -> Entry:
        """Raises JournalError for a schema or a kind that this version does not know."""
        if self.schema != SCHEMA:
            raise JournalError(
                f"entry {self.seq} has schema version {self.schema}, this version of reconcile knows {SCHEMA}: "
                "use the version that wrote it, or a later one"
            )
        event = load(self.kind, self.data)
        return Entry(*self[:7], event, self.previous, self.digest)


def seal(
    seq: int, environment: str, event: Event, *, actor: str, at: str, elapsed: float, generation: int, previous: str
) -> Row:
    """The row of a new entry that follows the one whose digest is `previous`. Raises JournalError."""
    kind, data = dump(event)
    elapsed = float(elapsed) + 0.0  # no negative zero: a database would not keep it
    row = Row(seq, environment, SCHEMA, actor, at, elapsed, generation, kind, data, previous)
    try:
        return row._replace(digest=row.computed())
    except ValueError as error:
        raise JournalError(f"{kind} of {environment} cannot be written to the journal: {error}") from error


def check(row: Row, seq: int, previous: str) -> None:
    """Raises JournalBroken unless `row` is the entry `seq` that follows the digest `previous`."""
    if row.seq != seq:
        raise JournalBroken(f"entry {seq} is missing from the journal: the next one is {row.seq}")
    try:
        whole = row.previous == previous and row.computed() == row.digest
    except (TypeError, ValueError):
        whole = False
    if not whole:
        raise JournalBroken(f"entry {seq} is not what was written: its hash does not match; restore the journal's copy")
