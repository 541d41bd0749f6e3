"""Every outcome of one look with its probability, exactly; and looks at simulated traffic, from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from fractions import Fraction

from reconciler.core.counting import Counted

Look = tuple[Counted, Counted]  # newcomer, stable


def ways(newcomer: int, stable: int, bad: int) -> Iterator[tuple[Fraction, int]]:
    """Both slots alike and `bad` of all requests bad: how probably the newcomer has how many of them."""
    total = math.comb(newcomer + stable, bad)
    for own in range(max(0, bad - stable), min(newcomer, bad) + 1):
        yield Fraction(math.comb(newcomer, own) * math.comb(stable, bad - own), total), own


def outcomes(requests: int, chance: float) -> Iterator[tuple[float, int]]:
    """How probably how many of the requests are bad, each with the same chance and by itself."""
    for bad in range(requests + 1):
        yield math.comb(requests, bad) * chance**bad * (1 - chance) ** (requests - bad), bad


def poisson(random_: random.Random, mean: float) -> int:
    """By inversion; for small means."""
    count, term = 0, math.exp(-mean)
    left = random_.random() - term
    while left > 0 and count < 1000:
        count += 1
        term *= mean / count
        left -= term
    return count


def slot(random_: random.Random, requests: float, chance: float) -> Counted:
    bad = poisson(random_, requests * chance)
    return Counted(bad + poisson(random_, requests * (1 - chance)), bad)


def looks(random_: random.Random, newcomer: float, stable: float, seconds: float = 600) -> Iterator[Look]:
    """Ten looks a second, 50 requests a second to the newcomer and 450 to stable; the chances of a bad answer."""
    for _ in range(int(seconds * 10)):
        yield slot(random_, 5, newcomer), slot(random_, 45, stable)
