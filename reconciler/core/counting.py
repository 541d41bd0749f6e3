"""What the statistics are fed with: requests and bad ones among them, which answer is slow, and how much one client
counts.

Nothing here decides anything. Every number is about one look, that is the time since the look before it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests that ended, and how many of them were bad. Raises ValueError where that cannot be."""

    requests: int = 0
    bad: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.bad <= self.requests:
            raise ValueError(f"{self.bad} bad of {self.requests} requests, expected 0 <= bad <= requests")

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.requests + other.requests, self.bad + other.bad)


NOTHING = Counted()
NOBODY: frozenset[str] = frozenset()

# Upper edges of the buckets of a `Quantile`, in seconds: 0.1 ms to 17 min, each 2 % above the one before. One more
# bucket holds what took longer, or never ended.
EDGES = tuple(0.0001 * 1.02**number for number in range(815))
BUCKETS = len(EDGES) + 1


@dataclass(frozen=True, slots=True)
class Quantile:
    """The latency, in seconds, that a share of all answers so far kept to. It is at most 2 % above the true one, never
    below, between 0.1 ms and 17 min: it is the upper edge of the bucket in which the true one lies (nearest rank). When
    more than `memory` answers are held all counts are halved, so that old ones fade."""

    share: float = 0.95
    memory: int = 200_000
    least: int = 100  # answers; with fewer there is no telling
    counts: tuple[int, ...] = (0,) * BUCKETS

    def seen(self, latencies: Iterable[float]) -> Quantile:
        """`inf` is a request that never got its answer. Raises ValueError on a negative one, or NaN."""
        counts = list(self.counts)
        for latency in latencies:
            counts[_bucket(latency)] += 1
        if sum(counts) > self.memory:
            counts = [count // 2 for count in counts]
        return replace(self, counts=tuple(counts))

    @property
    def value(self) -> float | None:
        """None: fewer than `least` answers; `inf`: too many never ended."""
        reached = list(accumulate(self.counts))
        if reached[-1] < self.least:
            return None
        bucket = bisect_left(reached, math.ceil(self.share * reached[-1]))
        return math.inf if bucket == BUCKETS - 1 else EDGES[bucket]


def _bucket(latency: float) -> int:
    if not latency >= 0:
        raise ValueError(f"a latency of {latency} s, expected 0 or more")
    return bisect_left(EDGES, latency)


def slow(latency: float, threshold: float, tolerance: float = 0.0) -> bool:
    """Whether an answer took more than the threshold, in seconds. The threshold is stable's `Quantile` *before* this
    look; `tolerance` is by how much the newcomer may be slower (0.1: by 10 %), and 0 for stable's own answers."""
    if not (latency >= 0 and threshold > 0 and tolerance >= 0):
        raise ValueError(
            f"latency {latency}, threshold {threshold}, tolerance {tolerance}: expected no NaN, and none below 0"
        )
    return latency > threshold * (1 + tolerance)


@dataclass(frozen=True, slots=True)
class Answer:
    """One request of a look: whose it was, and whether the newcomer answered it (otherwise stable)."""

    client: str
    newcomer: bool
    bad: bool


@dataclass(frozen=True, slots=True)
class Capped:
    """What of one look counts, and the clients of which something bad was counted, in this look or before."""

    newcomer: Counted
    stable: Counted
    known: frozenset[str]


def capped(answers: Iterable[Answer], most: int = 1, known: frozenset[str] = NOBODY) -> Capped:
    """At most `most` requests of each client, bad ones first, **whichever slot answered**. The kept ones are all that
    is counted, good and bad.

    Why this is valid: which answers are kept depends on clients and outcomes, never on the slot. If the slots are
    alike, then each kept answer is the newcomer's with the same chance, so the bad among the kept are hypergeometric,
    and that is all that `Race` asks for. Capping each slot by itself would not do: a client that always fails has more
    requests in the larger slot, loses more of them to the cap there, and makes the smaller slot look worse.

    Where sessions stick, what is drawn is the client and not the request: use `most=1`. Then one client that fails
    whatever happens fails in the same slot at every look; `known` leaves it out, with all its answers, once something
    bad of it was counted: pass what the look before gave. It costs sight where there are few clients."""
    if most < 1:
        raise ValueError(f"at most {most} requests of each client, expected 1 or more")
    kept: Counter[str] = Counter()
    bad: set[str] = set()
    counted = {True: NOTHING, False: NOTHING}
    for answer in sorted(answers, key=attrgetter("bad"), reverse=True):
        if answer.client not in known and kept[answer.client] < most:
            kept[answer.client] += 1
            counted[answer.newcomer] += Counted(1, int(answer.bad))
            if answer.bad:
                bad.add(answer.client)
    return Capped(counted[True], counted[False], known | bad)
