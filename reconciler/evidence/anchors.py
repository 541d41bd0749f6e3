"""What git remembers of the journal: a chain that was cut off at its end is whole in itself, and found out only so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from reconciler.journal.entry import Entry


class Anchor(Protocol):
    """What a note says of the journal at the moment at which it was written."""

    @property
    def revision(self) -> str: ...

    @property
    def journal(self) -> str: ...

    @property
    def entry(self) -> int: ...

    @property
    def digest(self) -> str: ...


def contradictions(anchors: Iterable[Anchor], journal: str, entries: Iterable[Entry]) -> list[str]:
    """Notes about this journal that it does not bear out, as sentences. Notes of other journals say nothing of it.
    Memory: one line per note."""
    ours = [anchor for anchor in anchors if anchor.journal == journal]
    wanted = {anchor.entry for anchor in ours}
    found = {entry.seq: entry.digest for entry in entries if entry.seq in wanted}
    return [_told(anchor, found.get(anchor.entry)) for anchor in ours if found.get(anchor.entry) != anchor.digest]


def _told(anchor: Anchor, found: str | None) -> str:
    what = "is not there: the journal was cut off" if found is None else "is another one: the journal was replaced"
    return f"git's note at {anchor.revision[:12]} knows entry {anchor.entry} of this journal, which {what}"


def strangers(anchors: Iterable[Anchor], journal: str) -> int:
    """How many notes were written by other journals: before a loss, or by another reconciler."""
    return sum(anchor.journal != journal for anchor in anchors)
