"""What became of every request that was sent, and which windows it tells about. Values only: no clock, no process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from reconciler.core.reading import Window
from reconciler.drivers.protocols import Sample

CAPACITY = 200_000  # samples
WINDOWS = 64
OVERLAP = 60.0  # seconds; requests are sent in the order in which they are due, or at most this much out of order


@dataclass(frozen=True, slots=True)
class Opening:
    """When a window was first seen, and (since when, at which weight) was seen in those that it rose from."""

    at: float
    earlier: tuple[tuple[float, int], ...] = ()

    @property
    def begin(self) -> float:
        return self.earlier[0][0] if self.earlier else self.at

    def rung(self, start: float) -> int:
        """The weight of the earlier window in which a request was sent."""
        return next(rung for since, rung in reversed(self.earlier) if since < start)


class Seen:
    """Fed with what a generator says. A request is here from when it was sent, whether or not an answer comes."""

    def __init__(self) -> None:
        self._samples: OrderedDict[int, Sample] = OrderedDict()  # in the order in which they were sent
        self._pending: dict[int, int] = {}  # the generator's number of a request: our id
        self._openings: OrderedDict[Window, Opening] = OrderedDict()
        self._count = 0

    def sent(self, number: int, said: Mapping[str, Any]) -> None:
        self._count += 1
        self._pending[number] = self._count
        self._samples[self._count] = Sample(self._count, **said, latency=0.0, status=None, ok=False, pending=True)
        if len(self._samples) > CAPACITY:
            self._samples.popitem(last=False)

    def answered(self, number: int, said: Mapping[str, Any]) -> Sample | None:
        """What came of a request; None when it is too long ago to be known."""
        return self._settle(self._pending.pop(number, 0), **said)

    def unsent(self, number: int) -> None:
        """It could not be sent after all: nothing was asked, so nothing is unknown."""
        self._samples.pop(self._pending.pop(number, 0), None)

    def abandon(self, why: str) -> Sequence[tuple[int, Sample]]:
        """No more answers will be heard of. Those that were awaited, by the generator's numbers, tell nothing, neither
        good nor bad."""
        settled = [(number, self._settle(id_, void=True, error=why)) for number, id_ in self._pending.items()]
        self._pending.clear()
        return [(number, sample) for number, sample in settled if sample]

    def since(self, window: Window, now: float) -> Sequence[Sample]:
        """What was sent after `window` was first seen; before that, the failures of the windows that it rose from."""
        if window not in self._openings:
            self._openings[window] = self._opening(window, now)
        while len(self._openings) > WINDOWS:
            self._openings.popitem(last=False)
        opening = self._openings[window]
        recent = takewhile(lambda one: one.start > opening.begin - OVERLAP, reversed(self._samples.values()))
        return [told for one in recent if (told := _told(one, opening))][::-1]

    def _opening(self, window: Window, now: float) -> Opening:
        """Only a rise keeps what was seen to be wrong, and only if nothing else went wrong meanwhile. A window that
        opens anew at the same weight, at a lower one, or after the gateway was down, forgets it."""
        last = next(reversed(self._openings), None)
        if last is None or _story(last) != _story(window):
            return Opening(now)
        before = self._openings[last]
        return Opening(now, (*before.earlier, (before.at, last.rung)) if last.rung < window.rung else ())

    def _settle(self, id_: int, **said: Any) -> Sample | None:
        if id_ not in self._samples:
            return None
        self._samples[id_] = replace(self._samples[id_], pending=False, **said)
        return self._samples[id_]


def _story(window: Window) -> tuple[object, ...]:
    """What two windows must share, so that the later one goes on where the earlier one ended."""
    return window.transition, window.newcomer, window.fair


def _told(sample: Sample, opening: Opening) -> Sample | None:
    """What a sample tells about a window: all, or only that something failed, or nothing."""
    if sample.start > opening.at:
        return sample
    if sample.start > opening.begin and sample.bad:
        return replace(sample, rung=opening.rung(sample.start))
    return None
