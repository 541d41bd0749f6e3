"""Percentiles that can be computed again: every latency is counted by its tenth of a millisecond, none is sampled."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil

GRAIN = 10_000  # parts of a second
MOST = 1_000_000  # different ones: no request is waited for longer than they reach


@dataclass
class Latencies:
    """Of any number of requests, in as much memory as there are different tenths of a millisecond among them."""

    counts: Counter[int] = field(default_factory=Counter)

    def take(self, seconds: float) -> None:
        """Raises ValueError where there are more of them than any load generator gives."""
        if len(self.counts) >= MOST:
            raise ValueError(f"it is one of more than {MOST:,} different latencies")
        self.counts[round(seconds * GRAIN)] += 1

    def quantile(self, share: float) -> float | None:
        """Seconds: the smallest latency that at least `share` of all do not exceed (nearest rank). None: there is
        none."""
        rank, seen = ceil(share * self.counts.total()), 0
        for value in sorted(self.counts):
            seen += self.counts[value]
            if seen >= rank:
                return value / GRAIN
        return None

    @property
    def most(self) -> float | None:
        return max(self.counts) / GRAIN if self.counts else None
