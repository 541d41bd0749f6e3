"""What the journal knows of a pack: that it was finished, and with which manifest. Nothing in a pack by itself can show
that the latest one was not made anew from end to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from reconciler.core.events import EvidenceSealed
from reconciler.evidence.pack import chain, steps
from reconciler.evidence.pack.place import STEPS, Pack
from reconciler.journal.store import Journal

KIND = EvidenceSealed.__name__


@dataclass
class Seals:
    """Of one journal, which is read once for each environment."""

    journal: Journal
    _found: dict[str, dict[str, tuple[int, str]]] = field(default_factory=dict)

    def of(self, pack: Pack) -> tuple[int, str] | None:
        """The seq of the last entry that tells of this pack, and the digest that it names. Raises JournalError."""
        if pack.environment not in self._found:
            rows = (row for row in self.journal.rows(pack.environment) if row.kind == KIND)
            events = ((row.seq, row.entry().event) for row in rows)
            self._found[pack.environment] = {
                event.transition: (seq, event.digest) for seq, event in events if isinstance(event, EvidenceSealed)
            }
        return self._found[pack.environment].get(pack.transition)

    def contradictions(self, pack: Pack) -> Iterator[str]:
        """What the journal says otherwise, of a pack of its own. Raises EvidenceBroken and JournalError."""
        seal, digest = self.of(pack), chain.of(pack)
        if seal is None:
            yield "the journal does not know that it was ever finished"
        elif seal[1] != digest:
            yield f"it is not the one that the journal has sealed: entry {seal[0]} names SHA-256 {seal[1][:16]}"
        yield from self._entries(pack)

    def _entries(self, pack: Pack) -> Iterator[str]:
        found = steps.read(pack.file(STEPS))
        theirs = {row.seq: row.digest for row in (*found.rows, *found.others)}
        first, last = found.rows[0].seq, found.rows[-1].seq
        ours = {
            row.seq: row.digest for row in takewhile(lambda row: row.seq <= last, self.journal.rows(None, first - 1))
        }
        wrong = [seq for seq in sorted({*ours, *theirs}) if ours.get(seq) != theirs.get(seq)]
        if wrong:
            yield f"entry {wrong[0]} of its steps.jsonl is not the one in the journal"

    def knows(self, body: Mapping[str, Any]) -> bool:
        """Was the pack written by this journal's reconciler? Of another one's it can say nothing."""
        return bool(self.journal.id) and str(body["journal"]["id"]) == self.journal.id
