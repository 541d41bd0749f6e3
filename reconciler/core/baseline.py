"""When the old slot has no traffic: is the newcomer worse than a rate that was known before? This only ever alerts.

It takes a bad hour of everybody (a database, a network, the time of day) for the newcomer's fault, because nothing is
there to compare it with. `Race` does not; send synthetic requests to both slots where users go to one only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from reconciler.core.counting import NOTHING, Counted
from reconciler.core.detection import ERRORS, log_sum, played


@dataclass(frozen=True, slots=True)
class Baseline:
    """Does the newcomer fail more often than `chance`? For watching without end: a stake that is nearly lost begins
    anew.

    Per entry g of the grid, with e bad of n requests in a look: M <- max(1, M) g^e / (1 + chance (g - 1))^n, and an
    alarm when the mean of all M reaches 1/alpha (an e-detector of the CUSUM kind: Shin, Ramdas and Rinaldo, arXiv
    2203.03532). M begins anew, where it is below 1, not at each look but at every n-th. So it is never above the sum
    of n-th looks' own wealths of 1, and its mean at an alarm is at most the number of those: a healthy newcomer raises
    an alarm after (1/alpha - 1) * every looks on average, or later. With 600 and ten looks a second that is 16 hours;
    with 1 it would be 100 seconds."""

    chance: float
    alpha: float = 0.001
    grid: tuple[float, ...] = ERRORS
    every: int = 600
    stakes: tuple[float, ...] = ()
    looks: int = 0
    newcomer: Counted = NOTHING
    alarm: bool = False  # 1/alpha was reached; stays

    def __post_init__(self) -> None:
        if not (0 < self.chance <= 1 and 0 < self.alpha < 1 and self.every >= 1 and self.grid and min(self.grid) > 1):
            raise ValueError(
                f"chance {self.chance}, alpha {self.alpha}, every {self.every}, grid {self.grid}: expected"
                " 0 < chance <= 1, 0 < alpha < 1, every >= 1, and a grid of ratios above 1"
            )

    def seen(self, newcomer: Counted) -> Baseline:
        """After a look: what the newcomer answered since the look before."""
        if not newcomer.requests:
            return self
        begun = self.stakes or (0.0,) * len(self.grid)
        if self.looks % self.every == 0:
            begun = tuple([max(0.0, stake) for stake in begun])
        stakes = played(begun, self.grid, newcomer.bad, newcomer.requests, self.chance)
        reached = log_sum(stakes) - math.log(len(stakes)) >= -math.log(self.alpha)
        total = self.newcomer + newcomer
        return replace(self, stakes=stakes, looks=self.looks + 1, newcomer=total, alarm=self.alarm or reached)


def known_chance(objective: float, window: Counted, level: float = 0.001) -> float:
    """What the newcomer is held against: the objective, or what the window before the switch cannot exclude, if
    greater."""
    return max(objective, upper_bound(window, level))


def upper_bound(counted: Counted, level: float = 0.001) -> float:
    """The chance of a bad answer that is exceeded in truth with probability at most `level`: the p at which this few
    bad ones have that probability (Clopper and Pearson 1934), found by halving."""
    if not 0 < level < 1:
        raise ValueError(f"level {level}, expected 0 < level < 1")
    if counted.bad == counted.requests:
        return 1.0
    low, high = counted.bad / counted.requests, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(counted, middle) > level else (low, middle)
    return high


def at_most(counted: Counted, chance: float) -> float:
    """The probability of `counted.bad` or fewer bad ones (binomial), for a chance of at least bad/requests: the terms
    from the last one downwards, as long as they weigh anything."""
    n, k = counted.requests, counted.bad
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    term = total = math.exp(ways + k * math.log(chance) + (n - k) * math.log1p(-chance))
    for left in range(k, 0, -1):
        term *= left / (n - left + 1) * (1 - chance) / chance
        total += term
        if term < total * 1e-16:
            break
    return total
