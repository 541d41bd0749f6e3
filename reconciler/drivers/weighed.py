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
from reconciler.core.model import Counters

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Weighed:
    """One transition's evidence; implements `drivers.protocols.Evidence`. `sure` is how the present weight began."""

    errors: Race
    refused: Race
    enough: Confidence
    sure: Confidence
    objective: float  # the chance of a bad answer that is good enough
    here: Counted = NOTHING  # the newcomer's, at the present weight
    baseline: Baseline | None = None  # once stable has no users any more
    blind: int = 0  # looks that told nothing

    def seen(self, newcomer: Counters, stable: Counters) -> Weighed:
        own, other = _failed(newcomer), _failed(stable)
        return replace(
            self,
            errors=self.errors.seen(newcomer=own, stable=other),
            refused=self.refused.seen(newcomer=_refused(newcomer), stable=_refused(stable)),
            enough=self.enough.seen(newcomer=own, stable=other),
            here=self.here + own,
            baseline=self._alone(own) if own.requests and not other.requests else self.baseline,
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


def _failed(counted: Counters) -> Counted:
    """Some gateways count what found no connection as an error, and not as a request."""
    bad = max(counted.errors, counted.refused)
    return Counted(max(counted.requests, bad), bad)


def _refused(counted: Counters) -> Counted:
    return Counted(max(counted.requests, counted.errors, counted.refused), counted.refused)
