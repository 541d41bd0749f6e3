"""What the statistics let us expect of `rollback.py`: the gate's own rule on simulated traffic of the same rates."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from detection import ALPHA, BASE, Decision
from rollouts import LOOKS, poisson

from reconciler.core.reading import Counters
from reconciler.drivers.gates import regression
from reconciler.drivers.weighed import worse


def decisions(share: float, rates: tuple[float, float], many: int) -> Iterator[Decision]:
    """Of so many rollouts of a version that fails in `share` of its requests. `rates`: newcomer's and stable's, per
    second; stable is healthy."""
    for number in range(many):
        yield decision(Random(f"rollback {share} {number}"), share, rates)


def decision(random: Random, share: float, rates: tuple[float, float]) -> Decision:
    """Ten looks a second, as the loop has them; errors and refusals weighed together, as the gate does it."""
    evidence, errors, looks = regression.begin(regression.Settings()), 0, 0
    while not worse(evidence.metrics, ALPHA):
        newcomer, stable = look(random, share, rates[0] / LOOKS), look(random, BASE, rates[1] / LOOKS)
        evidence = evidence.seen(newcomer, stable)
        errors, looks = errors + newcomer.errors, looks + 1
    return Decision(looks / LOOKS, errors)


def look(random: Random, chance: float, requests: float) -> Counters:
    bad = poisson(random, requests * chance)
    return Counters(bad + poisson(random, requests * (1 - chance)), bad)
