"""Gate `regression`: is the newcomer worse than stable, given what both served at the same time?

It may be looked at after every request, and still rolls a healthy version back with the stated risk at most. Users'
requests are compared as the gateway counts them; with a `journey`, our own are sent to both slots by their forced roads
and are compared as well: the only ones that tell about latency, and about anything once stable has no users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.core.confidence import Confidence
from reconciler.core.detection import Race
from reconciler.core.explanation import Metric, explain
from reconciler.core.model import Outcome, Slot
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.compared import Compared, compared
from reconciler.drivers.journey import Journey
from reconciler.drivers.journey_written import MAX_RATE, JourneyWritten, Rate
from reconciler.drivers.protocols import GateContext, Road, reading
from reconciler.drivers.sampled import USERS, Sampled
from reconciler.drivers.thresholds import Unit, threshold
from reconciler.drivers.weighed import Weighed, worse, worst
from reconciler.durations import Duration

CONFIDENT = True  # it can say that the evidence is enough
BETA = 0.05  # chance to call one that is clearly worse good enough
ALARM = "it fails more often than was known of stable before, who has no users to compare with now"
MOST = 19.0  # percent; five times as many would be all


def _share(text: str) -> str:
    if not 0 < threshold(text, Unit.PERCENT, upper=True).value <= MOST:
        raise ValueError(f"'{text}' makes no sense as an objective, expected above 0 % and at most {MOST:g} %")
    return text


def _slower(text: str) -> str:
    threshold(text, Unit.PERCENT, upper=True)
    return text


class Settings(BaseModel):
    """Every key has a value that needs no statistician."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    false_rollback_risk: float = Field(0.001, gt=0, le=0.1, description="Of rolling a healthy version back, at most.")
    tolerated_ratio: float = Field(1.0, ge=1, le=10, description="How many times as bad the new version may be.")
    objective: Annotated[str, AfterValidator(_share)] = Field(
        "<= 0.1 %", pattern=r"^<=? *[0-9.]+ *%$", description="Bad answers that are good enough, whatever stable does."
    )
    minimum_samples: int = Field(50, ge=1, le=1_000_000, strict=True, description="Of the new version, at each weight.")
    journey: JourneyWritten = Field((), max_length=50, description="Sent to both slots, by their forced roads.")
    rate: Rate = Field(5.0, gt=0, le=MAX_RATE, description="Requests per second and slot.")
    timeout: Duration = Field(2.0, gt=0, le=60, description="For one request.")
    slower: Annotated[str, AfterValidator(_slower)] = Field(
        "<= 20 %", pattern=r"^<=? *[0-9.]+ *%$", description="By how much the new version may be slower than stable."
    )

    @property
    def floor(self) -> float:
        return threshold(self.objective, Unit.PERCENT).value / 100

    def enough(self) -> Confidence:
        """With two sources either may be enough, so each takes half of the risk."""
        return Confidence(BETA / 2 if self.journey else BETA, floor=self.floor)


def begin(settings: Settings) -> Weighed:
    """The evidence of users' requests, before the first look."""
    alpha, ratio = settings.false_rollback_risk, settings.tolerated_ratio
    enough = settings.enough()
    return Weighed(Race(alpha, ratio), Race(alpha, ratio), enough, enough, settings.floor)


def plan(settings: Settings, roads: Mapping[str, Road], begun: Window) -> Journey | None:  # noqa: ARG001
    """The same requests to both slots at the same time; None: users' requests alone are compared."""
    if not settings.journey:
        return None
    steps = tuple(request.step() for request in settings.journey)
    return Journey(steps, {str(slot): roads[str(slot)] for slot in Slot}, settings.rate, settings.timeout)


class RegressionGate:
    def __init__(self, context: GateContext, settings: Settings) -> None:
        self._context, self._settings = context, settings

    def run(self, window: Window) -> GateReading:
        name = self._context.name
        if self._context.evidence is None:
            return reading(window, name, Outcome.ERROR, "nobody counts what the gateway's users get")
        users = self._context.evidence(name)(window)
        ours, problem = self._ours(window)
        outcome, reason = self._judge(window, users, ours, problem)
        sure = users.enough.sure or (ours is not None and ours.enough.sure)
        alarm = users.baseline is not None and users.baseline.alarm
        shown = {"value": self._value(users), "limit": self._limit(), "samples": _samples(users, ours)}
        shown |= {"alert": ALARM if alarm else ""}
        return reading(window, name, outcome, reason, confident=sure, **shown)

    def _ours(self, window: Window) -> tuple[Compared | None, str]:
        """What our own requests show, and why they may show nothing."""
        settings = self._settings
        if not settings.journey:
            return None, ""
        if self._context.samples is None:
            return None, "no sampler runs for this gate"
        source = self._context.samples(self._context.name)
        told = source.since(window)
        tolerance = threshold(settings.slower, Unit.PERCENT).value / 100
        first = Compared.begin(settings.false_rollback_risk, settings.tolerated_ratio, settings.enough(), tolerance)
        newcomer, stable = (Sampled(str(one.slot), window, told) for one in (window.newcomer, window.stable))
        void = newcomer.void(1) or stable.void(1)
        ours = compared(first, newcomer, stable, self._context.warm_up, settings.rate)
        return ours, source.problem() or void

    def _judge(self, window: Window, users: Weighed, ours: Compared | None, problem: str) -> tuple[Outcome, str]:
        """What speaks against the newcomer stays, even if nothing more can be seen; all else needs enough of it."""
        metrics = {(USERS, metric): race for metric, race in users.metrics.items()}
        metrics |= {("ours", metric): race for metric, race in (ours.metrics if ours else {}).items()}
        (source, metric), race = worst(metrics)
        said = self._explained(window, source, metric, race)
        if worse(metrics, self._settings.false_rollback_risk):
            return Outcome.FAILED, said
        if problem:
            return Outcome.ERROR, problem
        seen, least = _samples(users, ours), self._settings.minimum_samples
        if seen < least:
            blind = f"; {users.blind} looks told nothing" if users.blind else ""
            return Outcome.INCONCLUSIVE, f"{seen} of {least} requests of the new version at this weight{blind}"
        return Outcome.SUCCESSFUL, said

    def _explained(self, window: Window, source: str, metric: Metric, race: Race) -> str:
        said = explain(race, metric, newcomer=str(window.newcomer.slot), stable=str(window.stable.slot))
        return said if source == USERS else f"by our own requests, {said}"

    def _value(self, users: Weighed) -> str:
        enough = ", enough to go on" if users.enough.sure else ""
        return f"{users.here.bad} of {users.here.requests} users' requests failed at this weight, uncapped{enough}"

    def _limit(self) -> str:
        ratio = self._settings.tolerated_ratio
        tolerated = f", toleratedRatio {ratio:g}" if ratio != 1 else ""
        return f"falseRollbackRisk {self._settings.false_rollback_risk:g}{tolerated}"

    def close(self) -> None:
        """Nothing is held: evidence and sampler belong to `measure/`."""


def _samples(users: Weighed, ours: Compared | None) -> int:
    """Answers of the newcomer at this weight, users' and our own."""
    return users.here.requests + (ours.errors.newcomer.requests if ours else 0)


def open(context: GateContext, settings: Settings) -> RegressionGate:
    return RegressionGate(context, settings)
