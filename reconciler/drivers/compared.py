"""The evidence that our own requests give, sent to both slots by their forced roads: failed, and slow to answer.

Everything is computed from the samples, second by second in the order of sending, each time that the gate is asked.
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

SECOND = 1.0
LEAST = 20  # stable's answers, before there is a telling what is slow

Second = tuple[Sequence[Sample], Sequence[Sample]]  # the newcomer's, and stable's


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

    def after(self, second: Second, *, warm: bool) -> Compared:
        """`warm`: latency counts. The threshold is what was usual before this second."""
        newcomer, stable = second
        own, other = (Counted(len(one), sum(sample.bad for sample in one)) for one in second)
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


def compared(begin: Compared, newcomer: Sampled, stable: Sampled, warm_up: float) -> Compared:
    """Fold everything that both slots have answered, up to the first request that still waits in either."""
    told, seconds = begin, _seconds(newcomer.complete, stable.complete)
    opened = min(seconds, default=0)
    for second, found in sorted(seconds.items()):
        told = told.after(found, warm=(second - opened) * SECOND >= warm_up)
    return told


def _seconds(newcomer: Sequence[Sample], stable: Sequence[Sample]) -> Mapping[int, Second]:
    """Whole seconds that both have lived through: one that is not over yet would be counted twice in part."""
    over = min(max((sample.start for sample in each), default=0.0) for each in (newcomer, stable))
    found: dict[int, tuple[list[Sample], list[Sample]]] = defaultdict(lambda: ([], []))
    for at, each in enumerate((newcomer, stable)):
        for sample in each:
            if int(sample.start / SECOND) < int(over / SECOND):
                found[int(sample.start / SECOND)][at].append(sample)
    return found


def _slow(samples: Sequence[Sample], threshold: float, tolerance: float) -> Counted:
    """Of those that were answered well; a failure is counted as one already."""
    good = [sample for sample in samples if sample.ok]
    return Counted(len(good), sum(slow(sample.latency, threshold, tolerance) for sample in good))
