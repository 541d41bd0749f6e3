"""Gate `queue-delay`: the oldest job waits no longer than a limit."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator

from reconciler.core.reading import GateReading, Window
from reconciler.drivers.figures.figure import Figure, Limit, LimitText, Time, judged
from reconciler.drivers.figures.sources import Sources
from reconciler.drivers.http import Client
from reconciler.drivers.protocols import GateContext
from reconciler.durations import Duration
from reconciler.errors import Refused

SKEW = 1.0  # seconds that two clocks may differ: a job that is younger than nothing


class Settings(Sources):
    """`unit` is what the source gives: the age of the oldest job, 0 when there is none."""

    INTERVAL: ClassVar = 5.0  # seconds between two answers, where nobody says

    unit: Time
    limit: LimitText
    timeout: Duration = Field(5.0, gt=0, le=60)

    @field_validator("limit")
    @classmethod
    def _a_duration(cls, limit: str) -> str:
        Limit.of(limit, "s", upper=True)
        return limit


class QueueDelayGate:
    def __init__(self, context: GateContext, settings: Settings, client: Client) -> None:
        self._context, self._settings, self._client = context, settings, client
        self._limit = Limit.of(settings.limit, settings.unit, upper=True)

    def run(self, window: Window) -> GateReading:
        return judged(self._context.name, window, lambda: self._age(window), self._limit)

    def _age(self, window: Window) -> Figure:
        deadline = min(self._settings.timeout, self._context.deadline)
        found = self._settings.figure(self._context, window, self._client, deadline)
        if found.value is not None and self._limit.measured(found.value) < -SKEW:
            age = self._limit.shown(self._limit.measured(found.value))
            raise Refused(f"an age of {age} makes no sense; do the clocks agree?")
        return found

    def close(self) -> None:
        self._client.close()


def open(context: GateContext, settings: Settings) -> QueueDelayGate:
    return QueueDelayGate(context, settings, Client())
