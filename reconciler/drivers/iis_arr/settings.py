"""What a manifest may say about a gateway that is an IIS with ARR."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reconciler.drivers.named import Name, Named
from reconciler.durations import Duration


class Settings(BaseModel):
    """Beside `kind`. Where it is stands in the operator's file."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    farm: Annotated[Name, Named("farms"), Field(description="[farms.NAME] of the operator's file")]
    sessions: Literal["shared", "sticky"] = Field(
        default="shared",
        description="shared: every request is drawn on its own; sticky: a client stays with its slot, by ARR's cookie",
    )
    timeout: Duration = Field(20.0, gt=0, le=120, description="for one look, or one change")
