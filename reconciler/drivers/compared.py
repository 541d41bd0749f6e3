"""The evidence that our own requests give, sent to both slots by their forced roads: failed, and slow to answer.

Everything is computed from the samples, look by look in the order of sending, each time that the gate is asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.confidence import Confidence
from reconciler.core.counting import Counted, Quantile, slow
from reconciler.core.detection import SLOW, Race
from reconciler.core.explanation import Metric
from reconciler.drivers.protocols import Sample
from reconciler.drivers.sampled import Sampled

SECOND, BOTH = 1.0, 2.0  # a look is a second, or so long that this many requests go to each slot
LEAST = 20  # stable's answers, before there is a telling what is slow

Look = tuple[Sequence[Sample], Sequence[Sample]]  # the newcomer's, and stable's


@dataclass(frozen=True, slots=True)
class Compared:
    """What both slots did with the same requests at the same time."""

    errors: Race
    slow: Race
    enough: Confidence
    usual: Quantile  # of stable, from the past only
    tolerance: float  # by how much the newcomer may be slower, 0.2: by 20 %

    @staticmethod
    def begin(alpha: float, tolerated: float, enough: Confidence, tolerance: float) -> Compared:
        slow = Race(alpha, tolerated, SLOW)
        return Compared(Race(alpha, tolerated), slow, enough, Quantile(least=LEAST), tolerance)

    def after(self, look: Look, *, warm: bool) -> Compared:
        """`warm`: latency counts. The threshold is what was usual before this look."""
        newcomer, stable = look
        own, other = (Counted(len(one), sum(sample.bad for sample in one)) for one in look)
        told = replace(
            self,
            errors=self.errors.seen(newcomer=own, stable=other),
            enough=self.enough.seen(newcomer=own, stable=other),
            usual=self.usual.seen([sample.latency for sample in stable if sample.ok]),
        )
        threshold = self.usual.value
        if threshold is None or not warm:
            return told
        late, usual = _slow(newcomer, threshold, self.tolerance), _slow(stable, threshold, 0.0)
        return replace(told, slow=self.slow.seen(newcomer=late, stable=usual))

    @property
    def metrics(self) -> dict[Metric, Race]:
        return {Metric.ERRORS: self.errors, Metric.SLOW: self.slow}


def compared(begin: Compared, newcomer: Sampled, stable: Sampled, warm_up: float, rate: float) -> Compared:
    """Fold everything that both slots have answered, up to the first request that still waits in either."""
    length = max(SECOND, BOTH / rate)
    told, looks = begin, _looks(newcomer.complete, stable.complete, length)
    opened = min(looks, default=0)
    for look, found in sorted(looks.items()):
        told = told.after(found, warm=(look - opened) * length >= warm_up)
    return told


def _looks(newcomer: Sequence[Sample], stable: Sequence[Sample], length: float) -> Mapping[int, Look]:
    """Those that both have lived through to the end: of one that is not over yet a part would be judged for all."""
    over = min(max((sample.start for sample in each), default=0.0) for each in (newcomer, stable))
    found: dict[int, tuple[list[Sample], list[Sample]]] = defaultdict(lambda: ([], []))
    for at, each in enumerate((newcomer, stable)):
        for sample in each:
            if int(sample.start / length) < int(over / length):
                found[int(sample.start / length)][at].append(sample)
    return found


def _slow(samples: Sequence[Sample], threshold: float, tolerance: float) -> Counted:
    """Of those that were answered well; a failure is counted as one already."""
    good = [sample for sample in samples if sample.ok]
    return Counted(len(good), sum(slow(sample.latency, threshold, tolerance) for sample in good))
