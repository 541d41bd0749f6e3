"""Gate `prometheus`: one number that an instant query gives, within a limit."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from reconciler.core.reading import GateReading, Window
from reconciler.drivers.figures.figure import Limit, LimitText, Scale, judged
from reconciler.drivers.figures.prometheus import PrometheusSource
from reconciler.drivers.http import Client
from reconciler.drivers.protocols import GateContext
from reconciler.durations import Duration


class Settings(PrometheusSource):
    """`unit` is what the query gives, `limit` what people read; without a unit both are plain numbers."""

    INTERVAL: ClassVar = 5.0  # seconds between two answers, where nobody says

    unit: Scale | None = None
    limit: LimitText
    timeout: Duration = Field(5.0, gt=0, le=60)

    @field_validator("limit")
    @classmethod
    def _fits(cls, limit: str, info: ValidationInfo) -> str:
        if "unit" in info.data:
            Limit.of(limit, info.data["unit"])
        return limit


class PrometheusGate:
    def __init__(self, context: GateContext, settings: Settings, client: Client) -> None:
        self._context, self._settings, self._client = context, settings, client
        self._limit = Limit.of(settings.limit, settings.unit)

    def run(self, window: Window) -> GateReading:
        deadline = min(self._settings.timeout, self._context.deadline)
        return judged(
            self._context.name,
            window,
            lambda: self._settings.read(self._context, window, self._client, deadline),
            self._limit,
        )

    def close(self) -> None:
        self._client.close()


def open(context: GateContext, settings: Settings) -> PrometheusGate:
    return PrometheusGate(context, settings, Client())
