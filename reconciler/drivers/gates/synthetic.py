"""Gate `synthetic`: judge a steady synthetic journey, by the newcomer's forced road and by the road that users take.

The requests are sent by a sampler (`measure/`), long before and after this gate is asked; here they are only judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.core.model import Outcome, Slot
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.journey import Journey
from reconciler.drivers.journey_written import MAX_RATE, JourneyWritten, Rate
from reconciler.drivers.protocols import GateContext, Road, Sample, reading
from reconciler.drivers.sampled import USERS, Sampled, p95, shown, story
from reconciler.drivers.thresholds import Threshold, Unit, threshold
from reconciler.durations import Duration


def _errors(text: str) -> Threshold:
    return threshold(text, Unit.COUNT, Unit.PERCENT, upper=True)


def _slowest(text: str) -> Threshold:
    return threshold(text, Unit.SECONDS, upper=True)


def _check_errors(text: str) -> str:
    _errors(text)
    return text


def _check_slowest(text: str) -> str:
    _slowest(text)
    return text


class Roads(StrEnum):
    FORCED = "forced"  # to the newcomer, whatever the weights
    USERS = "users"  # as users go, to whichever slot
    BOTH = "both"


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    journey: JourneyWritten = Field(min_length=1, max_length=50)
    road: Roads = Roads.BOTH
    rate: Rate = Field(5.0, gt=0, le=MAX_RATE, description="Requests per second and road.")
    timeout: Duration = Field(2.0, gt=0, le=60, description="For one request.")
    errors: Annotated[str, AfterValidator(_check_errors)] = Field(
        "<= 0", pattern=r"^<=? *[0-9.]+ *%?$", description="All roads together as a number, each road as a percentage."
    )
    p95: Annotated[str, AfterValidator(_check_slowest)] | None = Field(None, pattern=r"^<=? *[0-9.]+ *(ms|s|m|h)$")
    minimum_samples: int = Field(20, ge=1, le=100_000, strict=True, description="Per road.")

    def names(self, newcomer: Slot) -> tuple[str, ...]:
        """The roads that are judged."""
        forced = () if self.road is Roads.USERS else (str(newcomer),)
        return forced if self.road is Roads.FORCED else (*forced, USERS)


def plan(settings: Settings, roads: Mapping[str, Road], begun: Window) -> Journey:
    """What a sampler must send for this gate to be judged."""
    steps = tuple(request.step() for request in settings.journey)
    wanted = {name: roads[name] for name in settings.names(begun.newcomer.slot)}
    return Journey(steps, wanted, settings.rate, settings.timeout)


class SyntheticGate:
    def __init__(self, context: GateContext, settings: Settings) -> None:
        self._context, self._settings = context, settings
        self._errors = _errors(settings.errors)
        self._slowest = _slowest(settings.p95) if settings.p95 else None

    def run(self, window: Window) -> GateReading:
        if self._context.samples is None:
            return reading(window, self._context.name, Outcome.ERROR, "no sampler runs for this gate")
        source = self._context.samples(self._context.name)
        told = source.since(window)
        roads = [Sampled(name, window, told) for name in self._settings.names(window.newcomer.slot)]
        outcome, reason = self._judge(roads, source.problem())
        if strange := [sample for road in roads for sample in road.strange]:
            reason += f"; not held against it: {story(strange, _sent(roads))}"
        value = "; ".join(f"{road.road}: {road.account()}" for road in roads)
        samples = sum(not sample.pending for road in roads for sample in road.sent)
        measures = tuple(measure for road in roads for measure in road.measures())
        said = {"value": value, "limit": self._limit(), "samples": samples, "measures": measures}
        return reading(window, self._context.name, outcome, reason, **said)

    def _judge(self, roads: Sequence[Sampled], problem: str) -> tuple[Outcome, str]:
        """What was seen to be wrong stays wrong, even if nothing more can be seen; all else needs enough samples, and
        an answer to everything that was sent before them."""
        bad = [sample for road in roads for sample in road.bad]
        if self._errors.unit is Unit.COUNT and not self._errors.holds(len(bad)):
            return Outcome.FAILED, _all_failures(bad, roads)
        if problem:
            return Outcome.ERROR, problem
        for road in roads:
            if void := road.void(self._settings.minimum_samples):
                return Outcome.ERROR, f"by the road '{road.road}': {void}"
        for road in roads:
            if missing := self._missing(road):
                return Outcome.INCONCLUSIVE, f"too little was seen: {missing}"
        for road in roads:
            if wrong := self._wrong(road):
                return Outcome.FAILED, f"by the road '{road.road}': {wrong}"
        return Outcome.SUCCESSFUL, "within the limits"

    def _missing(self, road: Sampled) -> str:
        """What one road lacks to be judged; empty when nothing."""
        seen = self._settled(road.complete) if self._slowest else road.complete
        if len(seen) >= self._settings.minimum_samples:
            return ""
        waiting = sum(sample.pending for sample in road.sent)
        still = f", then {waiting} unanswered so far" if waiting else ""
        return f"{len(seen)} of {self._settings.minimum_samples} samples by the road '{road.road}'{still}"

    def _wrong(self, road: Sampled) -> str:
        """Why one road with enough samples is not good; empty when it is."""
        complete = road.complete
        bad = [sample for sample in road.without_stable(complete) if sample.bad]
        if self._errors.unit is Unit.PERCENT and not self._errors.holds(100 * len(bad) / len(complete)):
            return story(bad, len(complete))
        settled = self._settled(complete)
        if self._too_slow(settled) and self._too_slow(road.without_stable(settled)):
            return f"p95 {shown(p95(settled))} of {len(settled)} requests, limit {self._settings.p95}"
        return ""

    def _too_slow(self, samples: Sequence[Sample]) -> bool:
        return self._slowest is not None and bool(samples) and not self._slowest.holds(p95(samples))

    def _settled(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """Those that were sent after the warm-up: a version that has just got users may be slow for a moment."""
        begin = min((sample.start for sample in samples), default=0.0) + self._context.warm_up
        return [sample for sample in samples if sample.start >= begin]

    def _limit(self) -> str:
        slowest = f", p95 {self._slowest.text}" if self._slowest else ""
        return f"errors {self._errors.text}{slowest}"

    def close(self) -> None:
        """Nothing is held: the sampler belongs to `measure/`."""


def _sent(roads: Sequence[Sampled]) -> int:
    return sum(len(road.sent) for road in roads)


def _all_failures(bad: Sequence[Sample], roads: Sequence[Sampled]) -> str:
    """Those of earlier weights were sent before what this window counts."""
    early = sum(sample.rung is not None for sample in bad)
    return story(bad, _sent(roads) + early) + (f" ({early} of them sent at an earlier weight)" if early else "")


def open(context: GateContext, settings: Settings) -> SyntheticGate:
    return SyntheticGate(context, settings)
