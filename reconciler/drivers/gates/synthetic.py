"""Gate `synthetic`: judge a steady synthetic journey, by the newcomer's forced road and by the road that users take.

The requests are sent by a sampler (`measure/`), long before and after this gate is asked; here they are only judged.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from reconciler.core.model import GateReading, Outcome, Slot, Window
from reconciler.drivers.journey import Journey, Step
from reconciler.drivers.protocols import GateContext, Road, Sample, reading
from reconciler.drivers.thresholds import Threshold, Unit, threshold
from reconciler.durations import Duration

USERS = "users"
MAX_RATE = 300.0  # per second and road: what the generator keeps up with


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


def _rate(value: Any) -> Any:
    parts = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) */ *s", value) if isinstance(value, str) else None
    if isinstance(value, bool) or (isinstance(value, str) and parts is None):
        raise ValueError("expected requests per second, e.g. 5 or 5/s")
    return float(parts[1]) if parts else value


Rate = Annotated[
    float,
    BeforeValidator(_rate),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_RATE},
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? */ *s$"},
            ]
        }
    ),
]


class Roads(StrEnum):
    FORCED = "forced"  # to the newcomer, whatever the weights
    USERS = "users"  # as users go, to whichever slot
    BOTH = "both"


class Request(BaseModel):
    """One step of the journey."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    name: str | None = Field(None, min_length=1, max_length=60)
    method: Literal["GET", "POST"] = "GET"
    path: str = Field(pattern=r"^/[!-~]*$", max_length=2000)
    body: str | None = Field(None, max_length=65536)
    content_type: str = Field("application/json", pattern=r"^[!-~][ -~]*$", max_length=200)
    expect_status: int = Field(200, ge=100, le=599, strict=True)
    contains: str | None = Field(None, min_length=1, max_length=10_000)

    def step(self) -> Step:
        return Step(**self.model_dump(exclude={"name"}), name=self.name or f"{self.method} {self.path}"[:60])


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    journey: tuple[Request, ...] = Field(min_length=1, max_length=50)
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


def plan(settings: Settings, roads: Mapping[str, Road], newcomer: Slot) -> Journey:
    """What a sampler must send for this gate to be judged."""
    steps = tuple(request.step() for request in settings.journey)
    wanted = {name: roads[name] for name in settings.names(newcomer)}
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
        samples = source.since(window)
        roads = {
            name: [sample for sample in samples if sample.road == name]
            for name in self._settings.names(window.newcomer.slot)
        }
        outcome, reason = self._judge(roads, source.problem())
        judged = [sample for road in roads.values() for sample in road]
        shown = {"value": self._value(roads), "limit": self._limit(), "samples": len(judged)}
        return reading(window, self._context.name, outcome, reason, **shown)

    def _judge(self, roads: Mapping[str, Sequence[Sample]], problem: str) -> tuple[Outcome, str]:
        """What was seen to be wrong stays wrong, even if nothing more can be seen; all else needs enough samples."""
        every = [sample for road in roads.values() for sample in road]
        if self._errors.unit is Unit.COUNT and not self._errors.holds(len(_bad(every))):
            return Outcome.FAILED, _story(every)
        if problem:
            return Outcome.ERROR, problem
        for name, sent in roads.items():
            samples = self._settled(sent) if self._slowest else sent
            if len(samples) < self._settings.minimum_samples:
                missing = f"{len(samples)} of {self._settings.minimum_samples} samples by the road '{name}'"
                return Outcome.INCONCLUSIVE, f"too little was seen: {missing}"
        for name, samples in roads.items():
            if wrong := self._wrong(samples):
                return Outcome.FAILED, f"by the road '{name}': {wrong}"
        return Outcome.SUCCESSFUL, "within the limits"

    def _wrong(self, samples: Sequence[Sample]) -> str:
        """Why one road with enough samples is not good; empty when it is."""
        if self._errors.unit is Unit.PERCENT and not self._errors.holds(100 * len(_bad(samples)) / len(samples)):
            return _story(samples)
        settled = self._settled(samples)
        if self._slowest is not None and not self._slowest.holds(p95(settled)):
            return f"p95 {_shown(p95(settled))} of {len(settled)} requests, limit {self._slowest.text}"
        return ""

    def _settled(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """Those that were sent after the warm-up: a version that has just got users may be slow for a moment."""
        begin = min((sample.start for sample in samples), default=0.0) + self._context.warm_up
        return [sample for sample in samples if sample.start >= begin]

    def _value(self, roads: Mapping[str, Sequence[Sample]]) -> str:
        """`sent = ok + failed + unknown` for each road, so that nobody has to ask where a request went."""
        return "; ".join(f"{name}: {_account(samples)}" for name, samples in roads.items())

    def _limit(self) -> str:
        slowest = f", p95 {self._slowest.text}" if self._slowest else ""
        return f"errors {self._errors.text}{slowest}"

    def close(self) -> None:
        """Nothing is held: the sampler belongs to `measure/`."""


def p95(samples: Sequence[Sample]) -> float:
    """Seconds, nearest rank. A request without an answer took for ever: it must not make the rest look fast."""
    latencies = sorted(math.inf if sample.status is None else sample.latency for sample in samples)
    return latencies[math.ceil(0.95 * len(latencies)) - 1]


def _bad(samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if not sample.ok]


def _account(samples: Sequence[Sample]) -> str:
    unknown = sum(sample.status is None for sample in samples)
    failed = len(_bad(samples)) - unknown
    ok = len(samples) - failed - unknown
    slow = f", p95 {_shown(p95(samples))}" if samples else ""
    return f"{len(samples)} sent = {ok} ok + {failed} failed + {unknown} unknown{slow}"


def _story(samples: Sequence[Sample]) -> str:
    """`3 of 40 requests failed, most often search by blue: status 500 instead of 200`."""
    bad = _bad(samples)
    kinds = Counter((sample.step, sample.slot or sample.road, sample.error) for sample in bad)
    (step, slot, error), _ = kinds.most_common(1)[0]
    return f"{len(bad)} of {len(samples)} requests failed, most often {step} by {slot}: {error}"


def _shown(seconds: float) -> str:
    return "without answer" if math.isinf(seconds) else f"{seconds * 1000:.0f} ms"


def open(context: GateContext, settings: Settings) -> SyntheticGate:
    return SyntheticGate(context, settings)
