"""A journey as it is written in a manifest: its requests, and how many a second."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from reconciler.drivers.journey import ID, Step

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


class Asked(BaseModel):
    """What is sent to a path of the environment's own address, and which status must come back."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    method: Literal["GET", "POST"] = "GET"
    path: str = Field(pattern=r"^/[!-~]*$", max_length=2000)
    body: str | None = Field(None, max_length=65536)
    content_type: str = Field("application/json", pattern=r"^[!-~][ -~]*$", max_length=200)
    expect_status: int = Field(200, ge=100, le=599, strict=True)


class Request(Asked):
    """One step of the journey."""

    name: str | None = Field(None, min_length=1, max_length=60)
    contains: str | None = Field(None, min_length=1, max_length=10_000)
    upload: int = Field(
        0, ge=0, le=1 << 19, strict=True, description="POST so many bytes; {id} in the path names them."
    )
    download: str = Field("", max_length=60, description="The step whose upload must come back, byte for byte.")

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if self.upload and self.download:
            raise ValueError("expected 'upload' or 'download', not both")
        if (ID in self.path) is not bool(self.upload or self.download):
            raise ValueError(f"'{ID}' in the path and 'upload' or 'download' belong together")
        if self.upload and (self.body is not None or self.name is None):
            raise ValueError("an upload makes its own body, and needs a name to be downloaded by")
        return self

    def step(self) -> Step:
        method = "POST" if self.upload else self.method
        written = self.model_dump(exclude={"name", "method"})
        return Step(**written, method=method, name=self.name or f"{method} {self.path}"[:60])


def _found_again(journey: tuple[Request, ...]) -> tuple[Request, ...]:
    """Raises ValueError for a download of what is never uploaded."""
    uploads = {request.name for request in journey if request.upload}
    for request in journey:
        if request.download and request.download not in uploads:
            raise ValueError(f"'{request.download}' is no step with 'upload' in this journey")
    return journey


JourneyWritten = Annotated[tuple[Request, ...], AfterValidator(_found_again)]
