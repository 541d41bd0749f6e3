"""What a manifest may say about every gateway that has an address of its own."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from reconciler.drivers.local.addresses import host_and_port
from reconciler.drivers.named import Name, Named

DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION_SCHEMA = {
    "anyOf": [{"type": "string", "pattern": f"^{DURATION.pattern}$"}, {"type": "number", "exclusiveMinimum": 0}]
}


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = DURATION.fullmatch(value)
    if match is None:
        raise ValueError(f"'{value}' is no duration, expected a number with ms, s, m or h, such as 4s")
    return float(match[1]) * UNITS[match[2]]


def _address(value: str) -> str:
    host_and_port(value)
    return value


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_seconds), WithJsonSchema(DURATION_SCHEMA)]

Address = Annotated[str, AfterValidator(_address)]


class Settings(BaseModel):
    """Beside `kind`. A driver adds what is its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    listen: Address = Field(default="127.0.0.1:8080", description="host:port for users")
    sessions: Literal["shared", "sticky"] = Field(
        default="shared", description="shared: every request is drawn on its own; sticky: a client stays with its slot"
    )
    access_log: bool = Field(default=True, description="one JSON line per request, in the gateway's folder")
    certificate: Annotated[Name | None, Named("certificates")] = Field(
        default=None,
        description="HTTPS, with what the operator's file defines as [certificates.NAME]; without: HTTP",
    )
