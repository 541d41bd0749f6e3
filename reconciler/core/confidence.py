"""Is the new slot good enough to go on? The reverse of `detection`: it clears where that accuses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from reconciler.core.counting import NOTHING, Counted
from reconciler.core.detection import average, expected, exponential, log_sum, played

BETTER = (0.1, 0.2, 0.4)  # odds, relative to those of a newcomer that is just too bad


@dataclass(frozen=True, slots=True)
class Confidence:
    """Rejects "the newcomer is at least `ratio` times as bad as stable", so that a step may advance at once. Clears
    one that is with probability at most `beta`, whenever and however often one looks.

    Two wealths, averaged. One is staked on "which slot does the next bad answer come from" as in `Race`, with odds
    below those of the ratio; its proof holds with all signs turned round. The other is staked on "bad answers are
    rarer than `ratio` times `floor`", for where nothing fails in either slot there is nothing to race on: stable
    counts as having at least the chance `floor` of a bad answer (0: no such thing). A newcomer that is too bad is too
    bad for both.

    No traffic leaves it undecided, as does stable without traffic if `floor` is 0."""

    beta: float = 0.05
    ratio: float = 5.0
    floor: float = 0.001
    grid: tuple[float, ...] = BETTER
    relative: tuple[float, ...] = ()  # logarithms of stakes
    absolute: tuple[float, ...] = ()
    newcomer: Counted = NOTHING
    stable: Counted = NOTHING
    sure: bool = False  # 1/beta was reached; stays

    def __post_init__(self) -> None:
        if not (0 < self.beta < 1 and self.ratio > 0 and 0 <= self.ratio * self.floor < 1):
            raise ValueError(
                f"beta {self.beta}, ratio {self.ratio}, floor {self.floor}: expected 0 < beta < 1, ratio > 0, and"
                " 0 <= ratio times floor < 1"
            )
        if not (self.grid and 0 < min(self.grid) <= max(self.grid) < 1):
            raise ValueError(f"grid {self.grid}: expected odds between 0 and 1")
        even = (-math.log(len(self.grid)),) * len(self.grid)
        object.__setattr__(self, "relative", self.relative or even)
        object.__setattr__(self, "absolute", self.absolute or even)

    def seen(self, *, newcomer: Counted, stable: Counted) -> Confidence:
        """After a look: what was counted in both slots since the look before."""
        if not newcomer.requests:
            return self
        after = replace(
            self,
            relative=self._raced(newcomer, stable),
            absolute=played(self.absolute, self.grid, newcomer.bad, newcomer.requests, self.ratio * self.floor),
            newcomer=self.newcomer + newcomer,
            stable=self.stable + stable,
        )
        return replace(after, sure=True) if not self.sure and after.e_value >= 1 / self.beta else after

    def _raced(self, newcomer: Counted, stable: Counted) -> tuple[float, ...]:
        if not stable.requests:
            return self.relative
        bad = newcomer.bad + stable.bad
        return played(self.relative, self.grid, newcomer.bad, bad, expected(newcomer, stable, self.ratio))

    @property
    def e_value(self) -> float:
        """The wealth now: 1 at first, and 1/beta is enough."""
        raced = exponential(log_sum(self.relative))
        return average((raced, exponential(log_sum(self.absolute)))) if self.floor else raced
