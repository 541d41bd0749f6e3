"""A journey as it is written in a manifest: its requests, and how many a second."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from reconciler.drivers.journey import Step

MAX_RATE = 300.0  # per second and road: what the generator keeps up with


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
