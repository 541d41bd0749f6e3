"""The evidence that users' requests give, as the gateway counts them per slot: failed, refused, and enough of them.

Not capped: a gateway's counters do not tell clients apart, so one client that always fails may weigh as many do.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from reconciler.core.baseline import Baseline, known_chance
from reconciler.core.confidence import Confidence
from reconciler.core.counting import NOTHING, Counted
from reconciler.core.detection import Race, average
from reconciler.core.explanation import Metric
from reconciler.core.reading import Counters

Name = TypeVar("Name", bound=Hashable)
ALONE = 50  # requests of the newcomer without one of stable's: then stable has no users


@dataclass(frozen=True, slots=True)
class Weighed:
    """One transition's evidence; implements `drivers.protocols.Evidence`. `sure` is how the present weight began.

    The gateway is looked at ten times a second, and few users come: looks are held together until both slots had
    some, or the newcomer alone had many. That depends on requests and not on what came of them, so the risk stays.
    """

    errors: Race
    refused: Race
    enough: Confidence
    sure: Confidence
    objective: float  # the chance of a bad answer that is good enough
    here: Counted = NOTHING  # the newcomer's, at the present weight
    held: tuple[Counters, Counters] = (Counters(), Counters())  # looks that cannot be compared yet
    baseline: Baseline | None = None  # once stable has no users any more
    blind: int = 0  # looks that told nothing

    def seen(self, newcomer: Counters, stable: Counters) -> Weighed:
        held = _added(self.held[0], newcomer), _added(self.held[1], stable)
        told = replace(self, here=self.here + _failed(newcomer), held=held)
        own, other = _failed(held[0]).requests, _failed(held[1]).requests
        return told._compared() if (own and other) or own >= ALONE else told

    def _compared(self) -> Weighed:
        (own, other), refused = map(_failed, self.held), [_refused(one) for one in self.held]
        return replace(
            self,
            errors=self.errors.seen(newcomer=own, stable=other),
            refused=self.refused.seen(newcomer=refused[0], stable=refused[1]),
            enough=self.enough.seen(newcomer=own, stable=other),
            baseline=self.baseline if other.requests else self._alone(own),
            held=(Counters(), Counters()),
        )

    def unseen(self) -> Weighed:
        return replace(self, blind=self.blind + 1)

    def risen(self) -> Weighed:
        return replace(self, enough=self.sure, here=NOTHING)

    def _alone(self, own: Counted) -> Baseline:
        known = self.baseline or Baseline(known_chance(self.objective, self.errors.stable), self.errors.alpha)
        return known.seen(own)

    @property
    def metrics(self) -> dict[Metric, Race]:
        return {Metric.ERRORS: self.errors, Metric.REFUSED: self.refused}


def worst(metrics: Mapping[Name, Race]) -> tuple[Name, Race]:
    """The metric that speaks loudest against the newcomer."""
    return max(metrics.items(), key=lambda one: one[1].log_e)


def worse(metrics: Mapping[Name, Race], alpha: float) -> bool:
    """All of them together: the average of e-values is one, whatever they have to do with each other."""
    return average([race.e_value for race in metrics.values()]) >= 1 / alpha


def _added(one: Counters, other: Counters) -> Counters:
    return Counters(one.requests + other.requests, one.errors + other.errors, one.refused + other.refused)


def _failed(counted: Counters) -> Counted:
    """Some gateways count what found no connection as an error, and not as a request."""
    bad = max(counted.errors, counted.refused)
    return Counted(max(counted.requests, bad), bad)


def _refused(counted: Counters) -> Counted:
    return Counted(max(counted.requests, counted.errors, counted.refused), counted.refused)
