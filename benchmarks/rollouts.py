"""Simulated traffic for `detection.py`: 50 requests a second to the new slot, 450 to the old, ten looks a second.

Requests come at random (Poisson), each is bad by itself. Looks at which nothing was bad are not drawn one by one: they
are counted together, which changes no distribution.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from reconciler.core.counting import Counted

LOOKS = 10  # per second
NEW, OLD = 5.0, 45.0  # requests per look
MINUTE = 60 * LOOKS
SPREAD = 0.25  # of latencies: log-normal, so that P95 is 1.5 times the median


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time of constant chances of a bad answer."""

    seconds: int
    new: float
    old: float


@dataclass(frozen=True, slots=True)
class Look:
    """One at which something was bad, at `number` tenths of a second; or, as a sum, those at which nothing was."""

    number: int
    new: Counted
    old: Counted


@dataclass(frozen=True, slots=True)
class Rollout:
    looks: tuple[Look, ...]
    minutes: tuple[Counted, ...]  # the new slot's


def steady(seconds: int, new: float, old: float) -> list[Stretch]:
    return [Stretch(seconds, new, old)]


def outage() -> list[Stretch]:
    """Both slots fail 30 % of their requests for half a minute."""
    return [Stretch(120, 0.001, 0.001), Stretch(30, 0.3, 0.3), Stretch(450, 0.001, 0.001)]


def drift() -> list[Stretch]:
    """Both slots go from 0.1 to 0.2 % in ten minutes."""
    chances = [0.001 * (1 + second / 600) for second in range(600)]
    return [Stretch(1, chance, chance) for chance in chances]


def roll_out(random: Random, stretches: Sequence[Stretch]) -> Rollout:
    looks = tuple(bad_looks(random, stretches))
    return Rollout(looks, tuple(by_minute(random, stretches, looks)))


def bad_looks(random: Random, stretches: Sequence[Stretch]) -> Iterator[Look]:
    begin = 0
    for stretch in stretches:
        end = begin + stretch.seconds * LOOKS
        new, old = NEW * stretch.new, OLD * stretch.old
        number = begin + gap(random, new + old)
        while number <= end:
            bad = 1 + bisect(above_zero(new + old), random.random())
            own = sum(random.random() * (new + old) < new for _ in range(bad))
            good_new, good_old = poisson(random, NEW - new), poisson(random, OLD - old)
            yield Look(number, Counted(own + good_new, own), Counted(bad - own + good_old, bad - own))
            number += gap(random, new + old)
        begin = end


def gap(random: Random, mean: float) -> int:
    """Looks until the next one with something bad, of which there are `mean` per look."""
    return 1 + int(random.expovariate(mean)) if mean else MINUTE * 10**6


def every_second(random: Random, looks: Sequence[Look], chance: float, seconds: int) -> Iterator[Look]:
    """The looks with something bad, and in between, once a second, the sum of those without."""
    stops = {look.number: look for look in looks}
    begin = 0
    for number in sorted({*stops, *range(LOOKS, seconds * LOOKS + 1, LOOKS)}):
        quiet = number - begin - (number in stops)
        good = [Counted(poisson(random, mean * (1 - chance) * quiet)) for mean in (NEW, OLD)]
        yield Look(number, *good)
        if number in stops:
            yield stops[number]
        begin = number


def latencies(random: Random, requests: float) -> Iterator[float]:
    return (random.lognormvariate(math.log(0.1), SPREAD) for _ in range(poisson(random, requests)))


def by_minute(random: Random, stretches: Sequence[Stretch], looks: Sequence[Look]) -> Iterator[Counted]:
    """What Prometheus would tell of the new slot at the end of each minute, about that minute."""
    seconds = [stretch.new for stretch in stretches for _ in range(stretch.seconds)]
    minutes = [(Counted(), 0)] * (len(seconds) // 60)
    for look in looks:
        minute = (look.number - 1) // MINUTE
        counted, seen = minutes[minute]
        minutes[minute] = counted + look.new, seen + 1
    for minute, (counted, seen) in enumerate(minutes):
        chance = sum(seconds[minute * 60 : minute * 60 + 60]) / 60
        yield counted + Counted(poisson(random, NEW * (1 - chance) * (MINUTE - seen)))


def poisson(random: Random, mean: float) -> int:
    """From a table; a large one as the nearest normal, which at 200 is off by less than what is measured here."""
    if mean > 200:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    return bisect(table(mean), random.random())


@lru_cache(maxsize=10_000)
def table(mean: float) -> list[float]:
    """The chance of 0, of 0 or 1, ..."""
    term = total = math.exp(-mean)
    found = [total]
    while total < 1 - 1e-13 and len(found) < 400:
        term *= mean / len(found)
        total += term
        found.append(total)
    return found


@lru_cache(maxsize=10_000)
def above_zero(mean: float) -> list[float]:
    """The same for one more than 0, given that it is not 0."""
    zero, *rest = table(mean)
    return [(one - zero) / (1 - zero) for one in rest]
