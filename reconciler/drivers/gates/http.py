"""Gate `http`: ask one address once; an answer that is not the expected one is Failed, no answer is Error."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from reconciler.core.model import Outcome
from reconciler.core.reading import GateReading, Window
from reconciler.drivers.http import Answer, Client
from reconciler.drivers.protocols import GateContext, reading
from reconciler.drivers.reach import Path, Url, get, one_place
from reconciler.durations import Duration
from reconciler.errors import ReconcilerError

MAX_BYTES = 1 << 20


class Settings(BaseModel):
    """`path` is asked at the newcomer, through the gateway; `url` wherever the operator's file allows."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    path: Path | None = Field(None, description="Asked at the newcomer.")
    url: Url | None = Field(None, description="Asked as it is, if its host is allowed.")
    expect_status: int = Field(200, ge=100, le=599, strict=True)
    contains: str | None = Field(None, min_length=1, max_length=10_000, description="Text that the answer must hold.")
    timeout: Duration = Field(2.0, gt=0, le=60)
    max_bytes: int = Field(MAX_BYTES, ge=1, le=MAX_BYTES, strict=True, description="A longer answer is Failed.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        one_place(self.path, self.url)
        return self


class HttpGate:
    def __init__(self, context: GateContext, settings: Settings, client: Client) -> None:
        self._context, self._settings, self._client = context, settings, client

    def run(self, window: Window) -> GateReading:
        limit = f"status {self._settings.expect_status}"
        try:
            answer = self._ask(window)
        except ReconcilerError as error:
            return reading(window, self._context.name, Outcome.ERROR, str(error), limit=limit)
        wrong = self._wrong(answer)
        value = f"status {answer.status} in {answer.seconds * 1000:.0f} ms"
        outcome = Outcome.FAILED if wrong else Outcome.SUCCESSFUL
        reason = wrong or "answered as expected"
        return reading(window, self._context.name, outcome, reason, value=value, limit=limit, samples=1)

    def _ask(self, window: Window) -> Answer:
        wanted = self._settings
        deadline = min(wanted.timeout, self._context.deadline)
        place = (wanted.path, wanted.url)
        return get(self._context, window, self._client, *place, deadline=deadline, max_bytes=wanted.max_bytes)

    def _wrong(self, answer: Answer) -> str:
        """Why this is not the expected answer; empty when it is."""
        expected = self._settings
        if answer.status != expected.expect_status:
            moved = " (redirects are not followed)" if 300 <= answer.status < 400 else ""
            return f"status {answer.status} instead of {expected.expect_status}{moved}"
        if not answer.whole:
            return f"the answer is longer than {expected.max_bytes} bytes"
        if expected.contains is not None and expected.contains.encode() not in answer.body:
            return "the answer does not hold the expected text"
        return ""

    def close(self) -> None:
        self._client.close()


def open(context: GateContext, settings: Settings) -> HttpGate:
    return HttpGate(context, settings, Client())
