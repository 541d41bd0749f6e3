"""Is the new slot worse than the old one, given what both served so far? Tests that may be looked at after every
request.

Each test is a wealth that starts at 1 and is staked on "worse". If the truth is "not worse" it cannot be expected to
grow, whatever is staked and whenever one looks, so it ever reaches 1/alpha with probability at most alpha (Ville
1939). Sources: Lindon and Malek, arXiv 2011.03567; Lindon, Sanden and Shirikian, arXiv 2205.14762 (which slot did the
next error come from); Howard, Ramdas, McAuliffe and Sekhon, arXiv 1810.08240; Ramdas et al., arXiv 2210.01948
(wealth).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from reconciler.core.counting import NOTHING, Counted

# How many times worse than tolerated: what is staked on, in equal parts. Errors are rare and may jump a hundredfold;
# one in twenty is slow by definition (P95), so that "slow" cannot become more than twenty times as frequent.
ERRORS = tuple(2 * 250 ** (number / 11) for number in range(12))
SLOW = tuple(1.3 * (20 / 1.3) ** (number / 7) for number in range(8))

HALF = 256  # looks with something bad, until half of the reserve is staked


@dataclass(frozen=True, slots=True)
class Race:
    """Is the newcomer more than `tolerated` times as bad as stable? Accuses a healthy one with probability at most
    `alpha`.

    Only *which slot the next bad answer came from* is used, so what hits both slots alike cancels. With w the
    newcomer's share of the requests of a look, and no difference, a bad answer is the newcomer's with chance w;
    tolerating a ratio t, with t w / (t w + 1 - w); being g times worse than that raises the odds g times.

    Valid for tolerated = 1: given how many of a look's requests are bad, those of the newcomer are hypergeometric,
    which is below the binomial in convex order (Hoeffding 1963, theorem 4); the stakes are fair for the binomial.
    Valid for every t if the answers of a look are independent given the past, and the newcomer's average chance p of a
    bad one is at most t times stable's q: a stake becomes on average (1 + p (a - 1))^n (1 + q (b - 1))^k for n and k
    requests, a and b the factors for a bad answer; as 1 + x <= e^x that is at most exp(n p (a - 1) + k q (b - 1)),
    which is 1 at p = t q.

    `reserve` is kept out of the game at first and staked little by little, on a newcomer that gets worse only later:
    what was staked before it did is nearly lost by then. Money that is not staked is safe, so this changes nothing
    above."""

    alpha: float = 0.001
    tolerated: float = 1.0
    grid: tuple[float, ...] = ERRORS
    reserve: float = 0.2
    stakes: tuple[float, ...] = ()  # their logarithms, one per entry of `grid`; as a sum, not a mean
    looks: int = 0  # that had something bad
    newcomer: Counted = NOTHING  # all looks in which both slots had requests
    stable: Counted = NOTHING
    worse: bool = False  # 1/alpha was reached; stays, for the risk was spent then

    def __post_init__(self) -> None:
        if self.stakes:
            return
        if not (0 < self.alpha < 1 and self.tolerated > 0 and 0 <= self.reserve < 1):
            raise ValueError(
                f"alpha {self.alpha}, tolerated {self.tolerated}, reserve {self.reserve}: expected 0 < alpha < 1,"
                " tolerated > 0, 0 <= reserve < 1"
            )
        if not (self.grid and min(self.grid) > 1):
            raise ValueError(f"grid {self.grid}: expected ratios above 1")
        each = math.log((1 - self.reserve) / len(self.grid))
        object.__setattr__(self, "stakes", (each,) * len(self.grid))

    def seen(self, *, newcomer: Counted, stable: Counted) -> Race:
        """After a look: what was counted in both slots since the look before. A look at which one of them had no
        requests tells nothing, and is in no total."""
        if not (newcomer.requests and stable.requests):
            return self
        bad = newcomer.bad + stable.bad
        chance = expected(newcomer, stable, self.tolerated)
        stakes = played(self._raised(), self.grid, newcomer.bad, bad, chance) if bad else self.stakes
        looks = self.looks + (bad > 0)
        return replace(
            self,
            stakes=stakes,
            looks=looks,
            newcomer=self.newcomer + newcomer,
            stable=self.stable + stable,
            worse=self.worse or log_sum(stakes, self._kept(looks)) >= -math.log(self.alpha),
        )

    def _raised(self) -> Sequence[float]:
        """The stakes for the next look with something bad: a part of the reserve is laid upon them."""
        part = (self._kept(self.looks) - self._kept(self.looks + 1)) / len(self.grid)
        if not part:
            return self.stakes
        return [math.log(math.exp(stake) + part) if stake < 700 else stake for stake in self.stakes]

    def _kept(self, looks: int) -> float:
        """What is left of the reserve then."""
        return self.reserve * HALF / (HALF + looks)

    @property
    def log_e(self) -> float:
        """The natural logarithm of the wealth now, staked or not."""
        return log_sum(self.stakes, self._kept(self.looks))

    @property
    def e_value(self) -> float:
        """The wealth now; `inf` where it is too large for a float."""
        return exponential(self.log_e)


def expected(newcomer: Counted, stable: Counted, ratio: float) -> float:
    """The chance that a bad answer is the newcomer's, if it is `ratio` times as bad as stable."""
    weighted = ratio * newcomer.requests
    return weighted / (weighted + stable.requests)


def played(
    stakes: Sequence[float], grid: tuple[float, ...], hits: int, trials: int, chance: float
) -> tuple[float, ...]:
    """Stakes (logarithms) on "the odds are g times those of `chance`", after `hits` of `trials`: each gains the ratio
    of the likelihoods, g^hits / (1 + chance (g - 1))^trials."""
    gains = zip(stakes, *_odds(grid), strict=True)
    return tuple([stake + hits * log_g - trials * math.log1p(chance * more) for stake, log_g, more in gains])


@lru_cache(maxsize=64)
def _odds(grid: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """log g and g - 1, worked out once."""
    return tuple(math.log(g) for g in grid), tuple(g - 1 for g in grid)


def log_sum(logarithms: Sequence[float], more: float = 0.0) -> float:
    """log(sum of exp + more), where exp alone would overflow or vanish."""
    terms = [*logarithms, math.log(more)] if more else logarithms
    top = max(terms)
    return top + math.log(sum([math.exp(term - top) for term in terms]))


def exponential(logarithm: float) -> float:
    return math.exp(logarithm) if logarithm < 709 else math.inf


def average(e_values: Sequence[float]) -> float:
    """The evidence of several metrics together (errors, slow, refused): their mean is an e-value whatever they have to
    do with each other (Vovk and Wang 2021, arXiv 1912.06116). Compare it with 1/alpha."""
    if not e_values or not all(value >= 0 for value in e_values):
        raise ValueError(f"e-values {list(e_values)}, expected at least one, none negative, no NaN")
    return sum(e_values) / len(e_values)
