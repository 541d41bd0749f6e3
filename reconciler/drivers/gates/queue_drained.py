"""Gate `queue-drained`: nothing is left in a queue, twice in a row. What cannot be read is not empty."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from reconciler.clock import SYSTEM, Clock
from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.figures.figure import Figure, Limit, LimitText, judged
from reconciler.drivers.figures.sources import Sources
from reconciler.drivers.folders.folder import Ignored, count, tree
from reconciler.drivers.http import Client
from reconciler.drivers.named import Name, Named
from reconciler.drivers.patience import Patience
from reconciler.drivers.protocols import GateContext
from reconciler.durations import Duration, write
from reconciler.errors import Refused, Unreachable


class Settings(Sources):
    """How many jobs are left: the files of a folder, or a number that somebody gives."""

    KNOWN: ClassVar = ("folder", *Sources.KNOWN)
    INTERVAL: ClassVar = 1.0  # seconds between two answers, where nobody says

    folder: Annotated[Name | None, Named("folders"), Field(description="[folders.NAME] of the operator's file.")] = None
    ignore: Ignored = ()
    limit: LimitText = "<= 0"
    apart: Duration = Field(1.0, gt=0, le=30, description="Between the two looks.")
    timeout: Duration = Field(5.0, gt=0, le=60, description="For one look.")

    @field_validator("limit")
    @classmethod
    def _a_number(cls, limit: str) -> str:
        Limit.of(limit, None, upper=True)
        return limit

    @model_validator(mode="after")
    def _of_a_folder(self) -> Self:
        if self.ignore and self.folder is None:
            raise ValueError("'ignore' is for a 'folder' only")
        return self


class QueueDrainedGate:
    def __init__(
        self,
        context: GateContext,
        settings: Settings,
        client: Client,
        pause: Callable[[float], None] = time.sleep,
        clock: Clock = SYSTEM,
    ) -> None:
        self._context, self._settings, self._client = context, settings, client
        self._pause, self._clock, self._patience = pause, clock, Patience()
        self._limit = Limit.of(settings.limit, None, upper=True)

    def run(self, window: Window) -> GateReading:
        """A job between two workers' hands is in no queue for a moment: so empty once is not enough."""
        first = self._look(window)
        if first.outcome is not Outcome.SUCCESSFUL:
            return first
        self._pause(self._settings.apart)
        second = self._look(window)
        if second.outcome is not Outcome.SUCCESSFUL:
            return second
        reason = f"{second.value} left, twice in a row, {write(self._settings.apart)} apart"
        return replace(second, samples=2, reason=reason)

    def _look(self, window: Window) -> GateReading:
        """A queue that is not drained yet is no failure of anybody's."""
        found = judged(self._context.name, window, lambda: self._left(window), self._limit)
        if found.outcome is not Outcome.FAILED:
            return found
        return replace(found, outcome=Outcome.RUNNING, reason=f"not drained yet: {found.value} left")

    def _left(self, window: Window) -> Figure:
        deadline = min(self._settings.timeout, self._context.deadline)
        if self._settings.folder is None:
            found = self._settings.figure(self._context, window, self._client, deadline)
        else:
            until = self._clock.monotonic() + deadline
            found = self._patience.ask(lambda: Figure(self._files(until)), deadline)
        if found.value is not None and found.value < 0:
            raise Refused(f"{found.value:g} jobs make no sense")
        return found

    def _files(self, until: float) -> float:
        def check() -> None:
            if self._clock.monotonic() > until:
                raise Unreachable("its files cannot be counted in time")

        return float(count(tree(self._settings.folder or "", self._context, self._settings.ignore, check)))

    def close(self) -> None:
        self._client.close()


def open(context: GateContext, settings: Settings) -> QueueDrainedGate:
    return QueueDrainedGate(context, settings, Client())
