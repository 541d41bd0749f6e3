"""Lines that are set aside because many of them in a row were refused, as by a collector that takes none of a certain
age: they are gone through in parts, behind all newer ones, until each is taken, or known to be refused itself."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from itertools import accumulate

from reconciler.drivers.logs.sending import Send, Unfit
from reconciler.logs.kept import Batch, Kept, Place
from reconciler.logs.position import Part, Position

LINES, BYTES = 500, 1 << 20  # of a batch, at most


class Sifter:
    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._most = LINES  # half as many after each refusal, down to the one line that is at fault

    def step(self, at: Position, send: Send) -> Position:
        """One request; the position after it. Raises OSError, and ReconcilerError when it has to be done again."""
        begin, end = at.aside[0]
        batch = self._kept.read(begin, min(self._most, end - begin.number), BYTES)
        first = batch.after.number - len(batch.lines)
        if batch.lost or not batch.lines:  # what is gone from this disk
            gone = min(max(first, begin.number), end) - begin.number
            return _moved(replace(at, lost=at.lost + gone), Place(batch.after.piece, 0, first))
        refused = self._refused(batch, send)
        return at if refused is None else _moved(replace(at, refused=at.refused + refused), batch.after)

    def _refused(self, batch: Batch, send: Send) -> int | None:
        """How many of them will never be taken; None: that is not known yet, and fewer are tried next."""
        try:
            thrown_away = send.send(batch.lines)
        except Unfit:
            if len(batch.lines) == 1:
                return 1
            self._most = len(batch.lines) // 2
            return None
        self._most = min(LINES, self._most * 2)
        return thrown_away


def edge(kept: Kept, send: Send, refused: Place, newest: Place) -> Place | None:
    """Between a line that is refused and the newest: where those begin that are taken, if it is their age that decides;
    None where not even the newest is. Some are sent for it, one at a time. Raises OSError, and ReconcilerError."""

    def taken(place: Place) -> bool:
        try:
            send.send(kept.read(place, 1, BYTES).lines)
        except Unfit:
            return False
        return True

    if newest.number <= refused.number or not taken(newest):
        return None
    parts = _parts(kept, refused, newest)
    later = bisect_left(parts, True, 1, key=taken)
    lines = [place for place in _places(kept, parts[later - 1]) if place < newest]
    found = bisect_left(lines, True, 1, key=taken)
    return lines[found] if found < len(lines) else parts[later] if later < len(parts) else newest


def _parts(kept: Kept, first: Place, end: Place) -> list[Place]:
    """Where each batch would begin."""
    parts = [first]
    while (after := kept.read(parts[-1], LINES, BYTES).after) < end:
        parts.append(after)
    return parts


def _places(kept: Kept, place: Place) -> list[Place]:
    """Of each line of the batch that begins there."""
    batch = kept.read(place, LINES, BYTES)
    sizes = [len(line) + 1 for line in batch.lines]
    piece, begin, first = batch.after.piece, batch.after.offset - sum(sizes), batch.after.number - len(sizes)
    return [Place(piece, begin + offset, first + at) for at, offset in enumerate([0, *accumulate(sizes[:-1])])]


def _moved(at: Position, to: Place) -> Position:
    (_, end), *others = at.aside
    return replace(at, aside=(*([Part(to, end)] if to.number < end else []), *others))
