"""What one road showed in one window: what may be held against the newcomer, what speaks for it, and the account."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, takewhile

from reconciler.core.reading import Measure, Window
from reconciler.drivers.protocols import Sample

USERS = "users"
QUANTILES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Sampled:
    """`told` as `Samples.since` gives it, of all roads."""

    road: str
    window: Window
    told: Sequence[Sample]

    @cached_property
    def sent(self) -> list[Sample]:
        """In this window; whatever came of it."""
        return [one for one in self._own() if one.rung is None]

    @cached_property
    def complete(self) -> list[Sample]:
        """What speaks for a version: everything that was sent before the first request that has no answer yet. Those
        after it that were answered quickly do not stand for those that still hang."""
        return [one for one in takewhile(lambda one: not one.pending, self.sent) if not one.void]

    @cached_property
    def bad(self) -> list[Sample]:
        """Failures that are, or may be, the newcomer's; those of earlier weights of this transition too."""
        return [one for one in self._own() if one.bad and self._newcomers(one)]

    @cached_property
    def strange(self) -> list[Sample]:
        """Failures that are not the newcomer's."""
        return [one for one in self.sent if one.bad and not self._newcomers(one)]

    def void(self, least: int) -> str:
        """Why this road tells nothing about its slot, unless the latest `least` answers all do; else empty."""
        over = [one for one in self.sent if not one.pending][-least:]
        return next((one.error for one in reversed(over) if one.void), "")

    def without_stable(self, samples: Sequence[Sample]) -> list[Sample]:
        return [one for one in samples if self._newcomers(one)]

    def account(self) -> str:
        """`sent = ok + failed + unknown`, so that nobody has to ask where a request went."""
        sent, complete = self.sent, self.complete
        ok = sum(one.ok for one in sent)
        unknown = sum(one.status is None or one.void for one in sent)
        slow = f", p95 {shown(p95(complete))}, longest gap {shown(gap(complete))}" if complete else ""
        return f"{len(sent)} sent = {ok} ok + {len(sent) - ok - unknown} failed + {unknown} unknown{slow}"

    def measures(self) -> tuple[Measure, ...]:
        """For dashboards: what came of the requests, and how long those took that came to an end."""
        sent, complete = self.sent, self.complete
        ok = sum(one.ok for one in sent)
        unknown = sum(one.status is None or one.void for one in sent)
        came = {"ok": ok, "failed": len(sent) - ok - unknown, "unknown": unknown}
        slow = {f"{100 * part:g}": quantile(complete, part) for part in QUANTILES} if complete else {}
        return (
            *(Measure("requests", count, (self.road, result)) for result, count in came.items()),
            *(Measure("latency_seconds", seconds, (self.road, part)) for part, seconds in slow.items()),
        )

    def _own(self) -> list[Sample]:
        return [one for one in self.told if one.road == self.road]

    def _newcomers(self, sample: Sample) -> bool:
        """Whether it may be the newcomer's doing. On the users' road: never at weight 0, always at 100, and in between
        unless stable gave the answer. Only the app says who that was, so a newcomer that gives itself out for stable
        is not found by this road before 100; by the forced road, where the gateway tells, it is."""
        stable, newcomer = self.window.stable.slot, self.window.newcomer.slot
        rung = self.window.rung if sample.rung is None else sample.rung
        if sample.road != USERS or stable is newcomer or rung == 100:
            return True
        return rung > 0 and sample.slot != stable


def p95(samples: Sequence[Sample]) -> float:
    return quantile(samples, 0.95)


def quantile(samples: Sequence[Sample], part: float) -> float:
    """Seconds, nearest rank. A request without an answer took for ever: it must not make the rest look fast."""
    latencies = sorted(math.inf if sample.status is None else sample.latency for sample in samples)
    return latencies[math.ceil(part * len(latencies)) - 1]


def gap(samples: Sequence[Sample]) -> float:
    """Seconds: the longest time without the end of a good answer, from the first request to the last answer."""
    good = sorted(sample.start + sample.latency for sample in samples if sample.ok)
    begin, end = samples[0].start, max(sample.start + sample.latency for sample in samples)
    moments = [begin, *good, end]
    return max(later - earlier for earlier, later in pairwise(moments))


def story(bad: Sequence[Sample], total: int) -> str:
    """`3 of 40 requests failed, most often search by blue: status 500 instead of 200`."""
    kinds = Counter((one.step, (one.road == USERS and one.slot) or one.road, one.error) for one in bad)
    (step, slot, error), _ = kinds.most_common(1)[0]
    return f"{len(bad)} of {total} requests failed, most often {step} by {slot}: {error}"


def shown(seconds: float) -> str:
    return "without answer" if math.isinf(seconds) else f"{seconds * 1000:.0f} ms"
