"""The one entry of an environment's map in a gateway that has maps (HAProxy, URL Rewrite): everything that a write
says, in one line, so that no request and no reader ever sees half of it.

    routing  BLUE/GREEN/ADMISSION/ADMISSION/FALLBACK/SEALED/GENERATION/SEQUENCE/JOURNAL

and `/by-hand` behind that where the script of a transition has written it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from reconciler.core.model import Admission, Pair, Routing, Slot
from reconciler.core.reading import Stamp

KEY = "routing"
NONE = "-"
BY_HAND = "by-hand"
CLOSED = Pair(Admission.CLOSED, Admission.CLOSED)


@dataclass(frozen=True, slots=True)
class Entry:
    """`routing` None: sealed, but never written; nobody is let in. `stamp` None: written by none of us."""

    routing: Routing | None = None
    stamp: Stamp | None = None
    sealed: int = 0

    @property
    def order(self) -> tuple[int, int]:
        """Rises with every commit: what is to survive a restart is the highest."""
        return self.sealed, self.stamp.sequence if self.stamp else 0

    def seal(self, generation: int) -> Entry:
        return replace(self, sealed=max(self.sealed, generation))

    def dump(self) -> str:
        routing, stamp = self.routing, self.stamp
        weights = (str(routing.weights.blue), str(routing.weights.green)) if routing else (NONE, NONE)
        admission = routing.admission if routing else CLOSED
        fallback = (routing.fallback if routing else None) or NONE
        hand = (BY_HAND,) if stamp and stamp.by_hand else ()
        by = (str(stamp.generation), str(stamp.sequence), quote(stamp.journal, safe="")) if stamp else ("0", "0", NONE)
        return "/".join((*weights, admission.blue, admission.green, fallback, str(self.sealed), *by, *hand))


STRANGE = Entry(Routing(Pair(0, 0)))  # what none of us wrote: it equals nothing that we ever did


def parse(text: str) -> Entry:
    """Raises ValueError for what none of us wrote, or somebody changed past recognition."""
    parts = text.split("/")
    by_hand = len(parts) == 10 and parts.pop() == BY_HAND
    if len(parts) != 9:
        raise ValueError(f"not an entry of ours: {text[:100]!r}")
    blue, green, *rest = parts
    admission, fallback = Pair(Admission(rest[0]), Admission(rest[1])), rest[2]
    routing = None
    if (blue, green) != (NONE, NONE):
        routing = Routing(_weights(blue, green), admission, Slot(fallback) if fallback != NONE else None)
    generation, sequence, journal = int(rest[4]), int(rest[5]), unquote(rest[6])
    stamp = Stamp(journal, generation, sequence, by_hand) if journal != NONE else None
    return Entry(routing, stamp, int(rest[3]))


def _weights(blue: str, green: str) -> Pair[int]:
    """Raises ValueError for what no write of ours could be."""
    found = Pair(int(blue), int(green))
    if min(found.blue, found.green) < 0 or found.blue + found.green != 100:
        raise ValueError(f"not weights of ours: {blue}/{green}")
    return found
